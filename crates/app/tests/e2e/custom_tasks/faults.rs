//! Scenario 18: whatever goes wrong, a task ends in a final condition that says what it was.

use serde_json::{Value, json};
use trigger_devcluster::Fault;

use super::scene::{FOREVER, by_name, faults, message, simulated};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_built_is_refused_without_a_run() {
    let world = simulated().await;
    world.plain_build().await;
    let asked = |more: Value| {
        let mut spec = json!({"customRef": by_name("web")});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let spec_without_name = json!({"customRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build"}});
    for (name, spec, reason, words) in [
        ("missing", json!({"customRef": by_name("nothing")}), "BuildNotFound", "no Build nothing"),
        ("unnamed", spec_without_name, "InvalidSpec", "no name"),
        ("empty", json!({"customRef": by_name("")}), "InvalidSpec", "no name"),
        ("object", asked(json!({"params": [{"name": "p", "value": {"k": "v"}}]})), "InvalidParams", "\"p\""),
        (
            "workspace",
            asked(json!({"workspaces": [{"name": "shp-source", "emptyDir": {}}]})),
            "CustomRunWorkspaceNotSupported",
            "shp-source",
        ),
        (
            "sub-path",
            asked(json!({"workspaces": [{"name": "w", "emptyDir": {}, "subPath": "a"}]})),
            "CustomRunWorkspaceNotSupported",
            "subPath",
        ),
    ] {
        world.task_of("CustomRun", name, spec).await;
        let done = world.task_reaches(name, "False", reason).await;
        assert!(message(&done).contains(words), "{}", message(&done));
        assert!(done["status"]["extraFields"].is_null());
    }
    assert_eq!(world.run_counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_refuses_for_good_ends_with_its_words() {
    let world = simulated().await;
    world.plain_build().await;
    let Some(faults) = faults(&world) else { return };
    let pods = Fault {
        message: "buildruns.shipwright.io \"x\" is forbidden: violates PodSecurity".to_owned(),
        ..Fault::refuse(403).on("create", "buildruns")
    };
    let denial = Fault::deny_admission("buildruns", 422, "image not allowed");
    let no_builds = Fault::refuse(400).on("get", "builds");
    for (name, fault, reason, words) in [
        ("pods", pods, "BuildRunRefused", "violates PodSecurity"),
        ("denial", denial, "BuildRunRefused", "image not allowed"),
        ("hidden", no_builds, "BuildNotReadable", "cannot be read"),
    ] {
        faults.set(vec![fault]);
        world.task(name, json!({"retries": 2})).await;
        let done = world.task_reaches(name, "False", reason).await;
        assert!(message(&done).contains(words), "{}", message(&done));
        assert!(done["status"]["retriesStatus"].is_null());
        faults.clear();
    }
    assert_eq!(world.run_counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_refuses_for_a_while_is_tried_again() {
    let world = simulated().await;
    world.plain_build().await;
    let Some(faults) = faults(&world) else { return };
    for status in [409, 429, 500, 503, 504] {
        let refuse = |verb, resource| Fault::refuse(status).on(verb, resource).times(1);
        faults.set(vec![
            refuse("get", "buildruns"),
            refuse("get", "builds"),
            refuse("create", "buildruns"),
            refuse("patch", "customruns/status"),
        ]);
        let name = format!("image-{status}");
        world.task(&name, json!({})).await;
        world.task_reaches(&name, "True", "Succeeded").await;
        faults.clear();
    }
    assert_eq!(world.run_counts().await, (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_does_not_pass_ends_with_the_time_of_the_task_and_its_words() {
    let world = simulated().await;
    world.plain_build().await;
    let Some(faults) = faults(&world) else { return };
    let quota = Fault {
        message: "buildruns.shipwright.io \"x\" is forbidden: exceeded quota: builds".to_owned(),
        ..Fault::refuse(403).on("create", "buildruns")
    };
    let webhook = Fault::deny_admission("buildruns", 500, "no endpoints for the webhook");
    for (name, fault, words) in
        [("quota", quota, "exceeded quota: builds"), ("webhook", webhook, "no endpoints for the webhook")]
    {
        faults.set(vec![fault]);
        world.task(name, json!({"timeout": "2s"})).await;
        let done = world.task_reaches(name, "False", "CustomRunTimedOut").await;
        assert!(message(&done).contains(words), "{}", message(&done));
    }
    assert_eq!(world.run_counts().await, (0, 0));
}

/// An API server that starts, or that is behind the others, may say that a BuildRun is gone which is running.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_seems_to_be_gone_is_looked_at_again() {
    let world = simulated().await;
    world.scripted("Succeeded", "4s").await;
    let Some(faults) = faults(&world) else { return };
    world.task("image", json!({})).await;
    world.task_reaches("image", "Unknown", "Running").await;
    let run = world.only_run().await;
    let name = run["metadata"]["name"].as_str().unwrap();
    let gone = Fault {
        message: format!("buildruns.shipwright.io {name:?} not found"),
        about: name.to_owned(),
        ..Fault::refuse(404).on("get", "buildruns").times(1)
    };
    faults.set(vec![gone]);
    // Any change has it looked at.
    world.relabel(&run, "changed", "once").await;
    world.until("it was looked at", || async { (faults.list()[0].remaining == Some(0)).then_some(()) }).await;
    world.task_reaches("image", "True", "Succeeded").await;
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_deleted_is_missed() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("image", json!({"retries": 2})).await;
    let running = world.task_reaches("image", "Unknown", "Running").await;
    let name = running["status"]["extraFields"]["buildRunName"].as_str().unwrap();
    world.delete_run(name).await;
    let done = world.task_reaches("image", "False", "BuildRunMissing").await;
    assert!(message(&done).contains(name), "{}", message(&done));
    assert_eq!(world.run_counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_another_tasks_is_left_alone() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("image", json!({})).await;
    world.task_reaches("image", "Unknown", "Running").await;
    let run = world.only_run().await;
    // Somebody takes the run over.
    world.relabel(&run, "trigger.shipwright.io/customrun-uid", "another").await;
    world.task_reaches("image", "False", "BuildRunNameTaken").await;
    assert!(world.only_run().await["spec"]["state"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watches_may_break_at_any_time() {
    let world = simulated().await;
    world.scripted("Succeeded", "300ms").await;
    let Some(faults) = faults(&world) else { return };
    for turn in 0..5 {
        let name = format!("image-{turn}");
        world.task(&name, json!({})).await;
        faults.drop_watches();
        faults.compact();
        world.task_reaches(&name, "True", "Succeeded").await;
    }
    assert_eq!(world.run_counts().await, (5, 0));
}
