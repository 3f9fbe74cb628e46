use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::rand;
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use trigger_cluster::connect;
use trigger_core::{DeliveryId, Digest, ImageRef, ObjectKey};
use trigger_devcluster::{DevCluster, Gvr, User};
use trigger_images::IMAGES;
use trigger_journal::{Address, Query, Record, State};
use trigger_simulation::{SimulationOptions, simulate_builds, simulate_pipelines};

use super::images::first_versions;
use super::registry::Registry;
use super::story::while_waiting;
use crate::listeners::Listeners;
use crate::manifests;
use crate::options::ProgramOptions;
use crate::program::Program;

/// Everything in the story happens within this time, or something is wrong.
const SOON: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A simulated build is over soon, but not before a person could have seen it run.
const BUILD_TAKES: Duration = Duration::from_millis(600);
const TASK_TAKES: Duration = Duration::from_millis(200);
/// Only one image changes at a time here, so there is nothing to wait for, in seconds.
const IMAGE_WINDOW: u64 = 1;

/// Where the registry tells of what is pushed.
pub(super) const REGISTRY_HOOK: &str = "/hooks/registry/distribution";

/// A dev cluster with manifests loaded, a registry, and the program on them.
pub(crate) struct Playground {
    pub(super) cluster: DevCluster,
    pub(super) registry: Registry,
    /// What the images of the registry are before the story that Builds wait for.
    pub(super) first_versions: BTreeMap<ImageRef, Digest>,
    pub(super) program: Program,
    /// The administrator's token, for the admin API.
    pub(super) token: String,
    /// Holds the kubeconfig, the journal and the registry's key; removed at the end.
    folder: TempDir,
}

impl Playground {
    /// Starts the cluster and the registry, loads the manifests, starts the program and waits until it is ready.
    pub(crate) async fn start(
        folder: Option<&Path>,
        listen: Option<SocketAddr>,
        admin: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        // What is wrong with them is told before anything is started.
        manifests::objects(folder, None)?;
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

        let listeners = Listeners::on_loopback(listen, admin).await?;
        let key = random_token()?;
        let hook = format!("http://{}{REGISTRY_HOOK}", listeners.hooks.local_addr()?);
        let registry = while_waiting("starting the registry", Registry::start(&hook, &key)).await?;
        let objects = manifests::objects(folder, Some(registry.host()))?;
        let first_versions = first_versions(&registry, &objects).await?;
        for object in objects {
            let what = format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
            cluster.store().apply(object).await.with_context(|| format!("{what} is refused"))?;
        }
        let (builds, tasks) =
            (SimulationOptions { duration: BUILD_TAKES }, SimulationOptions { duration: TASK_TAKES });
        cluster.spawn(simulate_builds(cluster.store(), "", builds));
        cluster.spawn(simulate_pipelines(cluster.store(), "", tasks));
        let kubeconfig = cluster.kubeconfig();
        std::fs::write(own.path().join("kubeconfig"), &kubeconfig)?;

        let connection = connect(Some(&kubeconfig)).await?;
        let mut options = ProgramOptions::on_loopback(Address::Sqlite(own.path().join("journal.db")));
        options.listen = listeners.hooks.local_addr()?;
        options.admin_listen = listeners.admin.local_addr()?;
        options.images.registry_private.push(registry.host().parse()?);
        options.images.insecure_registry.push(registry.host().to_owned());
        options.images.image_window = IMAGE_WINDOW;
        let key_file = own.path().join("registry-key");
        std::fs::write(&key_file, &key)?;
        options.registries.registry_hooks.push(format!("distribution={}", key_file.display()).parse()?);
        let program = Program::start_on(listeners, &connection, &options);
        let program = while_waiting("starting the program", program).await?;
        while_waiting("reading the Builds", program.ready()).await;
        Ok(Self { cluster, registry, first_versions, program, token, folder: own })
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

    /// Returns when the program knows that an image stands for `digest`.
    pub(super) async fn stands_for(&self, image: &ImageRef, digest: &Digest) -> anyhow::Result<()> {
        let work = async {
            let deadline = Instant::now() + SOON;
            loop {
                let mut standings = self.program.images.statuses().into_iter();
                if standings.any(|shown| shown.image == *image && shown.digest.as_ref() == Some(digest)) {
                    return Ok(());
                }
                if Instant::now() > deadline {
                    bail!("the program did not learn within {SOON:?} that {image} is {}", digest.short());
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        while_waiting("the program to look at the registry", work).await
    }

    /// The delivery that tells after `begun` that an image has changed, perhaps with others that `build` waits for,
    /// once it is settled or has failed.
    pub(super) async fn image_changed(
        &self,
        image: &ImageRef,
        build: &ObjectKey,
        begun: Timestamp,
    ) -> anyhow::Result<Record> {
        let event = format!("Image {image}");
        let is_it = |record: &&Record| {
            let decided = record.decisions.iter().any(|decision| decision.target == *build);
            record.delivery.source.as_ref() == IMAGES && (record.delivery.event == event || decided)
        };
        let work = async {
            let deadline = Instant::now() + SOON;
            loop {
                let query = Query { since: Some(begun), ..Query::default() };
                let page = self.program.journal.history(query).await?;
                if let Some(found) = page.records.iter().find(is_it) {
                    return self.settled(&found.delivery.id).await;
                }
                if Instant::now() > deadline {
                    bail!("no delivery says within {SOON:?} that {image} has changed");
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        while_waiting("the program to notice", work).await
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
