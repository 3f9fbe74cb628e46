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
use trigger_dispatch::ListenerRequest;
use trigger_images::IMAGES;
use trigger_journal::{Address, Query, Record, State};
use trigger_providers::Provider;
use trigger_simulation::{SimulationOptions, simulate_builds, simulate_pipelines};

use super::followed_images::push_first_versions;
use super::known_folder::{KUBECONFIG, KnownFolder};
use super::live::Live;
use super::objects::{build_runs, condition};
use super::registry::Registry;
use super::story::while_waiting;
use crate::manifests;
use crate::options::{HookPath, ProgramOptions};
use crate::ports::Ports;
use crate::program::Program;

/// The limit for each step of the demo.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// The story goes on without the condition if it does not come within this time.
const CAUSE_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// Short, but long enough for a person to see the build running.
const BUILD_DURATION: Duration = Duration::from_millis(600);
const TASK_DURATION: Duration = Duration::from_millis(200);
/// Seconds. Only one image changes at a time here, so a longer window would only delay the demo.
const IMAGE_WINDOW: u64 = 1;

/// The path for the registry's notifications.
pub(super) const REGISTRY_HOOK: &str = "/hooks/registry/distribution";

/// A dev cluster with manifests loaded, a registry, and the program on them.
pub(crate) struct Playground {
    pub(super) cluster: DevCluster,
    pub(super) registry: Registry,
    /// The digests of the followed images before the demo.
    pub(super) first_versions: BTreeMap<ImageRef, Digest>,
    pub(super) program: Program,
    /// The administrator's token, for the admin API.
    pub(super) token: String,
    /// Holds the journal and the registry's key, and the kubeconfig if there is no other folder. Removed on drop.
    folder: TempDir,
    /// The folder in which other terminals find the demo, if it stays up and is the only one.
    pub(super) known: Option<KnownFolder>,
}

impl Playground {
    /// Starts the cluster and the registry, loads the manifests, starts the program and waits until it is ready. One that
    /// `stays_up` is found by other terminals.
    pub(crate) async fn start(
        folder: Option<&Path>,
        listen: Option<SocketAddr>,
        admin: Option<SocketAddr>,
        stays_up: bool,
    ) -> anyhow::Result<Self> {
        // Invalid manifests are reported before anything starts.
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

        let ports = Ports::on_loopback(listen, admin)?;
        let key = random_token()?;
        let hook = format!("http://{}{REGISTRY_HOOK}", ports.hooks.local_addr()?);
        let registry = while_waiting("starting the registry", Registry::start(&hook, &key)).await?;
        let objects = manifests::objects(folder, Some(registry.host()))?;
        let first_versions = push_first_versions(&registry, &objects).await?;
        for object in objects {
            let name = format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
            cluster.store().apply(object).await.with_context(|| format!("cannot create {name}"))?;
        }
        let (builds, tasks) =
            (SimulationOptions { duration: BUILD_DURATION }, SimulationOptions { duration: TASK_DURATION });
        cluster.spawn(simulate_builds(cluster.store(), "", builds));
        cluster.spawn(simulate_pipelines(cluster.store(), "", tasks));
        let kubeconfig = cluster.kubeconfig();
        let known = if stays_up { known_folder() } else { None };
        match &known {
            Some(known) => known.write(KUBECONFIG, &kubeconfig)?,
            None => std::fs::write(own.path().join(KUBECONFIG), &kubeconfig)?,
        }

        let connection = connect(Some(&kubeconfig)).await?;
        let mut options = ProgramOptions::on_loopback(Address::Sqlite(own.path().join("journal.db")));
        options.listen = ports.hooks.local_addr()?;
        options.admin_listen = ports.admin.local_addr()?;
        options.images.registry_private.push(registry.host().parse()?);
        options.images.insecure_registry.push(registry.host().parse()?);
        options.images.image_window = IMAGE_WINDOW;
        let key_file = own.path().join("registry-key");
        std::fs::write(&key_file, &key)?;
        options.registries.registry_hooks.push(format!("distribution={}", key_file.display()).parse()?);
        let program = Program::start_on(ports, &connection, &options);
        let program = while_waiting("starting the program", program).await?;
        while_waiting("syncing the Builds", program.ready()).await;
        Ok(Self { cluster, registry, first_versions, program, token, folder: own, known })
    }

    /// The kubeconfig for kubectl.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        let folder = self.known.as_ref().map_or(self.folder.path(), KnownFolder::path);
        folder.join(KUBECONFIG)
    }

    /// Follows what arrives from now on.
    pub(super) async fn live(&self) -> anyhow::Result<Live> {
        Ok(Live::start(self.program.journal.as_ref()).await?)
    }

    /// Prints what arrives. Does not return.
    pub(super) async fn print(&self, live: Live) {
        live.print(self.program.journal.as_ref()).await;
    }

    /// The URL for the webhooks of a provider.
    pub(super) fn hook_url(&self, provider: &'static dyn Provider) -> String {
        format!("http://{}{}", self.program.hooks, HookPath::default_of(provider).path)
    }

    /// The URL of an EventListener.
    pub(super) fn listener_url(&self, listener: &ObjectKey) -> String {
        format!("http://{}{}", self.program.hooks, ListenerRequest::path_of(listener))
    }

    /// The URL of the admin port.
    pub(super) fn admin_url(&self) -> String {
        format!("http://{}", self.program.admin)
    }

    /// All objects of a resource, in every namespace.
    pub(super) async fn list(&self, resource: &Gvr) -> anyhow::Result<Vec<Value>> {
        Ok(self.cluster.store().list(resource, "").await?)
    }

    /// One object, if it exists.
    pub(super) async fn get(&self, resource: &Gvr, key: &ObjectKey) -> anyhow::Result<Option<Value>> {
        Ok(self.cluster.store().get(resource, &key.namespace, &key.name).await?)
    }

    /// A delivery that the program makes of an observation, once it is settled or has failed.
    pub(super) async fn observed(&self, id: &DeliveryId) -> anyhow::Result<Record> {
        while_waiting("waiting for the program to observe the change", self.settled(id)).await
    }

    /// Returns when the program has resolved an image to `digest`.
    pub(super) async fn resolves_to(&self, image: &ImageRef, digest: &Digest) -> anyhow::Result<()> {
        let work = async {
            let deadline = Instant::now() + STEP_TIMEOUT;
            loop {
                let mut standings = self.program.images.statuses().into_iter();
                if standings.any(|shown| shown.image == *image && shown.digest.as_ref() == Some(digest)) {
                    return Ok(());
                }
                if Instant::now() > deadline {
                    bail!(
                        "the program did not resolve {image} to {} within {STEP_TIMEOUT:?}",
                        digest.short()
                    );
                }
                tokio::time::sleep(POLL).await;
            }
        };
        while_waiting("waiting for the program to query the registry", work).await
    }

    /// The delivery for the change of an image after `begin`, perhaps with other images that `build` waits for,
    /// once it is settled or has failed.
    pub(super) async fn image_changed(
        &self,
        image: &ImageRef,
        build: &ObjectKey,
        begin: Timestamp,
    ) -> anyhow::Result<Record> {
        let event = format!("Image {image}");
        let is_it = |record: &&Record| {
            let decided = record.decisions.iter().any(|decision| decision.owner.key == *build);
            record.delivery.source.as_ref() == IMAGES && (record.delivery.event == event || decided)
        };
        let work = async {
            let deadline = Instant::now() + STEP_TIMEOUT;
            loop {
                let query = Query { since: Some(begin), ..Query::default() };
                let page = self.program.journal.history(query).await?;
                if let Some(found) = page.records.iter().find(is_it) {
                    return self.settled(&found.delivery.id).await;
                }
                if Instant::now() > deadline {
                    bail!("no delivery for the change of {image} within {STEP_TIMEOUT:?}");
                }
                tokio::time::sleep(POLL).await;
            }
        };
        while_waiting("waiting for the program to observe the change", work).await
    }

    /// The delivery, once it is settled or has failed.
    pub(super) async fn settled(&self, id: &DeliveryId) -> anyhow::Result<Record> {
        let deadline = Instant::now() + STEP_TIMEOUT;
        loop {
            if let Some(record) = self.program.journal.find(id).await?
                && matches!(record.state, State::Settled | State::Failed)
            {
                return Ok(record);
            }
            if Instant::now() > deadline {
                bail!("the delivery {id} was not settled within {STEP_TIMEOUT:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The BuildRun, once it has finished and has the condition with its cause, which follows a moment later.
    pub(super) async fn finished_build_run(&self, run: &ObjectKey) -> anyhow::Result<Value> {
        let mut finished = self.finished(&build_runs(), run).await?;
        let deadline = Instant::now() + CAUSE_TIMEOUT;
        while condition(&finished, "Triggered").is_none() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
            finished = self.get(&build_runs(), run).await?.context("the BuildRun was deleted")?;
        }
        Ok(finished)
    }

    /// A run of any kind, once it has finished.
    pub(super) async fn finished(&self, resource: &Gvr, run: &ObjectKey) -> anyhow::Result<Value> {
        let kind = &resource.resource;
        let deadline = Instant::now() + STEP_TIMEOUT;
        loop {
            let object = self.get(resource, run).await?;
            let object = object.with_context(|| format!("{kind} {run} does not exist"))?;
            if condition(&object, "Succeeded").is_some_and(|condition| condition["status"] != "Unknown") {
                return Ok(object);
            }
            if Instant::now() > deadline {
                bail!("{kind} {run} did not finish within {STEP_TIMEOUT:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.program.stop().await;
        // The cluster stores nothing, so an error here loses nothing.
        let _ = self.cluster.shutdown().await;
    }
}

/// The folder in which other terminals find the demo. Without it they use the path that the demo prints.
fn known_folder() -> Option<KnownFolder> {
    match KnownFolder::take() {
        Ok(Some(known)) => Some(known),
        Ok(None) => {
            anstream::eprintln!("Another demo runs; `dev env` is about that one.");
            None
        }
        Err(error) => {
            anstream::eprintln!("`dev env` will not find this demo: {error}");
            None
        }
    }
}

/// A random token of 160 bits.
fn random_token() -> anyhow::Result<String> {
    let mut bytes = [0; 20];
    rand::fill(&mut bytes).map_err(|_| anyhow!("the operating system provides no random numbers"))?;
    Ok(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}
