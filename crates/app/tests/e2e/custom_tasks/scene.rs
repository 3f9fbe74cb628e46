//! What the scenarios of custom tasks share: a world with simulated builds, and its tasks.

use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use trigger_devcluster::Faults;
use trigger_simulation::SimulationOptions;

use crate::apart::repository;
use crate::world::World;

/// A simulated build takes so long unless its Build says something else.
const BUILD_TAKES: Duration = Duration::from_millis(50);

/// How long a build takes that is not to end by itself.
pub const FOREVER: &str = "10m";

/// A world with simulated builds.
pub(super) async fn simulated() -> World {
    let world = World::new().await;
    world.simulate_builds(SimulationOptions { duration: BUILD_TAKES });
    world
}

/// The faults of the dev cluster; none on another.
pub(super) fn faults(world: &World) -> Option<&Faults> {
    Some(world.dev_only("the API server misbehaves on order")?.faults())
}

/// The spec of a Build that owns nothing.
pub(super) fn build_spec() -> Value {
    json!({
        "source": {"type": "Git", "git": {"url": repository(), "revision": "main"}},
        "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
        "output": {"image": "registry.example/acme/web:v1", "pushSecret": "push"},
    })
}

impl World {
    /// A Build `web` in team-a whose runs take this long and end like this.
    pub async fn scripted(&self, outcomes: &str, takes: &str) {
        let annotations =
            json!({"dev.shipwright.io/simulate": outcomes, "dev.shipwright.io/simulate-duration": takes});
        self.build_with(annotations, build_spec()).await;
    }

    /// A Build `web` in team-a whose runs succeed at once.
    pub async fn plain_build(&self) {
        self.build_with(json!({}), build_spec()).await;
    }

    pub(super) async fn build_with(&self, annotations: Value, spec: Value) {
        let metadata = json!({"name": "web", "annotations": annotations});
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": metadata, "spec": spec,
        });
        self.create_build("team-a", build).await;
    }

    pub(super) fn tasks(&self, kind: &str) -> Api<DynamicObject> {
        let version = if kind == "Run" { "v1alpha1" } else { "v1beta1" };
        let plural = format!("{}s", kind.to_lowercase());
        let kind = GroupVersionKind::gvk("tekton.dev", version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &plural);
        Api::namespaced_with(self.client.clone(), &self.namespace("team-a"), &resource)
    }

    /// Creates a CustomRun that asks for the Build `web`, with more fields in its spec.
    pub async fn task(&self, name: &str, more: Value) {
        let mut spec = json!({"customRef": by_name("web")});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.task_of("CustomRun", name, spec).await;
    }

    pub async fn task_of(&self, kind: &str, name: &str, spec: Value) {
        let task = json!({"metadata": {"name": name, "labels": {
            "tekton.dev/pipelineRun": "release-7", "tekton.dev/pipelineTask": "image",
        }}, "spec": spec});
        let mut task = task;
        task["apiVersion"] = if kind == "Run" { "tekton.dev/v1alpha1" } else { "tekton.dev/v1beta1" }.into();
        task["kind"] = kind.into();
        let task: DynamicObject = serde_json::from_value(task).unwrap();
        self.tasks(kind).create(&PostParams::default(), &task).await.unwrap();
    }

    pub(super) async fn read_task(&self, kind: &str, name: &str) -> Value {
        serde_json::to_value(self.tasks(kind).get(name).await.unwrap()).unwrap()
    }

    /// Does what Tekton does to cancel a task.
    pub async fn cancel_task(&self, name: &str) {
        let patch =
            json!({"spec": {"status": "RunCancelled", "statusMessage": "the PipelineRun was cancelled."}});
        self.tasks("CustomRun").patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// The task, once its condition has this status and reason.
    pub async fn task_reaches(&self, name: &str, status: &str, reason: &str) -> Value {
        self.task_of_kind_reaches("CustomRun", name, status, reason).await
    }

    pub async fn task_of_kind_reaches(&self, kind: &str, name: &str, status: &str, reason: &str) -> Value {
        let task = self
            .until(&format!("{kind} {name} is {status}/{reason}"), || async {
                let task = self.read_task(kind, name).await;
                let said = &task["status"]["conditions"][0];
                assert!(
                    !is_final(&task) || (said["status"] == status && said["reason"] == reason),
                    "{kind} {name} must be {status}/{reason}: {said}"
                );
                (said["status"] == status && said["reason"] == reason).then_some(task)
            })
            .await;
        check_status(&task);
        task
    }

    /// The one BuildRun, once there is one.
    pub(super) async fn only_run(&self) -> Value {
        let run = self
            .until("there is a BuildRun", || async { self.runs("team-a").await.into_iter().next() })
            .await;
        assert_eq!(self.runs("team-a").await.len(), 1);
        run
    }

    pub(super) async fn delete_task(&self, name: &str) {
        self.tasks("CustomRun").delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(super) async fn delete_run(&self, name: &str) {
        self.build_runs().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(super) async fn relabel(&self, run: &Value, key: &str, value: &str) {
        let patch = Patch::Merge(json!({"metadata": {"labels": {key: value}}}));
        let name = run["metadata"]["name"].as_str().unwrap();
        self.build_runs().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Plays the Build controller for one run.
    pub(super) async fn end_run(&self, run: &Value, status: &str, reason: &str) {
        let condition = json!({
            "type": "Succeeded", "status": status, "reason": reason, "message": "the end",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let patch = json!({"status": {
            "conditions": [condition],
            "buildSpec": build_spec(),
            "output": {"digest": "sha256:01"},
        }});
        let name = run["metadata"]["name"].as_str().unwrap();
        self.build_runs().patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub fn build_runs(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("shipwright.io", "v1beta1", "BuildRun");
        let resource = ApiResource::from_gvk_with_plural(&kind, "buildruns");
        Api::namespaced_with(self.client.clone(), &self.namespace("team-a"), &resource)
    }
}

pub fn by_name(build: &str) -> Value {
    json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": build})
}

pub(super) fn is_final(task: &Value) -> bool {
    matches!(task["status"]["conditions"][0]["status"].as_str(), Some("True" | "False"))
}

pub(super) fn message(task: &Value) -> &str {
    task["status"]["conditions"][0]["message"].as_str().unwrap()
}

/// The value of a result.
pub(super) fn result<'a>(task: &'a Value, name: &str) -> Option<&'a str> {
    let results = task["status"]["results"].as_array()?;
    results.iter().find(|result| result["name"] == name)?["value"].as_str()
}

/// What holds of every status that we write: one whole condition, times that fit it, results only of a success.
pub(super) fn check_status(task: &Value) {
    let status = &task["status"];
    let conditions = status["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 1, "{status:#}");
    for field in ["status", "reason", "message", "lastTransitionTime"] {
        let text = conditions[0][field].as_str().unwrap();
        assert!(!text.is_empty(), "{field}: {status:#}");
    }
    assert_eq!(conditions[0]["type"], "Succeeded");
    // Its spec may have changed after its end.
    assert!(
        status["observedGeneration"].as_i64().unwrap() <= task["metadata"]["generation"].as_i64().unwrap()
    );
    assert!(status["startTime"].is_string());
    assert_eq!(status["completionTime"].is_string(), is_final(task), "{status:#}");
    assert_eq!(status["results"].is_array(), conditions[0]["status"] == "True", "{status:#}");
}
