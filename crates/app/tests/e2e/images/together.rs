//! Several images and several Builds: what belongs together is built once, and a namespace is not flooded.

use std::collections::BTreeSet;

use serde_json::json;
use trigger_core::Digest;
use trigger_devregistry::DevRegistry;
use trigger_journal::{Query, State};

use super::{all_seen, build, built, check, objects, on, standing, with_registry};
use crate::pipelines::{run_of, started};
use crate::world::{World, annotation};

#[tokio::test(flavor = "multi_thread")]
async fn images_that_change_within_the_window_start_one_run_that_names_both() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let world = with_registry(&registry, |options| options.images.image_window = 2).await;
    let (base, tools) = (format!("{}/base:1", registry.host()), format!("{}/tools:1", registry.host()));
    for image in ["base", "tools"] {
        registry.push(image, "1", b"one");
    }
    build(&world, "team-a", "app", "registry.example/app", json!([on("both", &[&base, &tools])])).await;
    for image in [&base, &tools] {
        standing(&world, image, |standing| standing.digest.is_some()).await;
    }
    registry.push("base", "1", b"base two");
    registry.push("tools", "1", b"tools two");
    // Only one is looked at; the others that the Build waits for are looked at because of it.
    check(&world, &base).await;
    built(&world, "team-a", "app", 1).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"]);
    let run = run_of(&world, "team-a", "app").await;
    let (one, two) = (Digest::of(b"base two"), Digest::of(b"tools two"));
    let expected: BTreeSet<_> = [(base.as_str(), one.as_str()), (tools.as_str(), two.as_str())].into();
    let found = annotation(&run, "image").split(',').zip(annotation(&run, "digest").split(','));
    assert_eq!(found.collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_builds_on_one_image_are_started_a_few_at_a_time() {
    const BUILDS: usize = 25;
    let world = World::with(|options| options.images.image_run_rate = 20).await;
    for n in 0..BUILDS {
        let output = format!("registry.example/app-{n}");
        build(&world, "team-a", &format!("app-{n}"), &output, json!([on("base", &["ghcr.io/some/base"])]))
            .await;
    }
    let images = objects(&world, "team-a");
    images.create("base", "ghcr.io/some/base").await;
    images.import("base", &["one"]).await;
    standing(&world, "ghcr.io/some/base", |standing| standing.digest.is_some()).await;
    images.import("base", &["two"]).await;
    let held = world
        .until("some are throttled", || async {
            let page = world.program.journal.history(Query::default()).await.unwrap();
            page.records.into_iter().find(|record| {
                record.state == State::Pending
                    && record.error.as_ref().is_some_and(|error| error.contains("runs wait"))
            })
        })
        .await;
    assert_eq!(held.launches.len(), 20);
    assert_eq!(held.decisions.len(), BUILDS, "what is to come is explained already");
    assert!(held.error.unwrap().starts_with("5 of 25 runs wait: "));
    assert_eq!(started(&world, "team-a").await.len(), 20);
    world.settled(&held.delivery.id).await;
    assert_eq!(started(&world, "team-a").await.len(), BUILDS);
}
