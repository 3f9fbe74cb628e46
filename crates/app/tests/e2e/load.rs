//! Senders that never stop: each sends a push of a commit of its own until it is acknowledged, then the next.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::task::JoinSet;
use trigger_core::RepoId;
use trigger_providers::{Provider, Sample, SampleKind};

use crate::world::{KEY, compose, hook_path, played, sign};

const SENDERS: u64 = 8;
/// A load that does not get on for so long has met a program that does not serve.
const STUCK: Duration = Duration::from_mins(2);

pub struct Load {
    stop: Arc<AtomicBool>,
    ids: Arc<Mutex<Vec<String>>>,
    senders: JoinSet<()>,
}

impl Load {
    pub fn start(hooks: &[SocketAddr], repository: &str) -> Self {
        let repository = RepoId::parse(repository).unwrap();
        let provider = played();
        let path = hook_path(provider);
        let urls: Arc<[String]> = hooks.iter().map(|hooks| format!("http://{hooks}{path}")).collect();
        let (stop, ids) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default());
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            senders.spawn(send(
                provider,
                sender,
                repository.clone(),
                Arc::clone(&urls),
                Arc::clone(&stop),
                Arc::clone(&ids),
            ));
        }
        Self { stop, ids, senders }
    }

    /// How many deliveries were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.ids.lock().unwrap().len()
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
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await;
        std::mem::take(&mut self.ids.lock().unwrap())
    }
}

async fn send(
    provider: &'static dyn Provider,
    sender: u64,
    repository: RepoId,
    urls: Arc<[String]>,
    stop: Arc<AtomicBool>,
    ids: Arc<Mutex<Vec<String>>>,
) {
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
                kind: SampleKind::Push { full_ref: "refs/heads/main".to_owned(), commit },
            },
        );
        loop {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            tries += 1;
            let url = &urls[tries % urls.len()];
            let headers = sign(provider, request.event, "id", &request.body, Some(KEY));
            let answer = http.post(url).headers(headers).body(request.body.clone()).send().await;
            if let Ok(answer) = answer
                && matches!(answer.status(), StatusCode::ACCEPTED | StatusCode::OK)
                && let Ok(body) = answer.json::<Value>().await
            {
                ids.lock().unwrap().push(body["delivery"].as_str().unwrap().to_owned());
                break;
            }
            // Nobody is there, or not yet; that must not become a busy loop.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}
