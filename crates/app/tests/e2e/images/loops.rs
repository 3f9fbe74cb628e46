//! Builds push images themselves: what must not go round in circles does not, and a chain runs through.

use std::time::Duration;

use serde_json::json;
use trigger_simulation::SimulationOptions;

use super::{all_seen, build, built, objects, on};
use crate::pipelines::started;
use crate::world::{World, usual_rules};

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
async fn what_a_pull_request_pushes_starts_nothing_if_the_build_says_so() {
    let world = simulated().await;
    world.build("team-a", "web", usual_rules()).await;
    // By name, so that the runs can be told apart by it.
    let output = json!({"metadata": {"annotations": {
        "trigger.shipwright.io/pull-request-output": "skip-chain",
        "trigger.shipwright.io/revision": "build",
    }}});
    world.edit_build("team-a", "web", output).await;
    let rules = json!([on("web", &["registry.example/acme/web"])]);
    build(&world, "team-a", "app", "registry.example/app", rules).await;
    all_seen(&world, "team-a").await;
    world.deliver(&world.pull_request("opened", "feature", "main")).await;
    world
        .until("its run has pushed", || async {
            let runs = world.runs("team-a").await;
            runs.iter().any(|run| !run["status"]["output"]["digest"].is_null()).then_some(())
        })
        .await;

    // The pushes of runs are seen in their order.
    world.deliver(&world.push_main()).await;
    built(&world, "team-a", "app", 1).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app", "web", "web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_does_not_start_itself() {
    let world = simulated().await;
    let rules = json!([on("base", &["outside.example/base", "registry.example/app"])]);
    build(&world, "team-a", "app", "registry.example/app:latest", rules).await;
    let told = world.events("team-a", "app", "TriggerImageLoop").await;
    assert!(told[0].contains("the Build pushes the image `registry.example/app` itself"), "{told:?}");
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
    // An import of what the last one pushes would start the first, and so on without end.
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

/// Runs the Build `base` by hand; returns when it has pushed.
async fn run_base(world: &World, run: &str) {
    world.create_run("team-a", run, "base").await;
    world
        .until("base is pushed", || async {
            let runs = world.runs("team-a").await;
            let run = runs.into_iter().find(|there| there["metadata"]["name"] == run)?;
            run["status"]["output"]["digest"].is_string().then_some(())
        })
        .await;
}

/// BuildRuns are followed from when on a Build waits for an image: what they had pushed before is no change, and what
/// they push from then on is.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_before_anybody_waited_starts_nothing() {
    let world = simulated().await;
    for name in ["base", "app"] {
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {"name": name},
            "spec": {
                "source": {"type": "Git", "git": {"url": world.repository()}},
                "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
                "output": {"image": format!("registry.example/{name}")},
            },
        });
        world.create_build("team-a", build).await;
    }
    run_base(&world, "before").await;
    // Kubernetes writes times in whole seconds. Twice a second the program stores the last time without a watching rule.
    let passed = world.now().await + Duration::from_secs(1);
    world.until("another second has passed", || async { (world.now().await > passed).then_some(()) }).await;
    let trigger = json!({"when": [on("base", &["registry.example/base"])]});
    world.patch_build("team-a", "app", json!({"spec": {"trigger": trigger}})).await;
    world
        .until("BuildRuns are followed", || async {
            let metrics = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let starting = "shipwright_trigger_watches{resource=\"buildruns\",state=\"starting\"} 0";
            metrics.lines().any(|line| line == starting).then_some(())
        })
        .await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["base"]);
    run_base(&world, "after").await;
    built(&world, "team-a", "app", 1).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app", "base", "base"]);
}
