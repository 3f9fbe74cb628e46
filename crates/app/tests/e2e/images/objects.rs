//! Scenario 19 with Image objects.

use serde_json::json;
use trigger_core::Digest;

use super::{all_seen, build, built, objects, on, standing};
use crate::pipelines::{run_of, started};
use crate::world::{KEY, World, annotation, decisions, usual_rules};

const BASE: &str = "ghcr.io/some/base-image:latest";
const NOTHING: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn a_new_digest_starts_one_build_and_nothing_else_does() {
    let mut world = World::new().await;
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &["ghcr.io/some/base-image"])]))
        .await;
    build(&world, "team-b", "app", "registry.example/app", json!([on("base", &[BASE])])).await;
    let images = objects(&world, "team-a");
    images.create("base", BASE).await;
    all_seen(&world, "team-a").await;
    images.import("base", &["one"]).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, NOTHING, "the first import is where we begin");

    images.import("base", &["two", "one"]).await;
    built(&world, "team-a", "app", 1).await;
    images.import("base", &["two", "one"]).await;
    images.import_from("base", "mirror.example:5000/some/base-image", &["two"]).await;
    images.label("base", "thing").await;
    all_seen(&world, "team-a").await;
    world = world.restart().await;
    images.import_from("base", "another.example/some/base-image", &["two", "one"]).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"], "the digest is the same");
    assert_eq!(started(&world, "team-b").await, NOTHING, "what team-a imports is its own affair");

    let run = run_of(&world, "team-a", "app").await;
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    assert_eq!(annotation(&run, "trigger-when-name"), "base");
    assert_eq!(annotation(&run, "trigger-when-type"), "Image");
    assert_eq!(annotation(&run, "image"), BASE);
    assert_eq!(
        (annotation(&run, "digest"), annotation(&run, "previous-digest")),
        (two.as_str(), one.as_str())
    );
    let (_, condition) = world.triggered("team-a", run["metadata"]["name"].as_str().unwrap()).await;
    assert_eq!(condition["reason"], "Image");
    let message = condition["message"].as_str().unwrap();
    let expected =
        format!("image {BASE} changed from {} to {} matched rule \"base\"", one.short(), two.short());
    assert!(message.starts_with(&expected), "{message}");

    images.import("base", &["one", "two", "one"]).await;
    built(&world, "team-a", "app", 2).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app", "app"], "back to the old one is a change too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_decision_is_explained() {
    let world = World::new().await;
    let rules = json!([on("base", &[BASE]), on("other", &["node:20"]), on("second", &[BASE])]);
    build(&world, "team-a", "app", "registry.example/app", rules).await;
    let images = objects(&world, "team-a");
    images.create("base", BASE).await;
    images.import("base", &["one"]).await;
    standing(&world, BASE, |standing| standing.by_object && standing.digest.is_some()).await;
    images.import("base", &["two"]).await;
    built(&world, "team-a", "app", 1).await;
    let run = run_of(&world, "team-a", "app").await;
    let record = world.settled(&annotation(&run, "delivery").parse().unwrap()).await;
    let run = run_of(&world, "team-a", "app").await;
    assert_eq!(
        decisions(&record),
        ["app/base: fired", "app/other: image-not-listed", "app/second: also-matched"]
    );
    let (_, triggered) = world.triggered("team-a", run["metadata"]["name"].as_str().unwrap()).await;
    let message = triggered["message"].as_str().unwrap();
    assert!(message.contains("matched rule \"base\", and also \"second\""), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn image_objects_may_be_installed_later() {
    let dev = crate::roles::builder().crds(trigger_api::crds::shipwright().unwrap()).start().await.unwrap();
    let world = World::on(dev, |_| {}).await;
    let Some(dev) = world.dev_only("definitions are installed while it runs") else { return };
    world.program.ready().await;
    world.hook_secret("team-a", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[BASE])])).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(started(&world, "team-a").await, ["web"]);

    for definition in trigger_api::crds::images().unwrap() {
        dev.store().apply(definition).await.unwrap();
    }
    let images = objects(&world, "team-a");
    images.create("base", BASE).await;
    images.import("base", &["one"]).await;
    standing(&world, BASE, |standing| standing.digest == Some(Digest::of(b"one"))).await;
    images.import("base", &["two"]).await;
    built(&world, "team-a", "app", 1).await;
    assert_eq!(started(&world, "team-a").await, ["app", "web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_comes_later_begins_with_what_is_there() {
    let world = World::new().await;
    let images = objects(&world, "team-a");
    images.create("base", BASE).await;
    images.import("base", &["one"]).await;
    all_seen(&world, "team-a").await;
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[BASE])])).await;
    standing(&world, BASE, |standing| standing.digest == Some(Digest::of(b"one"))).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, NOTHING);
    images.import("base", &["two"]).await;
    built(&world, "team-a", "app", 1).await;
}
