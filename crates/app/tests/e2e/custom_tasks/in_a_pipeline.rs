//! Scenarios 15 and 16 from the side of the pipeline, whose part the simulated Tekton plays: what a task
//! results in is there for the next one, and the end of the PipelineRun is the end of the build.

use serde_json::{Value, json};
use trigger_devcluster::Gvr;
use trigger_simulation::SimulationOptions;

use super::scene::{FOREVER, simulated};
use crate::world::{World, annotation};

/// The trace that whoever creates the PipelineRun wants it to go on with.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn gvr(group: &str, version: &str, plural: &str) -> Gvr {
    Gvr::new(group, version, plural)
}

/// Runs a pipeline with the Build `web` as a task, and a task after it that takes its digest.
async fn run(world: &World, name: &str, spec: Value) {
    let reference = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web"});
    let digest = "$(tasks.image.results.image-digest)";
    let tasks = json!([
        {"name": "image", "taskRef": reference},
        {"name": "deploy", "taskRef": {"name": "deploy"}, "params": [{"name": "digest", "value": digest}]},
    ]);
    let results = json!([{"name": "digest", "value": digest}]);
    let mut run = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {
            "namespace": world.namespace("team-a"), "name": name, "annotations": {"tekton.dev/deliveryTraceparent": TRACE},
        },
        "spec": spec,
    });
    run["spec"]["pipelineSpec"] = json!({"tasks": tasks, "results": results});
    world.stage.store.apply(run).await.unwrap();
}

/// The object, once its condition `Succeeded` has this status and reason.
async fn reaches(world: &World, gvr: &Gvr, name: &str, status: &str, reason: &str) -> Value {
    let (store, namespace) = (&world.stage.store, world.namespace("team-a"));
    world
        .until(&format!("{name} is {status}/{reason}"), || async {
            let object = store.get(gvr, &namespace, name).await.unwrap()?;
            let conditions = object["status"]["conditions"].as_array()?.clone();
            let is_so = |said: &Value| {
                said["type"] == "Succeeded" && said["status"] == status && said["reason"] == reason
            };
            conditions.iter().any(is_so).then_some(object)
        })
        .await
}

async fn pipelines() -> World {
    let world = simulated().await;
    world.simulate_pipelines(SimulationOptions::default());
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_task_takes_the_digest_and_the_trace_goes_on() {
    let world = pipelines().await;
    world.plain_build().await;
    run(&world, "release", json!({})).await;
    let ended =
        reaches(&world, &gvr("tekton.dev", "v1", "pipelineruns"), "release", "True", "Succeeded").await;
    let runs = world.runs("team-a").await;
    let [build_run] = runs.as_slice() else { panic!("{runs:#?}") };
    let digest = build_run["status"]["output"]["digest"].as_str().unwrap();
    assert_eq!(ended["status"]["results"], json!([{"name": "digest", "value": digest}]));
    assert_eq!(annotation(build_run, "traceparent"), TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_pipeline_is_the_end_of_the_build() {
    let world = pipelines().await;
    world.scripted("Succeeded", FOREVER).await;
    let pipeline_runs = gvr("tekton.dev", "v1", "pipelineruns");
    let custom_runs = gvr("tekton.dev", "v1beta1", "customruns");
    run(&world, "late", json!({"timeouts": {"pipeline": "1s"}})).await;
    run(&world, "unwanted", json!({})).await;
    reaches(&world, &custom_runs, "unwanted-image", "Unknown", "Running").await;
    let cancel = json!({"spec": {"status": "Cancelled"}});
    let store = &world.stage.store;
    store.merge(&pipeline_runs, &world.namespace("team-a"), "unwanted", &cancel).await.unwrap();
    for (name, reason) in [("late", "PipelineRunTimeout"), ("unwanted", "Cancelled")] {
        reaches(&world, &pipeline_runs, name, "False", reason).await;
        let task = format!("{name}-image");
        let task = reaches(&world, &custom_runs, &task, "False", "CustomRunCancelled").await;
        let build_run = task["status"]["extraFields"]["buildRunName"].as_str().unwrap();
        let build_runs = gvr("shipwright.io", "v1beta1", "buildruns");
        reaches(&world, &build_runs, build_run, "False", "BuildRunCanceled").await;
    }
}
