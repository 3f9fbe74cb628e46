//! Builds push images themselves: what must not go round in circles does not, and a chain runs through.

use std::time::Duration;

use serde_json::json;
use trigger_devcluster::SimulationOptions;

use super::{all_seen, build, built, objects, on};
use crate::pipelines::started;
use crate::world::World;

/// A world in which BuildRuns are carried out: each pushes another digest.
async fn simulated() -> World {
    let world = World::with(|options| options.images.image_window = 1).await;
    world.simulate_builds(SimulationOptions { duration: Duration::from_millis(50) });
    world
}

/// Builds of which each waits for the output of the one before; the first one for `first`.
async fn chain(world: &World, names: &[&str], first: &str) {
    let mut waits = first.to_owned();
    for name in names {
        let output = format!("registry.example/{name}");
        build(world, "team-a", name, &output, json!([on("base", &[&waits])])).await;
        waits = output;
    }
}

/// Lets an image that somebody imports change, after which `builds` have been built so many times in all.
async fn change(world: &World, image: &str) {
    let images = objects(world, "team-a");
    images.create("outside", image).await;
    images.import_from("outside", image, &["one"]).await;
    all_seen(world, "team-a").await;
    images.import_from("outside", image, &["two"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_builds_runs_through_once() {
    let world = simulated().await;
    chain(&world, &["first", "second", "third"], "outside.example/base").await;
    change(&world, "outside.example/base").await;
    built(&world, "team-a", "third", 1).await;
    all_seen(&world, "team-a").await;
    let world = world.restart().await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["first", "second", "third"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_does_not_start_itself() {
    let world = simulated().await;
    let rules = json!([on("base", &["outside.example/base", "registry.example/app"])]);
    build(&world, "team-a", "app", "registry.example/app:latest", rules).await;
    let told = world.events("team-a", "app", "TriggerImageLoop").await;
    assert!(told[0].contains("is what the Build pushes itself"), "{told:?}");
    change(&world, "outside.example/base").await;
    built(&world, "team-a", "app", 1).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"]);
}

/// Started once from outside, every Build of the circle but the last is built once, and there it ends; the one
/// that would go on says why not.
async fn a_circle_of(names: &[&str]) {
    let world = simulated().await;
    let last = format!("registry.example/{}", names[names.len() - 1]);
    chain(&world, names, &last).await;
    let told = world.events("team-a", names[names.len() - 1], "TriggerImageLoop").await;
    let namespace = world.namespace("team-a");
    for name in names {
        assert!(told[0].contains(&format!("{namespace}/{name}")), "{told:?}");
    }
    // An import of what the last one pushes would start the first, and so on for ever.
    change(&world, &last).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, [""; 0]);
    let page = world.program.journal.history(trigger_journal::Query::default()).await.unwrap();
    let decisions: Vec<_> = page.records.iter().flat_map(crate::world::decisions).collect();
    assert!(decisions.contains(&format!("{}/base: cycle", names[0])), "{decisions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builds_in_a_circle_are_not_started() {
    a_circle_of(&["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_builds_in_a_circle_are_not_started() {
    a_circle_of(&["a", "b", "c"]).await;
}
