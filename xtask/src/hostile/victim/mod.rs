//! Tenant A: a namespace with Builds, a listener and keys, and providers that push at fixed intervals over new connections.
//! It must not notice anything.

mod listener;

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
use trigger_devcluster::Gvr;
use trigger_providers::{ALL, GitHub, Provider, Sample, SampleKind};

use self::listener::OBJECTS;
use super::client;

pub(super) use self::listener::host;

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

/// Where the victim's providers push to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Door {
    /// The hooks, for its Builds.
    Hooks,
    /// Its listener.
    Listener,
}

impl Door {
    pub(super) const ALL: [Self; 2] = [Self::Hooks, Self::Listener];

    /// The pushes, for people.
    pub(super) fn pushes(self) -> &'static str {
        match self {
            Self::Hooks => "pushes of the victim",
            Self::Listener => "pushes to the victim's listener",
        }
    }

    /// The objects that each push creates.
    pub(super) fn objects(self) -> u64 {
        match self {
            Self::Hooks => 1,
            Self::Listener => OBJECTS,
        }
    }

    /// The question to the cluster for the number of these objects by delivery.
    pub(super) fn question(self) -> &'static str {
        match self {
            Self::Hooks => "objects of hooks",
            Self::Listener => "objects of the listener",
        }
    }

    /// The id in the answer to a push.
    fn id(self, answer: &Value) -> Option<String> {
        let field = match self {
            Self::Hooks => "delivery",
            Self::Listener => "eventID",
        };
        Some(answer[field].as_str()?.to_owned())
    }

    /// The same id on an object that the push has created. `None` on other objects.
    pub(super) fn id_on(self, object: &Value) -> Option<&str> {
        let metadata = &object["metadata"];
        match self {
            Self::Hooks => metadata["annotations"]["trigger.shipwright.io/delivery"].as_str(),
            Self::Listener => metadata["labels"]["triggers.tekton.dev/triggers-eventid"].as_str(),
        }
    }

    /// The resources of these objects.
    pub(super) fn resources(self) -> Vec<Gvr> {
        match self {
            Self::Hooks => vec![Gvr::new("shipwright.io", "v1beta1", "buildruns")],
            Self::Listener => {
                vec![Gvr::new("tekton.dev", "v1", "pipelineruns"), Gvr::new("", "v1", "configmaps")]
            }
        }
    }

    /// The request of push `number` with this key to a branch.
    pub(super) fn push(self, number: u64, key: &[u8], branch: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Hooks => {
                let provider = ALL[usize::try_from(number % REPOSITORIES as u64)? % ALL.len()];
                composed(provider, &format!("/hooks/{}", provider.name()), number, key, branch)
            }
            Self::Listener => composed(&GitHub, &listener::path(), number, key, branch),
        }
    }
}

/// What became of the pushes.
#[derive(Debug, Default, Clone)]
pub(super) struct Pushes {
    /// Ids of acknowledged pushes.
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

/// The Builds, the listener and the Secrets of the victim.
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
    std::iter::once(secret).chain(builds).chain(listener::objects())
}

/// A push to the hooks with another key than the victim's, or for another branch.
pub(super) fn signed(number: u64, key: &[u8], branch: &str) -> anyhow::Result<Vec<u8>> {
    Door::Hooks.push(number, key, branch)
}

fn composed(
    provider: &dyn Provider,
    path: &str,
    number: u64,
    key: &[u8],
    branch: &str,
) -> anyhow::Result<Vec<u8>> {
    let sample = Sample {
        repository: RepoId::parse(&repository(usize::try_from(number % REPOSITORIES as u64)?))?,
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
    Ok(client::post(path, &headers, &request.body))
}

/// Pushes `rate` times a second to a door until `end`.
pub(super) async fn run(hooks: SocketAddr, door: Door, rate: u32, end: CancellationToken) -> Pushes {
    let pushes = Arc::new(Mutex::new(Pushes::default()));
    let (begin, mut next) = (Instant::now(), tokio::time::Instant::now());
    let mut sending = JoinSet::new();
    for number in 0.. {
        tokio::select! { () = end.cancelled() => break, () = tokio::time::sleep_until(next) => {} }
        let (due, pushes) = (next.into_std(), Arc::clone(&pushes));
        sending.spawn(async move {
            let answer = deliver(hooks, door, number).await;
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
async fn deliver(hooks: SocketAddr, door: Door, number: u64) -> anyhow::Result<String> {
    let request = door.push(number, KEY.as_bytes(), "main")?;
    let exchange = client::exchange(PROVIDERS, hooks, &request);
    let response = tokio::time::timeout(PATIENCE, exchange).await.context("no response")??;
    let (head, body) = response.split_once("\r\n\r\n").context("no response")?;
    let accepted = head.starts_with("HTTP/1.1 202");
    let id = serde_json::from_str::<Value>(body).ok().and_then(|body| door.id(&body));
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

    /// Lines of the table.
    pub(super) fn write(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{what:<48} {:>9}", self.sent())?;
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
