//! Senders that never stop: each sends a push of a commit of its own until it is acknowledged, then the next. They
//! send for several providers in turn where a scenario has a repository at each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::task::JoinSet;
use trigger_core::RepoId;
use trigger_providers::{Provider, Sample, SampleKind, SampleRequest};

use crate::world::{KEY, compose, hook_path, played, sign};

const SENDERS: u64 = 8;
/// A load that does not get on for so long has met a program that does not serve.
const STUCK: Duration = Duration::from_mins(2);

/// A repository, and the provider that it lies at.
#[derive(Clone)]
pub struct Source {
    pub provider: &'static dyn Provider,
    pub repository: String,
    /// The path of the listener that is sent to; absent for the provider's own hooks.
    pub listener: Option<String>,
}

/// A delivery that was acknowledged.
pub struct Acknowledged {
    pub id: String,
    /// The pushed commit, which no other push has.
    pub commit: String,
    source: Source,
    request: SampleRequest,
}

pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    senders: JoinSet<()>,
}

impl Load {
    /// Pushes to a repository at the provider for which the scenario is played.
    pub fn start(hooks: &[SocketAddr], repository: &str) -> Self {
        Self::of(hooks, &[Source { provider: played(), repository: repository.to_owned(), listener: None }])
    }

    /// Pushes to several repositories, each by as many senders.
    pub fn of(hooks: &[SocketAddr], sources: &[Source]) -> Self {
        let hooks: Arc<[SocketAddr]> = hooks.into();
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<_>>>::default());
        let mut senders = JoinSet::new();
        for (sender, source) in (0..SENDERS).zip(sources.iter().cycle()) {
            let (hooks, source) = (Arc::clone(&hooks), source.clone());
            senders.spawn(send(source, sender, hooks, Arc::clone(&stop), Arc::clone(&acknowledged)));
        }
        Self { stop, acknowledged, senders }
    }

    /// How many deliveries were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until so many deliveries were acknowledged.
    pub async fn wait_for(&self, wanted: usize) {
        let deadline = Instant::now() + STUCK;
        while self.acknowledged() < wanted {
            assert!(Instant::now() < deadline, "{} of {wanted} acknowledged", self.acknowledged());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The ids of everything that was acknowledged, once the senders have ended.
    pub async fn stop(self) -> Vec<String> {
        self.end().await.into_iter().map(|acknowledged| acknowledged.id).collect()
    }

    /// Everything that was acknowledged, once the senders have ended.
    pub async fn end(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await;
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

impl Acknowledged {
    /// Sends it again, as a person may at the provider, until it is acknowledged again: perhaps under another id, if
    /// there is something to do for one of several tenants only.
    pub async fn send_again(&self, http: &reqwest::Client, hooks: SocketAddr) {
        let deadline = Instant::now() + STUCK;
        while post(http, hooks, &self.source, &self.commit, &self.request).await.is_none() {
            assert!(Instant::now() < deadline, "{} is not acknowledged again", self.id);
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}

/// Posts a delivery. Its id if it is acknowledged.
async fn post(
    http: &reqwest::Client,
    hooks: SocketAddr,
    Source { provider, listener, .. }: &Source,
    commit: &str,
    request: &SampleRequest,
) -> Option<String> {
    let path = listener.clone().unwrap_or_else(|| hook_path(*provider));
    // A listener knows a delivery by the sender's id.
    let id = if listener.is_some() { commit } else { "id" };
    let headers = sign(*provider, request.event, id, &request.body, Some(KEY));
    let sent = http.post(format!("http://{hooks}{path}")).headers(headers).body(request.body.clone());
    let answer = sent.send().await.ok()?;
    if !matches!(answer.status(), StatusCode::ACCEPTED | StatusCode::OK) {
        return None;
    }
    if let Some(id) = answer.headers().get("trigger-delivery") {
        return Some(id.to_str().unwrap().to_owned());
    }
    let body: Value = answer.json().await.ok()?;
    Some(body["delivery"].as_str().unwrap().to_owned())
}

async fn send(
    source: Source,
    sender: u64,
    hooks: Arc<[SocketAddr]>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
) {
    let (provider, repository) = (source.provider, RepoId::parse(&source.repository).unwrap());
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let mut tries = usize::try_from(sender).unwrap();
    for number in 0_u64.. {
        // From 1: a commit of nothing but zeros stands for a deletion.
        let commit = format!("{:08x}{number:032x}", sender + 1);
        let request = compose(
            provider,
            &Sample {
                repository: repository.clone(),
                default_branch: "main".to_owned(),
                sender: "ada".to_owned(),
                kind: SampleKind::Push {
                    full_ref: "refs/heads/main".to_owned(),
                    commit: commit.clone(),
                    files: Vec::new(),
                },
            },
        );
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            tries += 1;
            if let Some(id) = post(&http, hooks[tries % hooks.len()], &source, &commit, &request).await {
                acknowledged.lock().unwrap().push(Acknowledged {
                    id,
                    commit,
                    source: source.clone(),
                    request,
                });
                break;
            }
            // Nobody is there, or not yet; that must not become a busy loop.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}
