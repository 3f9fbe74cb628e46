//! Tenant A: a namespace with Builds and keys, and providers that push at fixed intervals over new connections. It
//! must not notice anything.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trigger_core::RepoId;
use trigger_providers::{ALL, Sample, SampleKind};

use super::client;

/// The namespace of tenant A.
pub(super) const NAMESPACE: &str = "victim";
/// So many repositories has it, alternately at each provider of [`ALL`].
pub(super) const REPOSITORIES: usize = 4;
const SECRET: &str = "hook";
const KEY: &str = "the webhook key of the victim";
/// Where its providers connect from. All of 127.0.0.0/8 is this machine.
const PROVIDERS: Ipv4Addr = Ipv4Addr::new(127, 7, 0, 1);
/// Providers wait for so long before a delivery counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The latency that 99 % of the pushes must not exceed.
pub(super) const P99: Duration = Duration::from_secs(1);

/// What became of the pushes.
#[derive(Debug, Default, Clone)]
pub(super) struct Pushes {
    /// Ids of acknowledged deliveries.
    pub(super) acknowledged: Vec<String>,
    /// From when a push was due until its response.
    latencies: Vec<Duration>,
    /// Other responses than 202, with the time since the start.
    pub(super) refused: Vec<(Duration, String)>,
}

/// The address of a repository of the victim. Every number is one of [`REPOSITORIES`].
pub(super) fn repository(number: usize) -> String {
    let number = number % REPOSITORIES;
    format!("https://git.{}.example/victim/repository-{number}", ALL[number % ALL.len()].name())
}

/// The Builds and the Secret of the victim.
pub(super) fn objects() -> impl Iterator<Item = Value> {
    let data: serde_json::Map<_, _> = ALL
        .iter()
        .filter_map(|provider| Some((provider.secret_entries().into_iter().next()?, json!(KEY))))
        .collect();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"namespace": NAMESPACE, "name": SECRET}, "stringData": data,
    });
    let builds = (0..REPOSITORIES).map(|number| {
        let rule =
            json!({"name": "push", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}});
        json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build",
            "metadata": {"namespace": NAMESPACE, "name": format!("build-{number}")},
            "spec": {
                "source": {"type": "Git", "git": {"url": repository(number)}},
                "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
                "output": {"image": format!("registry.invalid/victim/{number}")},
                "trigger": {"triggerSecret": SECRET, "when": [rule]},
            },
        })
    });
    std::iter::once(secret).chain(builds)
}

/// The request of a push of `commit` to a repository of the victim.
pub(super) fn push(number: u64) -> anyhow::Result<Vec<u8>> {
    signed(number, KEY.as_bytes(), "main")
}

/// The same with another key or for another branch.
pub(super) fn signed(number: u64, key: &[u8], branch: &str) -> anyhow::Result<Vec<u8>> {
    let place = usize::try_from(number % REPOSITORIES as u64)?;
    let provider = ALL[place % ALL.len()];
    let sample = Sample {
        repository: RepoId::parse(&repository(place))?,
        default_branch: "main".to_owned(),
        sender: "ada".to_owned(),
        // From 1: the commit of nothing but zeros stands for a deletion.
        kind: SampleKind::Push {
            full_ref: format!("refs/heads/{branch}"),
            commit: format!("{:040x}", number + 1),
            files: Vec::new(),
        },
    };
    let request = provider.compose(&sample)?;
    let id = format!("{number:08x}-0000-4000-8000-{:012x}", key.len());
    let headers = provider.sign(request.event, &id, &request.body, Some(key), Timestamp::now());
    Ok(client::post(&format!("/hooks/{}", provider.name()), &headers, &request.body))
}

/// Pushes `rate` times a second until `end`.
pub(super) async fn run(hooks: SocketAddr, rate: u32, end: CancellationToken) -> Pushes {
    let pushes = Arc::new(Mutex::new(Pushes::default()));
    let (begin, mut next) = (Instant::now(), tokio::time::Instant::now());
    let mut sending = JoinSet::new();
    for number in 0.. {
        tokio::select! { () = end.cancelled() => break, () = tokio::time::sleep_until(next) => {} }
        let (due, pushes) = (next.into_std(), Arc::clone(&pushes));
        sending.spawn(async move {
            let answer = deliver(hooks, number).await;
            let mut pushes = pushes.lock().unwrap_or_else(PoisonError::into_inner);
            pushes.latencies.push(due.elapsed());
            match answer {
                Ok(id) => pushes.acknowledged.push(id),
                Err(error) => pushes.refused.push((due - begin, format!("{error:#}"))),
            }
        });
        while sending.try_join_next().is_some() {}
        next += Duration::from_secs(1) / rate;
    }
    sending.join_all().await;
    let pushes = pushes.lock().unwrap_or_else(PoisonError::into_inner);
    pushes.clone()
}

/// Sends push `number` once. The id of the delivery.
async fn deliver(hooks: SocketAddr, number: u64) -> anyhow::Result<String> {
    let request = push(number)?;
    let exchange = client::exchange(PROVIDERS, hooks, &request);
    let response = tokio::time::timeout(PATIENCE, exchange).await.context("no response")??;
    let (head, body) = response.split_once("\r\n\r\n").context("no response")?;
    let accepted = head.starts_with("HTTP/1.1 202");
    let id =
        serde_json::from_str::<Value>(body).ok().and_then(|body| Some(body["delivery"].as_str()?.to_owned()));
    let line = head.lines().next().unwrap_or_default();
    id.filter(|_| accepted).with_context(|| format!("{line}: {}", body.trim()))
}

impl Pushes {
    pub(super) fn sent(&self) -> usize {
        self.latencies.len()
    }

    /// The latency that `percent` of the pushes did not exceed.
    pub(super) fn latency(&self, percent: usize) -> Duration {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let place = latencies.len() * percent / 100;
        latencies.get(place.min(latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl fmt::Display for Pushes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<48} {:>9}", "pushes of the victim", self.sent())?;
        writeln!(f, "{:<48} {:>9}", "… acknowledged", self.acknowledged.len())?;
        writeln!(f, "{:<48} {:>9}", "… not acknowledged", self.refused.len())?;
        for (what, percent) in [("median", 50), ("99 %", 99), ("longest", 100)] {
            writeln!(f, "{:<48} {:>6} ms", format!("… {what} latency"), self.latency(percent).as_millis())?;
        }
        for (at, why) in self.refused.iter().take(5) {
            writeln!(f, "    after {} s: {why}", at.as_secs())?;
        }
        Ok(())
    }
}
