//! What changes while the program is away, begins again or has replicas is built once.

use serde_json::json;
use trigger_devregistry::DevRegistry;

use super::{all_seen, build, built, check, may_ask, objects, on, standing, with_registry};
use crate::pipelines::started;
use crate::postgres;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_the_program_is_away_is_built_once() {
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |_| {}).await;
    let base = format!("{}/base", registry.host());
    build(&world, "team-a", "polled", "registry.example/polled", json!([on("base", &[&base])])).await;
    build(&world, "team-a", "told", "registry.example/told", json!([on("base", &["ghcr.io/some/base"])]))
        .await;
    let images = objects(&world, "team-a");
    images.create("base", "ghcr.io/some/base").await;
    images.import("base", &["one"]).await;
    for image in [base.as_str(), "ghcr.io/some/base"] {
        standing(&world, image, |standing| standing.digest.is_some()).await;
    }
    let away = world.away().await;
    registry.push("base", "latest", b"two");
    images.import("base", &["two", "one"]).await;
    let mut world = away.back().await;
    for name in ["polled", "told"] {
        built(&world, "team-a", name, 1).await;
    }
    for _ in 0..2 {
        world = world.restart().await;
        check(&world, &base).await;
        all_seen(&world, "team-a").await;
    }
    assert_eq!(started(&world, "team-a").await, ["polled", "told"]);
}

/// A change that waits for others when the program ends is not forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_within_the_window_survives_a_restart() {
    let registry = DevRegistry::builder().start().await.unwrap();
    for image in ["base", "tools"] {
        registry.push(image, "latest", b"one");
    }
    let world = with_registry(&registry, |options| options.images.image_window = 4).await;
    let (base, tools) = (format!("{}/base", registry.host()), format!("{}/tools", registry.host()));
    build(&world, "team-a", "app", "registry.example/app", json!([on("both", &[&base, &tools])])).await;
    for image in [&base, &tools] {
        standing(&world, image, |standing| standing.digest.is_some()).await;
    }
    registry.push("base", "latest", b"two");
    check(&world, &base).await;
    let world = world.restart().await;
    registry.push("tools", "latest", b"two");
    check(&world, &tools).await;
    built(&world, "team-a", "app", 1).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_see_a_change_build_it_once() {
    let test = "two_replicas_that_see_a_change_build_it_once";
    let Some(journal) = postgres::database(test) else { return };
    let registry = DevRegistry::builder().start().await.unwrap();
    for image in ["base", "tools"] {
        registry.push(image, "latest", b"0");
    }
    let world = World::with(|options| {
        may_ask(options, &registry.host());
        options.journal = journal.parse().unwrap();
        options.images.image_interval = 1;
    })
    .await;
    let (base, tools) = (format!("{}/base", registry.host()), format!("{}/tools", registry.host()));
    build(&world, "team-a", "one", "registry.example/one", json!([on("base", &[&base])])).await;
    build(&world, "team-a", "both", "registry.example/both", json!([on("both", &[&base, &tools])])).await;
    let other = world.replica().await;
    for image in [&base, &tools] {
        standing(&world, image, |standing| standing.digest.is_some()).await;
    }
    for change in 1..=5 {
        for image in ["base", "tools"] {
            registry.push(image, "latest", change.to_string().as_bytes());
        }
        for name in ["one", "both"] {
            built(&world, "team-a", name, change).await;
        }
        all_seen(&world, "team-a").await;
    }
    other.stop().await;
    all_seen(&world, "team-a").await;
    let started = started(&world, "team-a").await;
    assert_eq!(started.iter().filter(|name| *name == "one").count(), 5, "{started:?}");
    assert_eq!(started.iter().filter(|name| *name == "both").count(), 5, "{started:?}");
}
