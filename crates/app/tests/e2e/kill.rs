//! The promise under kill -9: what was acknowledged has its run, nothing has two. Counted on the cluster.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Gvr};
use trigger_event::RepoId;
use trigger_journal::{Journal, Record, SqliteJournal, sqlite};
use trigger_providers::{GitHub, Provider, Sample, SampleKind};

use crate::world::{KEY, annotation, usual_rules};

const KILLS: u64 = 20;
const SENDERS: u64 = 4;
const SOON: Duration = Duration::from_mins(1);

/// The binary, serving; killed when dropped.
struct Serve(Child);

impl Serve {
    fn start(folder: &Path, hooks: u16, admin: u16) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"))
            .args(["serve", "--log", "off", "--listen", &format!("127.0.0.1:{hooks}")])
            .args(["--admin", &format!("127.0.0.1:{admin}"), "--journal"])
            .arg(folder.join("journal.db"))
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // SIGKILL: the process gets no chance to tidy up.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + SOON;
    while !holds().await {
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn stage() -> DevCluster {
    let dev = DevCluster::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"github-token": KEY}});
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "spec": {
            "source": {"type": "Git", "git": {"url": "https://github.com/acme/web", "revision": "main"}},
            "strategy": {"name": "buildah"},
            "output": {"image": "registry.example/acme/web"},
            "trigger": {"triggerSecret": "hook", "when": usual_rules()},
        },
    });
    for (name, mut object) in [("hook", secret), ("web", build)] {
        object["metadata"] = json!({"namespace": "team-a", "name": name});
        dev.store().apply(object).await.unwrap();
    }
    dev
}

/// Sends one push after another, each of a commit of its own; notes the ids that were acknowledged.
async fn send(
    sender: u64,
    url: String,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    ids: Arc<Mutex<Vec<String>>>,
) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // From 1: a commit of nothing but zeros stands for a deletion.
        let commit = format!("{:08x}{number:032x}", sender + 1);
        let request = GitHub.compose(&Sample {
            repository: RepoId::parse("https://github.com/acme/web").unwrap(),
            default_branch: "main".to_owned(),
            sender: "ada".to_owned(),
            kind: SampleKind::Push { full_ref: "refs/heads/main".to_owned(), commit },
        });
        let headers = GitHub.sign(request.event, "id", &request.body, Some(KEY.as_bytes()));
        let Ok(answer) = http.post(&url).headers(headers).body(request.body).send().await else {
            // Nobody is there; that must not become a busy loop.
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        };
        if answer.status() == StatusCode::ACCEPTED {
            let Ok(body) = answer.json::<Value>().await else { continue };
            ids.lock().unwrap().push(body["delivery"].as_str().unwrap().to_owned());
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn runs_by_delivery(dev: &DevCluster) -> HashMap<String, usize> {
    let runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let mut found = HashMap::new();
    for run in dev.store().list(&runs, "team-a").await.unwrap() {
        *found.entry(annotation(&run, "delivery").to_owned()).or_insert(0) += 1;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_has_its_run_and_nothing_has_two() {
    let dev = stage().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kubeconfig"), dev.kubeconfig()).unwrap();
    let (hooks, admin) = (free_port(), free_port());
    let ready = || async {
        let answer = reqwest::get(format!("http://127.0.0.1:{admin}/readyz")).await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    };

    let (stop, count, ids) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::default());
    let url = format!("http://127.0.0.1:{hooks}/hooks/github");
    let senders = (0..SENDERS)
        .map(|sender| send(sender, url.clone(), Arc::clone(&stop), Arc::clone(&count), Arc::clone(&ids)));
    let senders: Vec<_> = senders.map(tokio::spawn).collect();
    for kill in 0..KILLS {
        let serve = Serve::start(folder.path(), hooks, admin);
        until("the program is ready", ready).await;
        // At another point of the work each time.
        let wanted = count.load(Ordering::Relaxed) + 1 + kill * 7 % 23;
        until("deliveries are acknowledged", || async { count.load(Ordering::Relaxed) >= wanted }).await;
        drop(serve);
    }
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }

    let serve = Serve::start(folder.path(), hooks, admin);
    let ids: Vec<String> = ids.lock().unwrap().clone();
    assert!(ids.len() as u64 > KILLS, "{} deliveries", ids.len());
    until("the program is ready", ready).await;
    let missing = settle(&dev, &ids).await;
    drop(serve);
    assert!(missing.is_empty(), "no run for {:#?}", records(folder.path(), &missing).await);
    let twice: Vec<_> = runs_by_delivery(&dev).await.into_iter().filter(|(_, runs)| *runs > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Those of the deliveries that have no run, once all have one or the time is up.
async fn settle(dev: &DevCluster, ids: &[String]) -> Vec<String> {
    let deadline = Instant::now() + SOON;
    loop {
        let runs = runs_by_delivery(dev).await;
        let missing: Vec<_> = ids.iter().filter(|id| !runs.contains_key(*id)).cloned().collect();
        if missing.is_empty() || Instant::now() > deadline {
            return missing;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the journal knows of deliveries: for the message of a test that fails.
async fn records(folder: &Path, ids: &[String]) -> Vec<Option<Record>> {
    let journal = SqliteJournal::open(folder.join("journal.db"), sqlite::Options::default()).unwrap();
    let mut records = Vec::new();
    for id in ids {
        records.push(journal.find(&id.parse().unwrap()).await.unwrap());
    }
    records
}
