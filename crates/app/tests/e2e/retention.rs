//! The retention of a Build holds for runs that embed its spec, as for those that name it.

use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};
use trigger_simulation::SimulationOptions;

use crate::elsewhere::skipped_without_controllers;
use crate::world::{World, usual_rules};

/// A world in which runs take no time, with a Build of which every run is pinned.
async fn pinning(retention: Value) -> World {
    let world = World::new().await;
    world.simulate_builds(SimulationOptions { duration: Duration::from_millis(20) });
    world.build("team-a", "web", usual_rules()).await;
    let retention: Value = ["succeededLimit", "atBuildDeletion", "ttlAfterSucceeded"]
        .map(|field| (field.to_owned(), retention[field].clone()))
        .into_iter()
        .collect();
    let annotations = json!({"trigger.shipwright.io/revision": "event"});
    world.edit_build("team-a", "web", json!({"metadata": {"annotations": annotations}})).await;
    world.edit_build("team-a", "web", json!({"spec": {"retention": retention}})).await;
    world
}

async fn push(world: &World, numbers: Range<usize>) {
    for number in numbers {
        let record = world.deliver(&world.push("refs/heads/main", &format!("{number:040x}"))).await;
        assert_eq!(record.launches.len(), 1, "{record:?}");
    }
}

async fn kept(world: &World, count: usize) {
    world
        .until(&format!("{count} runs are kept, all of which have ended"), || async {
            let runs = world.runs("team-a").await;
            let ended = runs.iter().filter(|run| !run["status"]["completionTime"].is_null()).count();
            (runs.len() == count && ended == count).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_pinned_runs_too() {
    let world = pinning(json!({"succeededLimit": 3})).await;
    push(&world, 1..9).await;
    kept(&world, 3).await;
    // A restart counts again, and deletes nothing more.
    let world = world.restart().await;
    push(&world, 9..11).await;
    kept(&world, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_runs_are_deleted_with_their_build_if_it_says_so() {
    if skipped_without_controllers() {
        return;
    }
    let world = pinning(json!({"atBuildDeletion": true})).await;
    push(&world, 1..3).await;
    kept(&world, 2).await;
    world.delete_build("team-a", "web").await;
    kept(&world, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_runs_have_the_time_to_live_of_their_build() {
    let world = pinning(json!({"ttlAfterSucceeded": "1s"})).await;
    push(&world, 1..3).await;
    kept(&world, 0).await;
}
