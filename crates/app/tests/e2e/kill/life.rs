//! A process that serves until it is killed: the binary itself, or this test again, which runs the same
//! program and kills itself at a step.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shipwright_trigger::{Program, ProgramOptions};
use tempfile::TempDir;
use trigger_cluster::{KubeLauncher, connect};
use trigger_journal::{Address, Record};

use super::steps::{Step, SuicidalJournal, SuicidalLauncher, Trap};
use crate::apart::{Cluster, free_port};

/// Tells this test, when it is run again, which part to play.
const ROLE: &str = "TRIGGER_KILL_ROLE";
/// Short, so that what a replica leaves behind is soon another's.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// Longer than any start takes.
const SOON: Duration = Duration::from_mins(1);

/// What all lives share.
pub(crate) struct Stage {
    test: String,
    /// What `--journal` takes.
    journal: String,
    /// The one namespace to watch, unless it is all of them.
    watched: Option<String>,
    pub(crate) hooks: Vec<SocketAddr>,
    admins: Vec<SocketAddr>,
    folder: TempDir,
}

/// How a life is to end.
#[derive(Debug)]
pub(crate) enum Death {
    /// Not by itself.
    Never,
    /// From outside, so long after its start.
    After(Duration),
    /// From outside, after so many deliveries were acknowledged.
    Acknowledged(usize),
    /// By its own hand, when it comes to this step for so manyeth time.
    At(Step, u64),
}

/// The part that a child plays.
#[derive(Serialize, Deserialize)]
struct Role {
    step: Step,
    count: u64,
    journal: String,
    kubeconfig: String,
    watched: Option<String>,
    hooks: SocketAddr,
    admin: SocketAddr,
}

pub(crate) struct Life(Child);

impl Stage {
    pub(crate) fn new(test: &str, cluster: &Cluster, journal: String, replicas: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), cluster.kubeconfig()).unwrap();
        let watched = cluster.watched().map(ToOwned::to_owned);
        let (hooks, admins) = (0..replicas).map(|_| (free_port(), free_port())).unzip();
        Self { test: test.to_owned(), journal, watched, hooks, admins, folder }
    }

    fn kubeconfig(&self) -> String {
        self.folder.path().join("kubeconfig").to_str().unwrap().to_owned()
    }

    /// What the journal knows of deliveries: for the message of a test that fails.
    pub(crate) async fn records(&self, ids: &[String]) -> Vec<Option<Record>> {
        let journal = trigger_journal::open(&self.journal.parse().unwrap()).await.unwrap();
        let mut records = Vec::new();
        for id in ids.iter().take(5) {
            records.push(journal.find(&id.parse().unwrap()).await.unwrap());
        }
        records
    }
}

impl Death {
    /// A third from outside after a time, a third from outside under way, a third at a step; each at another
    /// point every time.
    pub(crate) fn numbered(kill: u64) -> Self {
        let (kind, turn) = (kill % 3, kill / 3);
        match kind {
            0 => Self::After(Duration::from_millis(turn * 37 % 900)),
            1 => Self::Acknowledged(usize::try_from(1 + turn * 7 % 97).unwrap()),
            _ => Self::At(Step::ALL[usize::try_from(turn).unwrap() % Step::ALL.len()], 1 + turn * 5 % 61),
        }
    }
}

impl Life {
    pub(crate) fn start(stage: &Stage, place: usize, death: &Death) -> Self {
        let (hooks, admin) = (stage.hooks[place], stage.admins[place]);
        let mut command = if let Death::At(step, count) = death {
            let role = Role {
                step: *step,
                count: *count,
                journal: stage.journal.clone(),
                kubeconfig: stage.kubeconfig(),
                watched: stage.watched.clone(),
                hooks,
                admin,
            };
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args([stage.test.as_str(), "--exact", "--nocapture", "--test-threads=1"]);
            command.env(ROLE, serde_json::to_string(&role).unwrap()).stdout(Stdio::null());
            command
        } else {
            let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
            command.args(["serve", "--log", "off", "--claim-timeout", &LEASE.as_secs().to_string()]);
            command.args(["--listen", &hooks.to_string(), "--admin-listen", &admin.to_string()]);
            command.env("SHIPWRIGHT_TRIGGER_JOURNAL", &stage.journal).env("KUBECONFIG", stage.kubeconfig());
            command.args(stage.watched.iter().flat_map(|name| ["--namespace", name.as_str()]));
            command
        };
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// SIGKILL: the process gets no chance to tidy up.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Waits until its hour has come, and kills it if it is not to do so itself.
    pub(crate) async fn until_dead(mut self, death: &Death, acknowledged: impl Fn() -> usize) {
        match death {
            Death::Never => {}
            Death::After(time) => tokio::time::sleep(*time).await,
            Death::Acknowledged(wanted) => {
                until("so many were acknowledged", || acknowledged() >= *wanted).await;
            }
            Death::At(step, _) => {
                let mut ended = None;
                until(&format!("the process has come to the step {step:?}"), || {
                    ended = self.0.try_wait().unwrap();
                    ended.is_some()
                })
                .await;
                assert_eq!(ended.and_then(|status| status.signal()), Some(9), "it kills itself at {step:?}");
            }
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Plays the part that the environment tells, until it kills itself. False if there is none.
pub(crate) fn live_as_told() -> bool {
    let Ok(role) = std::env::var(ROLE) else { return false };
    let role: Role = serde_json::from_str(&role).unwrap();
    super::runtime().block_on(serve(role));
    true
}

async fn serve(role: Role) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = std::fs::read_to_string(&role.kubeconfig).unwrap();
    let connection = connect(Some(&kubeconfig)).await.unwrap();
    let address: Address = role.journal.parse().unwrap();
    let trap = Trap::new(role.step, role.count);
    let journal = trigger_journal::open(&address).await.unwrap();
    let journal = Arc::new(SuicidalJournal::new(journal, Arc::clone(&trap)));
    let mut options = ProgramOptions::on_loopback(address);
    (options.listen, options.admin_listen, options.work.claim_timeout) =
        (role.hooks, role.admin, LEASE.as_secs());
    options.namespaces.extend(role.watched);
    let launcher =
        |reporter| Ok(Arc::new(SuicidalLauncher::new(KubeLauncher::new(&connection, reporter), trap)) as _);
    let _program = Program::start_with(&connection, &options, journal, launcher).unwrap();
    std::future::pending::<()>().await;
}
