use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::rand;
use data_encoding::BASE32_NOPAD;
use serde_json::Value;
use tempfile::TempDir;
use trigger_cluster::connect;
use trigger_devcluster::{DevCluster, Gvr, SimulationOptions, User};
use trigger_event::{DeliveryId, ObjectKey};
use trigger_journal::{Address, Record, State};

use super::story::while_waiting;
use crate::manifests;
use crate::program::{Program, ProgramOptions};

/// Everything in the story happens within this time, or something is wrong.
const SOON: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A simulated build is over soon, but not before a person could have seen it run.
const BUILD_TAKES: Duration = Duration::from_millis(600);
const TASK_TAKES: Duration = Duration::from_millis(200);

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A dev cluster with manifests loaded, and the program on it.
pub(crate) struct Playground {
    pub(super) cluster: DevCluster,
    pub(super) program: Program,
    /// The administrator's token, for the admin API.
    pub(super) token: String,
    /// Holds the kubeconfig and the journal; removed at the end.
    folder: TempDir,
}

impl Playground {
    /// Starts the cluster, loads the manifests, starts the program and waits until it is ready.
    pub(crate) async fn start(
        folder: Option<&Path>,
        listen: Option<SocketAddr>,
        admin: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let objects = manifests::objects(folder)?;
        let own = tempfile::Builder::new().prefix("shipwright-trigger-dev-").tempdir()?;
        let token = random_token()?;
        let administrator = User {
            token: token.clone(),
            name: "dev".to_owned(),
            groups: vec!["system:masters".to_owned()],
            rules: Vec::new(),
        };
        let cluster = DevCluster::builder().crds(trigger_api::crds::all()?).user(administrator).start();
        let cluster = while_waiting("starting the dev cluster", cluster).await?;
        for object in objects {
            let what = format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
            cluster.store().apply(object).await.with_context(|| format!("{what} is refused"))?;
        }
        cluster.simulate_builds(SimulationOptions { duration: BUILD_TAKES });
        cluster.simulate_pipelines(SimulationOptions { duration: TASK_TAKES });
        let kubeconfig = cluster.kubeconfig();
        std::fs::write(own.path().join("kubeconfig"), &kubeconfig)?;

        let connection = connect(Some(&kubeconfig)).await?;
        let mut options = ProgramOptions::on_loopback(Address::Sqlite(own.path().join("journal.db")));
        options.listen = listen.unwrap_or_else(|| free_or_any(8080));
        options.admin = admin.unwrap_or_else(|| free_or_any(9090));
        let mut program = while_waiting("starting the program", Program::start(&connection, &options)).await;
        if program.as_ref().is_err_and(is_taken) {
            // Somebody was faster on a port that had just been free.
            options.listen = listen.unwrap_or(ANY_PORT);
            options.admin = admin.unwrap_or(ANY_PORT);
            program = Program::start(&connection, &options).await;
        }
        let program = program?;
        while_waiting("reading the Builds", program.ready()).await;
        Ok(Self { cluster, program, token, folder: own })
    }

    /// The kubeconfig for kubectl.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The address of the GitHub hook.
    pub(super) fn hook_url(&self) -> String {
        format!("http://{}/hooks/github", self.program.hooks)
    }

    /// All objects of a kind.
    pub(super) async fn list(&self, resource: &Gvr) -> anyhow::Result<Vec<Value>> {
        Ok(self.cluster.store().list(resource, "").await?)
    }

    /// One object, if it is there.
    pub(super) async fn get(&self, resource: &Gvr, key: &ObjectKey) -> anyhow::Result<Option<Value>> {
        Ok(self.cluster.store().get(resource, &key.namespace, &key.name).await?)
    }

    /// A delivery that comes in by itself, once it is settled or has failed.
    pub(super) async fn appeared(&self, id: &DeliveryId) -> anyhow::Result<Record> {
        while_waiting("the program to notice", self.settled(id)).await
    }

    /// The delivery, once it is settled or has failed.
    pub(super) async fn settled(&self, id: &DeliveryId) -> anyhow::Result<Record> {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(record) = self.program.journal.find(id).await?
                && matches!(record.state, State::Settled | State::Failed)
            {
                return Ok(record);
            }
            if Instant::now() > deadline {
                bail!("the delivery {id} was not settled within {SOON:?}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The BuildRun, once it is over.
    pub(super) async fn finished(&self, run: &ObjectKey) -> anyhow::Result<Value> {
        self.over(&build_runs(), run).await
    }

    /// A run of any kind, once it is over.
    pub(super) async fn over(&self, resource: &Gvr, run: &ObjectKey) -> anyhow::Result<Value> {
        let kind = &resource.resource;
        let deadline = Instant::now() + SOON;
        loop {
            let object = self.get(resource, run).await?;
            let object = object.with_context(|| format!("{kind} {run} does not exist"))?;
            if condition(&object, "Succeeded").is_some_and(|condition| condition["status"] != "Unknown") {
                return Ok(object);
            }
            if Instant::now() > deadline {
                bail!("{kind} {run} was not over within {SOON:?}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.program.stop().await;
        // Nothing is persisted, so nothing can go wrong that matters now.
        let _ = self.cluster.shutdown().await;
    }
}

pub(super) fn builds() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "builds")
}

pub(super) fn build_runs() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "buildruns")
}

pub(super) fn pipelines() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelines")
}

pub(super) fn pipeline_runs() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelineruns")
}

pub(super) fn custom_runs() -> Gvr {
    Gvr::new("tekton.dev", "v1beta1", "customruns")
}

/// The condition of a type in an object's status.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// A token that nobody can guess.
fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 20];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

/// `port` on loopback, or any if somebody else has it.
fn free_or_any(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from(([127, 0, 0, 1], port));
    match std::net::TcpListener::bind(wanted) {
        Ok(_) => wanted,
        Err(_) => ANY_PORT,
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    let io = error.root_cause().downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}
