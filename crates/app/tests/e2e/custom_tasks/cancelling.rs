//! Scenario 16 and the line C14: a task can be cancelled at every moment.

use kube::api::{Patch, PatchParams};
use serde_json::json;
use trigger_devcluster::Fault;

use super::scene::{FOREVER, faults, message, simulated};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_task_ends_its_build() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("image", json!({"retries": 3})).await;
    world.task_reaches("image", "Unknown", "Running").await;
    world.cancel_task("image").await;
    let done = world.task_reaches("image", "False", "CustomRunCancelled").await;
    assert!(message(&done).contains("the PipelineRun was cancelled."), "{}", message(&done));
    let run = world.only_run().await;
    assert_eq!(run["spec"]["state"], "BuildRunCanceled");
    assert_eq!(run["metadata"]["annotations"]["trigger.shipwright.io/canceled-for"], "task");
    assert_eq!(done["spec"]["statusMessage"], "the PipelineRun was cancelled.", "the spec is Tekton's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_cancelled_from_the_start_builds_nothing() {
    let world = simulated().await;
    world.plain_build().await;
    world.task("image", json!({"status": "RunCancelled"})).await;
    world.task_reaches("image", "False", "CustomRunCancelled").await;
    assert_eq!(world.run_counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_cancelled_while_its_run_is_refused_ends() {
    let world = simulated().await;
    world.plain_build().await;
    let Some(faults) = faults(&world) else { return };
    faults.add(Fault::deny_admission("buildruns", 500, "no endpoints for the webhook"));
    world.task("image", json!({})).await;
    let waiting = world.task_reaches("image", "Unknown", "Started").await;
    assert!(message(&waiting).contains("no endpoints for the webhook"), "{}", message(&waiting));
    world.cancel_task("image").await;
    world.task_reaches("image", "False", "CustomRunCancelled").await;
    faults.clear();
    assert_eq!(world.run_counts().await, (0, 0));
}

/// Many tasks, each cancelled at another moment of its life: all end, and none leaves a build running.
#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_task_is_cancelled_it_ends_and_leaves_nothing_running() {
    let world = simulated().await;
    world.scripted("Failed, Succeeded", "60ms").await;
    let names: Vec<_> = (0..30).map(|n| format!("image-{n}")).collect();
    // One cancels while the next is created, so that the moments lie all over their lives.
    for (place, name) in names.iter().enumerate() {
        world.task(name, json!({"retries": 1})).await;
        if place % 3 == 0 {
            world.cancel_task(name).await;
        } else if let Some(earlier) = place.checked_sub(place % 7) {
            world.cancel_task(&names[earlier]).await;
        }
    }
    for name in &names {
        world.cancel_task(name).await;
        let done = world
            .until("the task has ended", || async {
                let task = world.read_task("CustomRun", name).await;
                super::scene::is_final(&task).then_some(task)
            })
            .await;
        super::scene::check_status(&done);
        let reason = done["status"]["conditions"][0]["reason"].as_str().unwrap();
        assert!(matches!(reason, "CustomRunCancelled" | "Succeeded"), "{reason}");
    }
    for run in world.runs("team-a").await {
        let ended = run["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|condition| condition["type"] == "Succeeded" && condition["status"] != "Unknown");
        assert!(ended, "{run:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_succeeded_before_it_heard_of_the_end_is_a_success() {
    let world = World::new().await;
    world.plain_build().await;
    world.task("image", json!({})).await;
    world.task_reaches("image", "Unknown", "Started").await;
    world.cancel_task("image").await;
    let run = world
        .until("the run is cancelled", || async {
            world.runs("team-a").await.into_iter().find(|run| run["spec"]["state"] == "BuildRunCanceled")
        })
        .await;
    world.end_run(&run, "True", "Succeeded").await;
    let task = world
        .until("the task has ended", || async {
            let task = world.read_task("CustomRun", "image").await;
            super::scene::is_final(&task).then_some(task)
        })
        .await;
    assert_eq!(task["status"]["conditions"][0]["status"], "True");
}

/// By somebody else than Tekton: a person wants this build to end, not another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_person_cancels_is_not_repeated() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("image", json!({"retries": 2})).await;
    let running = world.task_reaches("image", "Unknown", "Running").await;
    let name = running["status"]["extraFields"]["buildRunName"].as_str().unwrap();
    let patch = Patch::Merge(json!({"spec": {"state": "BuildRunCanceled"}}));
    world.build_runs().patch(name, &PatchParams::default(), &patch).await.unwrap();
    world.task_reaches("image", "False", "BuildRunCanceled").await;
    assert_eq!(world.run_counts().await, (1, 0));
}

/// As upstream's role did: it had no right to patch BuildRuns.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_run_may_not_be_cancelled_says_so_and_ends() {
    let world = simulated().await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("image", json!({})).await;
    world.task_reaches("image", "Unknown", "Running").await;
    let Some(faults) = faults(&world) else { return };
    faults.add(Fault::refuse(403).on("patch", "buildruns"));
    world.cancel_task("image").await;
    let done = world.task_reaches("image", "False", "CustomRunCancelled").await;
    assert!(message(&done).contains("cannot be cancelled"), "{}", message(&done));
}
