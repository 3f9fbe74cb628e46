use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use trigger_devcluster::StoreHandle;
use trigger_simulation::simulate_builds;
use trigger_testkit::api_server::{ApiServer, Purpose};

use super::SIMULATION;
use super::carrier::Carrier;
use super::metrics::Requests;
use crate::bench::access::Access;
use crate::bench::process::answer_questions;
use crate::bench::scene::{self, MadeKind, Scene};
use crate::process_usage::ProcessUsage;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const NAMESPACES: &str = "/api/v1/namespaces";

/// How long it may take until definitions are served, and until the API server has come to rest.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long the API server is looked at to see whether it works, and how much of a processor it may take when not.
const LOOK: Duration = Duration::from_secs(1);
const AT_REST: f64 = 0.2;
/// How many objects are created at a time.
const AT_A_TIME: usize = 16;

/// A real API server with the scene on it.
struct Real {
    server: ApiServer,
    access: Access,
    client: reqwest::Client,
    /// The kind of the runs.
    made: MadeKind,
}

pub(super) async fn run(components: &Path, data: &Path, scene: Scene, count: usize) -> anyhow::Result<()> {
    let server = ApiServer::start_for(components, Purpose::Measurements(data)).await?;
    let access = Access::read(&server.kubeconfig()?)?;
    let cluster = Real { client: access.client()?, server, access, made: scene.made() };
    cluster.set(scene, count).await?;
    at_rest().await?;
    let greeting = json!({"url": cluster.access.url, "kubeconfig": cluster.server.kubeconfig()?});
    answer_questions(&greeting, async |question| match question {
        "counts" => cluster.counts().await,
        "runs at most" | "runs" => cluster.runs().await,
        "simulate" => {
            cluster.simulate();
            Ok(Value::Null)
        }
        "unexplained" => cluster.unexplained().await,
        "conflicts" => cluster.conflicts().await,
        "a run" => cluster.a_run().await,
        other => bail!("the cluster does not know {other}"),
    })
    .await
}

impl Real {
    /// Puts the definitions and the scene there.
    async fn set(&self, scene: Scene, count: usize) -> anyhow::Result<()> {
        for definition in trigger_api::crds::all()? {
            self.create(DEFINITIONS, &definition).await?;
            self.established(&definition).await?;
        }
        let objects = scene.objects(count);
        let namespaces: BTreeSet<_> =
            objects.iter().map(|object| object["metadata"]["namespace"].as_str()).collect();
        for name in namespaces {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.create(NAMESPACES, &namespace).await?;
        }
        let create = async |object: Value| self.create(&scene::collection(&object), &object).await;
        futures::stream::iter(objects.into_iter().map(create)).buffer_unordered(AT_A_TIME).try_collect().await
    }

    async fn create(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        let answer = self.client.post(self.access.url.clone() + path).json(object).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path} cannot be created: {text}");
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.client.get(self.access.url.clone() + path).send().await?.error_for_status()?)
    }

    /// Waits until what a definition defines is served.
    async fn established(&self, definition: &Value) -> anyhow::Result<()> {
        let name = definition["metadata"]["name"].as_str().context("a definition without a name")?;
        let begin = Instant::now();
        loop {
            let now: Value = self.get(&format!("{DEFINITIONS}/{name}")).await?.json().await?;
            let mut conditions = now["status"]["conditions"].as_array().into_iter().flatten();
            if conditions.any(|one| one["type"] == "Established" && one["status"] == "True") {
                return Ok(());
            }
            ensure!(begin.elapsed() < PATIENCE, "{name} is not served within {PATIENCE:?}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What was asked of the API server so far.
    async fn counts(&self) -> anyhow::Result<Value> {
        let page = self.get("/metrics").await?.text().await?;
        let requests = Requests::read(&page);
        let resource = self.made.plural();
        let of_runs =
            |verb| requests.count(&[("group", self.made.group), ("resource", &resource), ("verb", verb)]);
        Ok(json!({
            "runs": of_runs("POST"),
            "conditions": of_runs("PATCH"),
            "events": requests.count(&[("group", "events.k8s.io"), ("resource", "events"), ("verb", "POST")]),
            "secrets": requests.count(&[("group", ""), ("resource", "secrets"), ("verb", "GET")]),
            "turned away": requests.count(&[("code", "429")]),
        }))
    }

    /// How many runs there are: one is read, and the store counts the others. (Old servers do not pass that count on
    /// if only the metadata is asked for.)
    async fn runs(&self) -> anyhow::Result<Value> {
        let list = self.first_run().await?;
        let first = list["items"].as_array().map_or(0, Vec::len) as u64;
        Ok(json!(first + list["metadata"]["remainingItemCount"].as_u64().unwrap_or_default()))
    }

    /// Plays the Build controller until this process ends.
    fn simulate(&self) {
        let carrier = Carrier::new(self.client.clone(), self.access.url.clone());
        let store = StoreHandle::remote(Arc::new(carrier));
        tokio::spawn(simulate_builds(&store, "", SIMULATION));
    }

    /// How many runs have no condition `Triggered`.
    async fn unexplained(&self) -> anyhow::Result<Value> {
        let list: Value = self.get(&self.made.path()).await?.json().await?;
        let runs = list["items"].as_array().into_iter().flatten();
        Ok(json!(runs.filter(|run| !scene::is_explained(run)).count()))
    }

    /// The writes of statuses of runs, by who writes: the program patches, the controller replaces.
    async fn conflicts(&self) -> anyhow::Result<Value> {
        let page = self.get("/metrics").await?.text().await?;
        let requests = Requests::read(&page);
        let count = |verb, codes: &[&str]| -> u64 {
            let of_status = [("resource", "buildruns"), ("subresource", "status"), ("verb", verb)];
            if codes.is_empty() {
                return requests.count(&of_status);
            }
            let counts = codes.iter().map(|code| {
                let [resource, subresource, verb] = of_status;
                requests.count(&[resource, subresource, verb, ("code", code)])
            });
            counts.sum()
        };
        let of = |verb| json!({"writes": count(verb, &[]), "conflicts": count(verb, &["409", "422"])});
        Ok(json!({"program": of("PATCH"), "controller": of("PUT")}))
    }

    async fn a_run(&self) -> anyhow::Result<Value> {
        let mut list = self.first_run().await?;
        list["items"].get_mut(0).map(Value::take).context("there is no run")
    }

    /// A list of one of the runs.
    async fn first_run(&self) -> anyhow::Result<Value> {
        Ok(self.get(&format!("{}?limit=1", self.made.path())).await?.json().await?)
    }
}

/// Waits until the API server has done what it does by itself after its start and after each definition: for seconds
/// it puts together the document that describes all it serves.
async fn at_rest() -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let before = ProcessUsage::of_children(std::process::id())?;
        tokio::time::sleep(LOOK).await;
        let used = ProcessUsage::of_children(std::process::id())?.saturating_sub(before);
        if used < LOOK.mul_f64(AT_REST) {
            return Ok(());
        }
        ensure!(begin.elapsed() < PATIENCE, "the API server does not come to rest within {PATIENCE:?}");
    }
}
