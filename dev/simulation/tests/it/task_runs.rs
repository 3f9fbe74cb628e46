//! The simulated TaskRun controller.

use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Gvr};
use trigger_simulation::{SimulationOptions, simulate_pipelines};

use crate::poll::{condition, eventually};

fn task_runs() -> Gvr {
    "tekton.dev/v1/taskruns".parse().unwrap()
}

/// A cluster on which TaskRuns take this time, and a run on it.
async fn started(duration: Duration) -> DevCluster {
    let definitions = trigger_api::crds::tekton().unwrap();
    let cluster = DevCluster::builder().crds(definitions).start().await.unwrap();
    cluster.spawn(simulate_pipelines(cluster.store(), "", SimulationOptions { duration }));
    let run = json!({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "lint"},
        "spec": {"taskSpec": {"steps": [{"name": "lint", "image": "lint"}]}}});
    cluster.store().apply(run).await.unwrap();
    cluster
}

async fn reaches(cluster: &DevCluster, reason: &str) -> Value {
    let run = eventually(reason, async || {
        let run = cluster.store().get(&task_runs(), "default", "lint").await.unwrap().unwrap();
        (condition(&run, "Succeeded")["reason"] == reason).then_some(run)
    })
    .await;
    assert!(condition(&run, "Succeeded")["message"].as_str().unwrap().starts_with("simulated: "));
    assert_eq!(run["metadata"]["annotations"]["dev.shipwright.io/simulated"], "true");
    run
}

#[tokio::test]
async fn a_task_run_succeeds() {
    let cluster = started(Duration::from_millis(20)).await;
    let run = reaches(&cluster, "Succeeded").await;
    assert_eq!(condition(&run, "Succeeded")["status"], "True");
    assert!(run["status"]["startTime"].is_string() && run["status"]["completionTime"].is_string());
}

#[tokio::test]
async fn a_task_run_that_is_cancelled_ends_at_once() {
    let cluster = started(Duration::from_mins(10)).await;
    let run = reaches(&cluster, "Running").await;
    assert!(run["status"].get("completionTime").is_none());
    let cancel = json!({"spec": {"status": "TaskRunCancelled"}});
    cluster.store().merge(&task_runs(), "default", "lint", &cancel).await.unwrap();
    let run = reaches(&cluster, "TaskRunCancelled").await;
    assert_eq!(condition(&run, "Succeeded")["status"], "False");
    assert!(run["status"]["completionTime"].is_string());
}
