//! Requests to the admin API that take memory, against the program in less memory than its pod has.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use trigger_core::{DeliveryId, ObjectKey, Ordinal, ResourceRef};
use trigger_journal::{Address, CheckRecord, Decided, DecisionRecord, OutcomeRecord};
use trigger_testkit::memory_cgroup::MemoryCgroup;

use super::delivery;
use crate::apart::{cluster, free_port};

/// `resources.limits.memory` of the shipped pod.
const MEMORY: u64 = 256 << 20;
/// A start, or all responses, on a busy machine.
const SOON: Duration = Duration::from_mins(1);

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// Decisions of about 40 KiB.
fn decisions() -> Vec<DecisionRecord> {
    let check = || CheckRecord {
        predicate: "branch".to_owned(),
        passed: false,
        expected: "main".repeat(16),
        found: "a-branch".repeat(16),
    };
    let decision = |index| DecisionRecord {
        owner: ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", format!("web-{index}"))),
        event: Ordinal::FIRST,
        rule: "push".repeat(8),
        index: 0,
        outcome: OutcomeRecord::Skipped { reason: "branch-not-listed".to_owned(), message: "m".repeat(80) },
        checks: vec![check(), check()],
        further: 0,
    };
    (0..60).map(decision).collect()
}

/// A journal with five hundred deliveries of many decisions, and one of a large body.
async fn fill(path: &Path) -> DeliveryId {
    let journal = trigger_journal::open(&Address::Sqlite(path.to_owned())).await.unwrap();
    for number in 0..500 {
        let decided = Decided { decisions: decisions(), ..Decided::default() };
        let small = delivery("team-a", &number.to_string(), Bytes::from_static(b"{}"));
        journal.append_decided(small, Some(decided)).await.unwrap();
    }
    // No compression makes it much shorter.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take((24 << 20) / 8)
    .flatten()
    .collect();
    let large = delivery("team-a", "large", noise.into());
    let id = large.value().id.clone();
    journal.append_decided(large, Some(Decided::default())).await.unwrap();
    journal.close().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_pages_and_bodies_are_read_within_a_budget() {
    let Some(cgroup) = MemoryCgroup::for_test("large pages of the admin API", MEMORY) else { return };
    let cluster = cluster().await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.db");
    let large = fill(&journal).await;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
    let (hooks, admin) = (free_port(), free_port());
    let mut command = cgroup.command(env!("CARGO_BIN_EXE_shipwright-trigger"));
    command.args(["serve", "--log", "off", "--admin-auth", "none"]);
    command.args(["--listen", &hooks.to_string(), "--admin-listen", &admin.to_string()]);
    command.args(cluster.watched().iter().flat_map(|name| ["--namespace", name]));
    command.env("SHIPWRIGHT_TRIGGER_JOURNAL", format!("sqlite:{}", journal.display()));
    // As in the manifests.
    command.env("KUBECONFIG", kubeconfig).env("MIMALLOC_PURGE_DELAY", "0");
    let _served = Served(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    let ready = || reqwest::get(format!("http://{admin}/readyz"));
    while !ready().await.is_ok_and(|ready| ready.status() == 200) {
        assert!(began.elapsed() < SOON, "the program is not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let mut requests = JoinSet::new();
    let paths = ["/deliveries?limit=500".to_owned(), format!("/deliveries/{large}/payload")];
    for path in paths.iter().cycle().take(40) {
        let url = format!("http://{admin}/api/v1{path}");
        requests.spawn(async move {
            let response = reqwest::get(url).await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.bytes().await?.len()))
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = tokio::time::timeout(SOON, requests.join_next()).await.unwrap() {
        answers.push(answer.unwrap().unwrap_or((0, 0)));
    }
    assert_eq!(cgroup.oom_kills().unwrap(), 0, "{answers:?}");
    assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 503)), "{answers:?}");
    for least in [100_000, 20 << 20] {
        let read = answers.iter().any(|(status, length)| *status == 200 && *length > least);
        assert!(read, "some are answered in full: {answers:?}");
    }
}
