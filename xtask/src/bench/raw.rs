//! What the parts achieve by themselves: nothing built on them can be faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_cluster::{CoalescingSecretReader, connect};
use trigger_core::{Credentials, Delivery, DeliveryId, ObjectKey, RepoId, Unsigned, Verified, Verifier};
use trigger_journal::{Address, AppendOutcome, Journal};
use trigger_runtime::Secrets as _;

use super::api::{Api, Ask};
use super::load::{Load, Pace};
use super::pushes::Pushes;
use super::scene;

/// How many deliveries in a second so many callers keep, each waiting for its answer.
pub(super) fn commits(
    address: &Address,
    pushes: &Pushes,
    first: u64,
    callers: usize,
    time: Duration,
) -> anyhow::Result<f64> {
    runtime()?.block_on(async {
        let journal = trigger_journal::open(address).await?;
        let next = AtomicU64::new(first);
        let caller = async || append(journal.as_ref(), pushes, &next, time).await;
        // Tasks of their own would need all this to live for ever; one that polls many does as well.
        let counts = try_join_all((0..callers).map(|_| caller())).await?;
        journal.close().await;
        Ok(counts.into_iter().sum::<u64>() as f64 / time.as_secs_f64())
    })
}

async fn append(
    journal: &dyn Journal,
    pushes: &Pushes,
    next: &AtomicU64,
    time: Duration,
) -> anyhow::Result<u64> {
    let end = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < end {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let appended = journal.append(delivery(pushes, number)?).await?;
        ensure!(appended == AppendOutcome::New, "a delivery was known already");
        count += 1;
    }
    Ok(count)
}

/// As the server makes them, but for the check of the signature.
fn delivery(pushes: &Pushes, number: u64) -> anyhow::Result<Verified<Delivery>> {
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "GitHub-Hookshot/5f00cff"),
        ("x-github-event", "push"),
        ("x-github-delivery", "00000000-0000-0000-0000-000000000000"),
    ];
    let body = pushes.body(number);
    let delivery = Delivery {
        id: DeliveryId::derive(&[&body]),
        source: "github".into(),
        path: "/hooks/github".into(),
        provider_id: Some("00000000-0000-0000-0000-000000000000".to_owned()),
        event: "push".to_owned(),
        repository: RepoId::parse(&format!("https://github.com/{}", scene::repository(0))).ok(),
        received_at: Timestamp::now(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body,
        replay: None,
    };
    let mut verifier = Verifier::new(delivery, Credentials::none());
    verifier.without_entry(&ObjectKey::new(scene::namespace(0), scene::secret_name(0)));
    verifier.finish(Unsigned::Operator).ok().context("a delivery without a verification")
}

/// How many Secrets a second the program's own client reads, no two callers the same one at a time.
pub(super) fn reads(kubeconfig: &str, repositories: usize, time: Duration) -> anyhow::Result<f64> {
    runtime()?.block_on(async {
        let connection = connect(Some(kubeconfig)).await?;
        let reads = Arc::new(CoalescingSecretReader::new(&connection));
        let end = Instant::now() + time;
        let callers = repositories.min(64);
        let tasks = (0..callers).map(|caller| {
            let reads = Arc::clone(&reads);
            tokio::spawn(async move {
                let mut count = 0_u64;
                for number in (caller..repositories).step_by(callers).cycle() {
                    let key = ObjectKey::new(scene::namespace(number), scene::secret_name(number));
                    reads.read(&key).await?;
                    count += 1;
                    if Instant::now() >= end {
                        break;
                    }
                }
                anyhow::Ok(count)
            })
        });
        let mut all = 0;
        for count in try_join_all(tasks).await? {
            all += count?;
        }
        Ok(all as f64 / time.as_secs_f64())
    })
}

/// The same by plain requests, and nothing done with the answer.
pub(super) fn plain_reads(api: &Api, repositories: usize, pace: Pace<'_>) -> anyhow::Result<Load> {
    let mut number = 0;
    api.load(pace, |ask| {
        number = (number + 1) % repositories;
        let (namespace, name) = (scene::namespace(number), scene::secret_name(number));
        *ask = Ask::get(format!("/api/v1/namespaces/{namespace}/secrets/{name}"));
        true
    })
}

/// Creates copies of `run`, until `count` are there or the time is over.
pub(super) fn creates(api: &Api, run: &Value, count: u64, pace: Pace<'_>) -> anyhow::Result<Load> {
    let namespace = run["metadata"]["namespace"].as_str().context("a run without a namespace")?;
    let object = json!({
        "apiVersion": run["apiVersion"],
        "kind": run["kind"],
        "metadata": {
            "namespace": namespace,
            "name": "run-000000000",
            "labels": run["metadata"]["labels"],
            "annotations": run["metadata"]["annotations"],
        },
        "spec": run["spec"],
    })
    .to_string();
    let path = format!("{}?fieldManager=shipwright-trigger", scene::collection(run));
    let mut number = 0;
    api.load(pace, |ask| {
        number += 1;
        let body = object.replacen("run-000000000", &format!("run-{number:09}"), 1);
        *ask = Ask::post(path.clone(), body);
        number <= count
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("no runtime")
}
