//! The volume of the journal is full: senders are told to come again, nothing acknowledged is lost, and when
//! there is room again everything goes on by itself.

use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use trigger_core::RepoId;
use trigger_devcluster::Gvr;
use trigger_providers::{Sample, SampleKind};

use crate::apart::{cluster, free_port, repository};
use crate::world::{KEY, SHA, annotation, compose, hook_path, played, sign};

/// A sender that waits no longer must have got its 503 before.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_mins(1);

/// The binary, with its journal on a volume of 4 MiB that holds 2 MiB of something else.
struct Confined(Child);

impl Confined {
    fn start(folder: &Path, watched: Option<&str>, hooks: SocketAddr, admin: SocketAddr) -> Self {
        let script =
            "mount -t tmpfs -o size=4m tmpfs \"$0\" && head -c 2M /dev/zero > \"$0/ballast\" && exec \"$@\"";
        let volume = folder.join("volume");
        std::fs::create_dir(&volume).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(&volume);
        command.arg(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.args([
            "serve",
            "--log",
            "off",
            "--listen",
            &hooks.to_string(),
            "--admin-listen",
            &admin.to_string(),
        ]);
        command.args(watched.iter().flat_map(|name| ["--namespace", name]));
        command.arg("--journal").arg(volume.join("journal.db"));
        command.env("KUBECONFIG", folder.join("kubeconfig")).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Takes the something else away.
    fn make_room(&self, folder: &Path) {
        let seen_from_there = format!("/proc/{}/root{}/volume/ballast", self.0.id(), folder.display());
        std::fs::remove_file(seen_from_there).unwrap();
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// Whether a process here may mount a volume of its own.
fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    let can = tried.is_ok_and(|tried| tried.status.success());
    let required = std::env::var_os("TRIGGER_REQUIRE_UNSHARE").is_some();
    assert!(can || !required, "namespaces are required and may not be made here");
    if !can {
        stderr()
            .write_all(b"skipped for want of user namespaces: a_full_disk_refuses_and_recovers\n")
            .unwrap();
    }
    can
}

/// A push whose body is 64 KiB of what no compression makes shorter.
fn large_push(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let noise: String = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state >> 32 & 63).unwrap()).to_string().replace(['"', '\\'], "~")
    })
    .take(64 << 10)
    .collect();
    let request = compose(played(), &push());
    let mut payload: Value = serde_json::from_slice(&request.body).unwrap();
    payload["noise"] = noise.into();
    payload.to_string().into_bytes()
}

fn push() -> Sample {
    Sample {
        repository: RepoId::parse(&repository()).unwrap(),
        default_branch: "main".to_owned(),
        sender: "ada".to_owned(),
        kind: SampleKind::Push { full_ref: "refs/heads/main".to_owned(), commit: SHA.to_owned() },
    }
}

async fn post(http: &reqwest::Client, hooks: SocketAddr, body: Vec<u8>) -> reqwest::Response {
    let headers = sign(played(), compose(played(), &push()).event, "id", &body, Some(KEY));
    let url = format!("http://{hooks}{}", hook_path(played()));
    http.post(url).headers(headers).body(body).send().await.unwrap()
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_recovers() {
    if !can_mount() {
        return;
    }
    let dev = cluster().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kubeconfig"), dev.kubeconfig()).unwrap();
    let (hooks, admin) = (free_port(), free_port());
    let program = Confined::start(folder.path(), dev.watched(), hooks, admin);
    let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
    let readyz = || async {
        let answer = http.get(format!("http://{admin}/readyz")).send().await.ok()?;
        Some((answer.status(), answer.text().await.ok()?))
    };
    until("it is ready", || async { readyz().await.filter(|(status, _)| *status == StatusCode::OK) }).await;

    let mut acknowledged = Vec::new();
    let mut number = 0;
    // The first refusal makes room of its own, by moving the log into the main file; after several in a row
    // there is none left.
    let mut rejections = 0;
    while rejections < 3 {
        number += 1;
        assert!(number < 1000, "the volume never fills");
        let answer = post(&http, hooks, large_push(number)).await;
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert!(answer.headers().contains_key("retry-after"));
            rejections += 1;
        } else {
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
            let body: Value = answer.json().await.unwrap();
            acknowledged.push(body["delivery"].as_str().unwrap().to_owned());
            rejections = 0;
        }
    }
    assert!(acknowledged.len() > 3, "{} were kept before it was full", acknowledged.len());
    let (_, reason) = until("it is not ready", || async {
        readyz().await.filter(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE)
    })
    .await;
    assert!(reason.contains("full"), "{reason}");

    program.make_room(folder.path());
    until("it is ready again", || async { readyz().await.filter(|(status, _)| *status == StatusCode::OK) })
        .await;
    let answer = post(&http, hooks, large_push(number)).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "what was refused is taken in now");
    let body: Value = answer.json().await.unwrap();
    acknowledged.push(body["delivery"].as_str().unwrap().to_owned());
    let runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    until("every acknowledged delivery has its run", || async {
        let runs = dev.store().list(&runs, dev.namespace()).await.unwrap();
        let has = |id: &String| runs.iter().filter(|run| annotation(run, "delivery") == id).count() == 1;
        acknowledged.iter().all(has).then_some(())
    })
    .await;
}
