//! Rules of type Pipeline: PipelineRuns whose status changes start builds. The tests play Tekton's part and
//! write the status themselves.

mod absent;
mod explain;
mod killing;
mod loops;
mod many;
mod matching;
mod note;
mod once;

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::Record;

use crate::world::{World, annotation};

/// A rule that waits for PipelineRuns of the Pipeline `pipeline`.
pub fn on(pipeline: &str, status: &[&str]) -> Value {
    let name = format!("{pipeline} {}", status.join("/"));
    json!({"name": name, "type": "Pipeline", "github": {}, "objectRef": {"name": pipeline, "status": status}})
}

/// A rule that waits for PipelineRuns with a label.
pub fn on_label(key: &str, value: &str, status: &[&str]) -> Value {
    let name = format!("{key}={value} {}", status.join("/"));
    json!({"name": name, "type": "Pipeline", "github": {}, "objectRef": {"selector": {key: value}, "status": status}})
}

/// The test in Tekton's part, in one namespace. It goes on while the program is away.
pub struct Tekton {
    pub runs: Api<DynamicObject>,
}

pub fn tekton(world: &World, team: &str) -> Tekton {
    let kind = GroupVersionKind::gvk("tekton.dev", "v1", "PipelineRun");
    let resource = ApiResource::from_gvk_with_plural(&kind, "pipelineruns");
    Tekton { runs: Api::namespaced_with(world.client.clone(), &world.namespace(team), &resource) }
}

impl Tekton {
    /// Creates a PipelineRun that has no status yet. Returns its UID.
    pub async fn create(&self, name: &str, mut object: Value) -> String {
        object["apiVersion"] = "tekton.dev/v1".into();
        object["kind"] = "PipelineRun".into();
        object["metadata"]["name"] = name.into();
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let created = self.runs.create(&PostParams::default(), &object).await.unwrap();
        created.metadata.uid.unwrap()
    }

    /// Creates a PipelineRun of the Pipeline `pipeline`.
    pub async fn create_of(&self, name: &str, pipeline: &str) -> String {
        self.create(name, json!({"spec": {"pipelineRef": {"name": pipeline}}})).await
    }

    /// Changes the status.
    pub async fn status(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.runs.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn start(&self, name: &str) {
        let conditions = json!([condition("Unknown", "Running")]);
        self.status(name, json!({"startTime": now(), "conditions": conditions})).await;
    }

    pub async fn end(&self, name: &str, succeeded: &str, reason: &str) {
        let conditions = json!([condition(succeeded, reason)]);
        let ended = json!({"startTime": now(), "completionTime": now(), "conditions": conditions});
        self.status(name, ended).await;
    }

    /// The same without a patch, for who refuses those: the run succeeds.
    pub async fn replace_end(&self, name: &str) {
        let mut run = self.runs.get(name).await.unwrap();
        let conditions = json!([condition("True", "Succeeded")]);
        run.data["status"] = json!({"startTime": now(), "completionTime": now(), "conditions": conditions});
        self.runs.replace_status(name, &PostParams::default(), &run).await.unwrap();
    }

    /// Changes labels or annotations.
    pub async fn patch(&self, name: &str, patch: Value) {
        self.runs.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn condition(status: &str, reason: &str) -> Value {
    json!({"type": "Succeeded", "status": status, "reason": reason, "message": "", "lastTransitionTime": now()})
}

/// The id of the delivery of a PipelineRun in a class.
pub fn delivery(uid: &str, class: &str) -> DeliveryId {
    DeliveryId::derive(&[b"pipelinerun", uid.as_bytes(), class.as_bytes()])
}

/// The delivery of a PipelineRun in a class, once it is settled.
pub async fn settled(world: &World, uid: &str, class: &str) -> Record {
    world.settled(&delivery(uid, class)).await
}

/// Returns when the program has seen everything that was written to PipelineRuns before: what comes later
/// comes by the same watch, and starts a Build of its own.
pub async fn all_seen(world: &World, team: &str) {
    static SENTINELS: AtomicU32 = AtomicU32::new(0);
    let name = format!("sentinel-{}", SENTINELS.fetch_add(1, Ordering::Relaxed));
    world.build(team, &name, json!([on(&name, &["Succeeded"])])).await;
    let tekton = tekton(world, team);
    let uid = tekton.create_of(&name, &name).await;
    tekton.end(&name, "True", "Succeeded").await;
    settled(world, &uid, "Succeeded").await;
    world.delete_build(team, &name).await;
}

/// The Builds that were started in a team, by name and in order, without sentinels.
pub async fn started(world: &World, team: &str) -> Vec<String> {
    let runs = world.runs(team).await;
    let builds = runs.iter().map(|run| run["spec"]["build"]["name"].as_str().unwrap().to_owned());
    let mut builds: Vec<_> = builds.filter(|build| !build.starts_with("sentinel-")).collect();
    builds.sort();
    builds
}

/// The BuildRun of a Build.
pub async fn run_of(world: &World, team: &str, build: &str) -> Value {
    let runs = world.runs(team).await;
    runs.into_iter().find(|run| run["spec"]["build"]["name"] == build).unwrap_or_else(|| panic!("no {build}"))
}

/// Whether the cause of a BuildRun is a rule on a PipelineRun.
pub fn is_caused_by(run: &Value, pipeline_run: &str, rule: &str) -> bool {
    annotation(run, "pipelinerun") == pipeline_run
        && annotation(run, "trigger-when-name") == rule
        && annotation(run, "trigger-when-type") == "Pipeline"
}

pub fn key(world: &World, team: &str, name: &str) -> ObjectKey {
    ObjectKey::new(world.namespace(team), name)
}
