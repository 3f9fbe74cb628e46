//! Replicas that are processes of the binary, over one PostgreSQL and one dev cluster.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::apart::{Cluster, cluster, free_port};
use crate::postgres;

/// Longer than anything takes that is waited for.
const SOON: Duration = Duration::from_mins(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long a replica goes on taking deliveries in when it was told to end: as it is shipped.
const DRAIN_DELAY: Duration = Duration::from_secs(5);

/// What all replicas share. There is a Build of [`crate::apart::repository`] in team-a.
pub(super) struct Fleet {
    pub(super) dev: Cluster,
    journal: String,
    folder: TempDir,
    http: reqwest::Client,
}

pub(super) struct Replica {
    process: Child,
    pub(super) hooks: SocketAddr,
    pub(super) admin: SocketAddr,
    http: reqwest::Client,
}

impl Fleet {
    /// None where there is no PostgreSQL.
    pub(super) async fn new(test: &str) -> Option<Self> {
        let journal = postgres::database(test)?;
        let folder = tempfile::tempdir().unwrap();
        // A replica that hangs must not stop the test.
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Some(Self { dev: cluster().await, journal, folder, http })
    }

    /// Others may use the cluster at the same time.
    pub(super) fn lease_name(&self) -> String {
        format!("fleet-{}", self.dev.namespace())
    }

    /// Another replica, once it is ready.
    pub(super) async fn replica(&self) -> Replica {
        self.replica_over(self.dev.kubeconfig()).await
    }

    /// Another replica that reaches the cluster by this kubeconfig, once it is ready.
    pub(super) async fn replica_over(&self, kubeconfig: &str) -> Replica {
        let (hooks, admin) = (free_port(), free_port());
        let file = self.folder.path().join(format!("kubeconfig-{}", hooks.port()));
        std::fs::write(&file, kubeconfig).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.args(["serve", "--log", "off", "--claim-timeout", "5"]);
        command.args(["--lease-name", &self.lease_name()]);
        if let Some(namespace) = self.dev.watched() {
            command.args(["--namespace", namespace]);
        }
        command.args(["--drain-delay", &DRAIN_DELAY.as_secs().to_string()]);
        command.args(["--listen", &hooks.to_string(), "--admin-listen", &admin.to_string()]);
        command.env("SHIPWRIGHT_TRIGGER_JOURNAL", &self.journal).env("KUBECONFIG", file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let replica = Replica { process: command.spawn().unwrap(), hooks, admin, http: self.http.clone() };
        until("the replica is ready", || replica.is_ready()).await;
        replica
    }
}

impl Replica {
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("http://{}/readyz", self.admin)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Whether it says that it leads.
    pub(super) async fn leads(&self) -> bool {
        let Ok(answer) = self.http.get(format!("http://{}/metrics", self.admin)).send().await else {
            return false;
        };
        answer.text().await.is_ok_and(|text| text.lines().any(|line| line == "shipwright_trigger_leader 1"))
    }

    pub(super) async fn comes_to_lead(&self) {
        until("the replica leads", || self.leads()).await;
    }

    /// SIGKILL: the process gets no chance to tidy up.
    pub(super) fn kill(self) {
        drop(self);
    }

    /// SIGTERM.
    pub(super) fn ask_to_end(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
    }

    /// Returns when the process has ended, after [`Self::ask_to_end`], and says how long that took.
    pub(super) async fn ended(mut self) -> Duration {
        let begun = Instant::now();
        let mut ended = None;
        while ended.is_none() {
            assert!(begun.elapsed() < SOON, "the replica does not end");
            tokio::time::sleep(LOOK_AGAIN).await;
            ended = self.process.try_wait().unwrap();
        }
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
        begun.elapsed()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Looks until it is so; fails the test if it takes too long. Returns how long it took.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) -> Duration {
    let begun = Instant::now();
    while !look().await {
        assert!(begun.elapsed() < SOON, "gave up waiting: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    begun.elapsed()
}
