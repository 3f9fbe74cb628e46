//! A cluster with Tekton's kinds, and the actions of a custom task's controller.

use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, DevClusterBuilder, Gvr, StoreHandle};
use trigger_simulation::{SimulationOptions, simulate_pipelines};

use crate::poll::{self, eventually};

pub(super) const QUICK: Duration = Duration::from_millis(20);
/// Longer than any test waits.
pub(super) const ENDLESS: Duration = Duration::from_mins(10);

pub(super) fn definitions() -> Vec<Value> {
    trigger_api::crds::tekton().unwrap()
}

pub(super) fn runs() -> Gvr {
    "tekton.dev/v1/pipelineruns".parse().unwrap()
}

pub(super) fn custom_runs() -> Gvr {
    "tekton.dev/v1beta1/customruns".parse().unwrap()
}

pub(super) struct Stage {
    pub(super) cluster: DevCluster,
}

impl Stage {
    pub(super) async fn new(duration: Duration) -> Self {
        Self::of(DevCluster::builder().crds(definitions()), duration).await
    }

    pub(super) async fn of(builder: DevClusterBuilder, duration: Duration) -> Self {
        let cluster = builder.start().await.unwrap();
        cluster.spawn(simulate_pipelines(cluster.store(), "", SimulationOptions { duration }));
        Self { cluster }
    }

    pub(super) fn store(&self) -> &StoreHandle {
        self.cluster.store()
    }

    pub(super) async fn pipeline(&self, name: &str, spec: Value) {
        let manifest = json!({"apiVersion": "tekton.dev/v1", "kind": "Pipeline",
            "metadata": {"name": name, "labels": {"team": "blue", "tier": "back"}}, "spec": spec});
        self.store().apply(manifest).await.unwrap();
    }

    /// Starts a run with additional metadata.
    pub(super) async fn run_with(&self, name: &str, metadata: Value, spec: Value) {
        let mut manifest = json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "spec": spec});
        manifest["metadata"] = metadata;
        manifest["metadata"]["name"] = name.into();
        self.store().apply(manifest).await.unwrap();
    }

    pub(super) async fn run(&self, name: &str, spec: Value) {
        self.run_with(name, json!({}), spec).await;
    }

    /// Starts a run with an embedded pipeline.
    pub(super) async fn embedded(&self, name: &str, pipeline: Value) {
        self.run(name, json!({"pipelineSpec": pipeline})).await;
    }

    pub(super) async fn get(&self, name: &str) -> Value {
        self.store().get(&runs(), "default", name).await.unwrap().unwrap()
    }

    /// Sets `spec.status` of a run.
    pub(super) async fn set_spec_status(&self, name: &str, status: &str) {
        let patch = json!({"spec": {"status": status}});
        self.store().merge(&runs(), "default", name, &patch).await.unwrap();
    }

    /// Waits until the run has this reason.
    pub(super) async fn reaches(&self, name: &str, status: &str, reason: &str) -> Value {
        let what = format!("{name} reaches {reason}");
        let run = eventually(&what, async || {
            let run = self.get(name).await;
            (condition(&run)["reason"] == reason).then_some(run)
        })
        .await;
        assert_eq!(condition(&run)["status"], status);
        assert!(condition(&run)["message"].as_str().unwrap().starts_with("simulated: "));
        assert_eq!(run["metadata"]["annotations"]["dev.shipwright.io/simulated"], "true");
        assert_eq!(run["status"].get("completionTime").is_some(), status != "Unknown");
        run
    }

    /// Waits for a CustomRun.
    pub(super) async fn custom_run(&self, name: &str) -> Value {
        eventually(&format!("there is a CustomRun {name}"), async || {
            self.store().get(&custom_runs(), "default", name).await.unwrap()
        })
        .await
    }

    /// Waits until a CustomRun is cancelled.
    pub(super) async fn cancelled(&self, name: &str) -> Value {
        eventually(&format!("{name} is cancelled"), async || {
            let found = self.custom_run(name).await;
            (found["spec"]["status"] == "RunCancelled").then_some(found)
        })
        .await
    }

    /// Ends a CustomRun.
    pub(super) async fn settle(&self, name: &str, status: &str, reason: &str, results: Value) {
        let mut custom_run = self.custom_run(name).await;
        custom_run["status"] = json!({"results": results, "conditions": [
            {"type": "Succeeded", "status": status, "reason": reason}]});
        self.store().replace_status(&custom_runs(), custom_run).await.unwrap();
    }

    pub(super) async fn custom_run_names(&self) -> Vec<String> {
        let listed = self.store().list(&custom_runs(), "default").await.unwrap();
        listed.iter().map(|found| found["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

pub(super) fn condition(run: &Value) -> &Value {
    poll::condition(run, "Succeeded")
}
