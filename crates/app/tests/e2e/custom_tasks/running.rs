//! Scenarios 15 and 22, and the lines C9 to C13: a task runs its Build and says how it goes.

use jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use trigger_devcluster::Gvr;

use super::scene::{FOREVER, build_spec, by_name, check_status, is_final, message, result, simulated};
use crate::apart::repository;
use crate::elsewhere::skipped_without_controllers;
use crate::roles::PROGRAM;
use crate::world::annotation;

#[tokio::test(flavor = "multi_thread")]
async fn a_build_of_either_version_runs_as_a_task_with_parameters_and_results() {
    let world = simulated().await;
    world.scripted("Succeeded", "300ms").await;
    for version in ["v1alpha1", "v1beta1"] {
        let reference =
            json!({"apiVersion": format!("shipwright.io/{version}"), "kind": "Build", "name": "web"});
        let params = json!([{"name": "target", "value": "prod"}, {"name": "args", "value": ["A=1", "B=2"]}]);
        let spec = json!({
            "customRef": reference, "params": params, "timeout": "10m", "serviceAccountName": "builder",
            "workspaces": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
        });
        world.task_of("CustomRun", version, spec).await;
        let running = world.task_reaches(version, "Unknown", "Running").await;
        let link = &running["status"]["extraFields"];
        assert_eq!(link["buildRunNamespace"], world.namespace("team-a"));

        let done = world.task_reaches(version, "True", "Succeeded").await;
        let runs = world.runs("team-a").await;
        let run = runs.iter().find(|run| run["metadata"]["name"] == link["buildRunName"]).unwrap();
        assert_eq!(
            run["spec"],
            json!({
                "build": {"name": "web"},
                "paramValues": [
                    {"name": "target", "value": "prod"},
                    {"name": "args", "values": [{"value": "A=1"}, {"value": "B=2"}]},
                ],
                "timeout": "660s",
                "serviceAccount": "builder",
                "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
            })
        );
        check_origin(&done, run);
        assert_eq!(result(&done, "image"), Some("registry.example/acme/web:v1"));
        assert_eq!(result(&done, "image-tag"), Some("v1"));
        assert_eq!(result(&done, "image-digest"), run["status"]["output"]["digest"].as_str());
        assert_eq!(result(&done, "IMAGE_DIGEST"), run["status"]["output"]["digest"].as_str());
        assert_eq!(result(&done, "sourceGitCommit"), run["status"]["source"]["git"]["commitSha"].as_str());
        assert!(result(&done, "sourceGitCommit").is_some());
    }
    assert_eq!(world.run_counts().await, (2, 0));
}

/// Seventeen times before: once for each step and each change.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_reads_its_build_run_before_it_begins_and_when_it_ends() {
    let world = simulated().await;
    let Some(dev) = world.dev_only("requests are counted there") else { return };
    world.scripted("Succeeded", "2s").await;
    world.task("image", json!({})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    let reads = dev.requests().log();
    let reads = reads.iter().filter(|request| {
        request.user == PROGRAM
            && request.kind.verb == "get"
            && request.kind.resource == "buildruns.shipwright.io"
    });
    assert!(reads.count() <= 3);
    let run = world.only_run().await;
    let conditions = run["status"]["conditions"].as_array().unwrap();
    let kinds: Vec<_> = conditions.iter().map(|condition| condition["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

/// The BuildRun says whose it is, and the task is its owner but not its controller.
fn check_origin(task: &Value, run: &Value) {
    let (name, uid) = (&task["metadata"]["name"], &task["metadata"]["uid"]);
    assert_eq!(run["metadata"]["labels"]["trigger.shipwright.io/customrun-uid"], *uid);
    assert_eq!(run["metadata"]["labels"]["triggers.shipwright.io/owned-by-customrun"], *name);
    assert_eq!(run["metadata"]["labels"]["build.shipwright.io/name"], "web");
    assert_eq!(annotation(run, "customrun"), name.as_str().unwrap());
    assert_eq!(annotation(run, "pipelinerun"), "release-7");
    assert_eq!(
        run["metadata"]["ownerReferences"],
        json!([{
            "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "name": name, "uid": uid,
            "controller": false, "blockOwnerDeletion": false,
        }])
    );
    let conditions = run["status"]["conditions"].as_array().unwrap();
    let triggered = conditions.iter().find(|condition| condition["type"] == "Triggered").unwrap();
    assert_eq!(triggered["reason"], "CustomRun");
    let sentence = triggered["message"].as_str().unwrap();
    assert!(sentence.contains("task image of PipelineRun release-7"), "{sentence}");
}

/// The controller of `shipwright-io/triggers` had begun the task when this program took over.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_another_controller_has_begun_gets_no_second_run() {
    let world = simulated().await;
    world.scripted("Succeeded", "1s").await;
    let (tasks, runs, namespace) = (world.tasks("CustomRun"), world.build_runs(), world.namespace("team-a"));
    let away = world.away().await;
    // It names the BuildRun in the status, then creates it with the task as its controller and no label of ours.
    let task = json!({
        "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "metadata": {"name": "image"},
        "spec": {"customRef": by_name("web")},
    });
    let task = tasks.create(&PostParams::default(), &object(task)).await.unwrap();
    let link = json!({"buildRunName": "image-x7k2p", "buildRunNamespace": namespace});
    let status = json!({"status": {"startTime": Timestamp::now(), "extraFields": link}});
    let patch = Patch::Merge(status);
    tasks.patch_status("image", &PatchParams::default(), &patch).await.unwrap();
    let run = json!({
        "apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun",
        "metadata": {"name": "image-x7k2p", "ownerReferences": [{
            "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun", "name": "image", "uid": task.metadata.uid,
            "controller": true, "blockOwnerDeletion": true,
        }]},
        "spec": {"build": {"name": "web"}},
    });
    runs.create(&PostParams::default(), &object(run)).await.unwrap();

    let world = away.back().await;
    let done = world.task_reaches("image", "True", "Succeeded").await;
    assert_eq!(done["status"]["extraFields"]["buildRunName"], "image-x7k2p");
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_build_runs_without_an_object_of_its_own() {
    let world = simulated().await;
    let alpha = json!({
        "source": {"url": repository(), "credentials": {"name": "clone"}},
        "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
        "output": {"image": "registry.example/acme/web"},
    });
    for (version, spec) in [("v1alpha1", alpha), ("v1beta1", build_spec())] {
        let embedded =
            json!({"apiVersion": format!("shipwright.io/{version}"), "kind": "Build", "spec": spec});
        let params = json!([{"name": "target", "value": "prod"}]);
        let spec = json!({"customSpec": embedded, "params": params, "timeout": "10m"});
        world.task_of("CustomRun", version, spec).await;
        let done = world.task_reaches(version, "True", "Succeeded").await;
        assert!(result(&done, "image").unwrap().starts_with("registry.example/acme/web"));
        assert!(result(&done, "image-digest").is_some());
    }
    assert_eq!(world.run_counts().await, (2, 0));
}

/// The line C9: what others are asked for is theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_somebody_else_is_left_alone() {
    let world = simulated().await;
    world.plain_build().await;
    for (name, reference) in [
        ("task", json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "name": "web"})),
        ("wait", json!({"apiVersion": "wait.example/v1", "kind": "Wait", "name": "web"})),
        ("newer", json!({"apiVersion": "shipwright.io/v9", "kind": "Build", "name": "web"})),
    ] {
        world.task_of("CustomRun", name, json!({"customRef": reference, "params": "odd"})).await;
    }
    world.task("ours", json!({})).await;
    world.task_reaches("ours", "True", "Succeeded").await;
    assert_eq!(world.run_counts().await, (1, 0));
    for name in ["task", "wait", "newer"] {
        assert!(world.read_task("CustomRun", name).await["status"].is_null(), "{name}");
    }
}

/// The line C11, and the order of what is seen: never an end before the end.
#[tokio::test(flavor = "multi_thread")]
async fn right_after_its_creation_a_task_says_that_it_has_begun() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("image", json!({})).await;
    let begun = world
        .until("the task has a status", || async {
            let task = world.read_task("CustomRun", "image").await;
            task["status"].is_object().then_some(task)
        })
        .await;
    check_status(&begun);
    assert!(!is_final(&begun));
    let run = world.only_run().await;
    assert_eq!(begun["status"]["extraFields"]["buildRunName"], run["metadata"]["name"]);
    world.task_reaches("image", "Unknown", "Running").await;
}

/// Scenario 22: the Build takes its runs along, and the run has no two masters.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_with_a_build_that_takes_its_runs_along() {
    if skipped_without_controllers() {
        return;
    }
    let world = simulated().await;
    let mut spec = build_spec();
    spec["retention"] = json!({"atBuildDeletion": true});
    world.build_with(json!({"dev.shipwright.io/simulate-duration": "200ms"}), spec).await;
    world.task("image", json!({})).await;
    let done = world.task_reaches("image", "True", "Succeeded").await;
    let run = world.only_run().await;
    let owners = run["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!(owners.len(), 1, "{owners:#?}");
    assert_eq!((&owners[0]["kind"], &owners[0]["controller"]), (&json!("Build"), &json!(true)));

    world.delete_build("team-a", "web").await;
    world.until("the run is gone", || async { (world.run_counts().await == (0, 0)).then_some(()) }).await;
    assert_eq!(
        world.read_task("CustomRun", "image").await["status"],
        done["status"],
        "what is done stays done"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_with_its_task_otherwise() {
    if skipped_without_controllers() {
        return;
    }
    let world = simulated().await;
    world.plain_build().await;
    world.task("image", json!({})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    let gvr = Gvr::new("tekton.dev", "v1beta1", "customruns");
    world.stage.store.delete(&gvr, &world.namespace("team-a"), "image").await.unwrap();
    world.until("the run is gone", || async { (world.run_counts().await == (0, 0)).then_some(()) }).await;
}

/// The garbage of one does not stop the others: the watch goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_can_read_ends_and_stops_nobody() {
    let world = simulated().await;
    world.plain_build().await;
    let odd = json!({"customRef": by_name("web"), "params": {"not": "a list"}, "retries": "some"});
    world.task_of("CustomRun", "odd", odd).await;
    world.task_of("CustomRun", "strange", json!([1, 2, 3])).await;
    world.task("image", json!({})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    let ended = world.task_reaches("odd", "False", "InvalidSpec").await;
    assert!(message(&ended).contains("cannot be read"), "{ended:#}");
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_make_one_run_of_each_attempt() {
    let world = simulated().await;
    let replica = world.stranger().await;
    world.scripted("Failed, Succeeded", "20ms").await;
    let names: Vec<_> = (0..20).map(|n| format!("image-{n}")).collect();
    for name in &names {
        world.task(name, json!({"retries": 1})).await;
    }
    for name in &names {
        let done = world.task_reaches(name, "True", "Succeeded").await;
        assert_eq!(done["status"]["retriesStatus"].as_array().unwrap().len(), 1);
    }
    assert_eq!(world.run_counts().await, (40, 0));
    replica.stop().await;
}
