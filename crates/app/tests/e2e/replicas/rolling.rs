//! Every replica is restarted, one after the other, while deliveries come in at a rate that does not ask how the
//! program is doing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use trigger_core::RepoId;
use trigger_providers::{Sample, SampleKind};

use super::fleet::{Fleet, Replica, until};
use crate::apart::repository;
use crate::kill::{runs_by_delivery, settle};
use crate::soak::extent;
use crate::world::{KEY, compose, hook_path, played, sign};

const REPLICAS: usize = 3;
/// How often each replica is asked whether it is ready: oftener than Kubernetes does, which waits longer
/// before it ends one.
const PROBE: Duration = Duration::from_millis(100);

/// What a Service knows: who is ready.
#[derive(Clone, Default)]
struct Endpoints(Arc<Mutex<HashMap<SocketAddr, bool>>>);

impl Endpoints {
    /// Begins to ask a replica whether it is ready; until it is gone for good.
    fn add(&self, http: &reqwest::Client, hooks: SocketAddr, admin: SocketAddr) -> JoinHandle<()> {
        let (endpoints, http) = (self.clone(), http.clone());
        tokio::spawn(async move {
            let mut probe = interval(PROBE);
            loop {
                probe.tick().await;
                let answer = http.get(format!("http://{admin}/readyz")).send().await;
                let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
                endpoints.0.lock().unwrap().insert(hooks, is_ready);
            }
        })
    }

    fn is_ready(&self, hooks: SocketAddr) -> bool {
        self.0.lock().unwrap().get(&hooks).copied().unwrap_or(false)
    }

    fn pick(&self, turn: usize) -> Option<SocketAddr> {
        let endpoints = self.0.lock().unwrap();
        let mut ready: Vec<_> =
            endpoints.iter().filter(|(_, ready)| **ready).map(|(hooks, _)| *hooks).collect();
        ready.sort();
        (!ready.is_empty()).then(|| ready[turn % ready.len()])
    }
}

/// What came of the deliveries.
#[derive(Default)]
struct Sent {
    accepted: Vec<String>,
    /// Those that were asked to come again later, and came.
    put_off: usize,
    wrong: Vec<String>,
}

/// Sends the push numbered `number` until it is accepted; what is wrong meanwhile is noted.
async fn send(http: reqwest::Client, endpoints: Endpoints, number: usize, sent: Arc<Mutex<Sent>>) {
    let request = compose(
        played(),
        &Sample {
            repository: RepoId::parse(&repository()).unwrap(),
            default_branch: "main".to_owned(),
            sender: "ada".to_owned(),
            kind: SampleKind::Push {
                full_ref: "refs/heads/main".to_owned(),
                commit: format!("{:040x}", number + 1),
                files: Vec::new(),
            },
        },
    );
    for turn in number.. {
        let Some(hooks) = endpoints.pick(turn) else {
            return sent.lock().unwrap().wrong.push("nobody is ready".to_owned());
        };
        let headers = sign(played(), request.event, "id", &request.body, Some(KEY));
        let url = format!("http://{hooks}{}", hook_path(played()));
        let answer = match http.post(url).headers(headers).body(request.body.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return sent.lock().unwrap().wrong.push(format!("{hooks}: {error:?}"));
            }
        };
        let (status, waits) = (answer.status(), answer.headers().contains_key("retry-after"));
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        match status {
            StatusCode::ACCEPTED => {
                let id = body["delivery"].as_str().unwrap().to_owned();
                return sent.lock().unwrap().accepted.push(id);
            }
            StatusCode::SERVICE_UNAVAILABLE if waits => sent.lock().unwrap().put_off += 1,
            _ => return sent.lock().unwrap().wrong.push(format!("{hooks}: {status} {body}")),
        }
        tokio::time::sleep(PROBE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_nothing() {
    let Some(fleet) = Fleet::new("a_rolling_restart_under_load_loses_nothing").await else { return };
    // Beside other tests on a small machine the short form is about the order of things, not about their number.
    let a_second = extent(40, 200);
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let endpoints = Endpoints::default();
    let mut replicas: Vec<(Replica, JoinHandle<()>)> = Vec::new();
    for _ in 0..REPLICAS {
        let replica = fleet.replica().await;
        let probe = endpoints.add(&http, replica.hooks, replica.admin);
        until("the Service knows it", async || endpoints.is_ready(replica.hooks)).await;
        replicas.push((replica, probe));
    }

    let (sent, ends) = (Arc::new(Mutex::new(Sent::default())), CancellationToken::new());
    let load = {
        let (http, endpoints, sent) = (http.clone(), endpoints.clone(), Arc::clone(&sent));
        let ends = ends.clone();
        tokio::spawn(async move {
            let mut tick = interval(Duration::from_secs(1) / u32::try_from(a_second).unwrap());
            // Those that are late are sent all the same.
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut under_way = JoinSet::new();
            for number in 0.. {
                tokio::select! { _ = tick.tick() => {}, () = ends.cancelled() => break }
                under_way.spawn(send(http.clone(), endpoints.clone(), number, Arc::clone(&sent)));
            }
            under_way.join_all().await;
        })
    };

    for _ in 0..REPLICAS {
        // As a Deployment with maxUnavailable 0 does: first another one, then the old one is ended.
        let replica = fleet.replica().await;
        let probe = endpoints.add(&http, replica.hooks, replica.admin);
        until("the Service knows it", async || endpoints.is_ready(replica.hooks)).await;
        replicas.push((replica, probe));
        let (old, probe) = replicas.remove(0);
        old.ask_to_end();
        let hooks = old.hooks;
        let took = old.ended().await;
        assert!(took < Duration::from_secs(25), "the end has a bound: {took:?}");
        probe.abort();
        endpoints.0.lock().unwrap().remove(&hooks);
    }
    let so_far = sent.lock().unwrap().accepted.len();
    until("the load goes on after the last", async || sent.lock().unwrap().accepted.len() > so_far).await;
    ends.cancel();
    load.await.unwrap();

    let Sent { accepted, put_off, wrong } = std::mem::take(&mut *sent.lock().unwrap());
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), accepted.len());
    eprintln!("{} accepted, {put_off} were put off", accepted.len());
    let missing = settle(&fleet.dev, &accepted).await;
    assert!(missing.is_empty(), "{} of {} have no run", missing.len(), accepted.len());
    let runs = runs_by_delivery(&fleet.dev).await;
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
    assert_eq!(runs.len(), accepted.len(), "each was accepted once");
}
