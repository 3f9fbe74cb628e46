//! Scenario 17: a failed attempt is repeated, if that can help.

use futures::StreamExt;
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};

use super::scene::{FOREVER, check_status, message, simulated};
use crate::elsewhere::skipped_without_controllers;
use crate::world::World;

/// The statuses that a watcher of the task sees, until the last.
async fn statuses(world: &World, name: &str) -> Vec<Value> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let changes = watcher(world.tasks("CustomRun"), config).applied_objects();
    let mut changes = std::pin::pin!(changes);
    let mut seen = Vec::new();
    loop {
        let task: DynamicObject = changes.next().await.unwrap().unwrap();
        let task = serde_json::to_value(task).unwrap();
        if task["status"].is_object() {
            check_status(&task);
            seen.push(task["status"].clone());
            if super::scene::is_final(&task) {
                return seen;
            }
        }
    }
}

fn failed_attempts(status: &Value) -> &[Value] {
    status["retriesStatus"].as_array().map_or(&[], Vec::as_slice)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_twice_may_succeed_at_the_third_attempt() {
    let world = simulated().await;
    world.scripted("Failed, StepOutOfMemory, Succeeded", "100ms").await;
    world.task("image", json!({"retries": 2})).await;
    let seen = statuses(&world, "image").await;
    let (last, before) = seen.split_last().unwrap();
    assert!(before.iter().all(|status| status["conditions"][0]["status"] == "Unknown"), "{before:#?}");
    assert_eq!(last["conditions"][0]["status"], "True");
    let failed = failed_attempts(last);
    let reasons: Vec<_> = failed.iter().map(|status| status["conditions"][0]["reason"].as_str()).collect();
    assert_eq!(reasons, [Some("Failed"), Some("StepOutOfMemory")]);

    let runs = world.runs("team-a").await;
    assert_eq!(runs.len(), 3);
    let mut linked: Vec<_> =
        failed.iter().chain([last]).map(|s| s["extraFields"]["buildRunName"].clone()).collect();
    let mut names: Vec<_> = runs.iter().map(|run| run["metadata"]["name"].clone()).collect();
    linked.sort_by_key(Value::to_string);
    names.sort_by_key(Value::to_string);
    assert_eq!(linked, names, "each attempt names its run");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_every_time_fails_in_the_end() {
    let world = simulated().await;
    world.scripted("Failed", "20ms").await;
    world.task("image", json!({"retries": 2})).await;
    let done = world.task_reaches("image", "False", "Failed").await;
    assert_eq!(failed_attempts(&done["status"]).len(), 2);
    assert!(message(&done).starts_with("attempt 3 of 3: "), "{}", message(&done));
    assert_eq!(world.run_counts().await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_succeed_is_not_repeated() {
    if skipped_without_controllers() {
        return;
    }
    let world = simulated().await;
    for reason in ["UndefinedParameter", "VulnerabilitiesFound"] {
        world.scripted(reason, "20ms").await;
        world.task("image", json!({"retries": 2})).await;
        let done = world.task_reaches("image", "False", reason).await;
        assert!(failed_attempts(&done["status"]).is_empty());
        assert_eq!(world.run_counts().await, (1, 0), "{reason}");
        world.delete_task("image").await;
        world.delete_build("team-a", "web").await;
        world.until("the run is gone", || async { (world.run_counts().await == (0, 0)).then_some(()) }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_takes_too_long_is_ended_and_repeated() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    // The simulated builder honours the time-out that is passed on, as the real one does; so does the task.
    // Long enough that a busy machine creates the run before it.
    world.task("image", json!({"retries": 1, "timeout": "4s"})).await;
    let done = world.task_reaches("image", "False", "CustomRunTimedOut").await;
    let failed = failed_attempts(&done["status"]);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["conditions"][0]["reason"], "CustomRunTimedOut");
    let runs = world.runs("team-a").await;
    assert_eq!(runs.len(), 2);
    for run in runs {
        let conditions = run["status"]["conditions"].as_array().unwrap();
        let succeeded = conditions.iter().find(|condition| condition["type"] == "Succeeded").unwrap();
        assert_eq!(succeeded["status"], "False", "nothing goes on: {run:#}");
    }
}

/// The time of a run that waits in a queue counts for the task, though not for the Build controller.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_begins_is_cancelled_in_time() {
    let world = World::new().await;
    world.plain_build().await;
    world.task("image", json!({"timeout": "4s"})).await;
    let run = world
        .until("the run is cancelled", || async {
            let run = world.runs("team-a").await.into_iter().next()?;
            (run["spec"]["state"] == "BuildRunCanceled").then_some(run)
        })
        .await;
    assert_eq!(run["metadata"]["annotations"]["trigger.shipwright.io/canceled-for"], "timeout");
    // Its controller answers late, but it does.
    world.end_run(&run, "False", "BuildRunCanceled").await;
    world.task_reaches("image", "False", "CustomRunTimedOut").await;
}
