//! Scenario 19 with a registry that is asked.

use std::time::Duration;

use serde_json::json;
use trigger_core::Digest;
use trigger_devregistry::DevRegistry;

use super::{all_seen, build, built, check, objects, on, standing, waiting_for_base, with_registry};
use crate::pipelines::{run_of, started};
use crate::world::annotation;

const NOTHING: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_starts_one_build() {
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("team/base", "1", b"one");
    let world = with_registry(&registry, |_| {}).await;
    let base = format!("{}/team/base:1", registry.host());
    for team in ["team-a", "team-b"] {
        build(&world, team, "app", "registry.example/app", json!([on("base", &[&base])])).await;
    }
    standing(&world, &base, |standing| standing.digest == Some(Digest::of(b"one"))).await;
    check(&world, &base).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, NOTHING);

    registry.clear_requests();
    registry.push("team/base", "1", b"two");
    check(&world, &base).await;
    assert_eq!(registry.requests().len(), 1, "one request for both namespaces: {:?}", registry.requests());
    for team in ["team-a", "team-b"] {
        built(&world, team, "app", 1).await;
    }
    registry.push("team/base", "1", b"two");
    registry.push("team/base", "2", b"three");
    check(&world, &base).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"]);
    let run = run_of(&world, "team-a", "app").await;
    assert_eq!(
        (annotation(&run, "image"), annotation(&run, "digest")),
        (base.as_str(), Digest::of(b"two").as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_are_asked_from_time_to_time() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let (world, _) = waiting_for_base(&registry, |options| options.images.image_interval = 1).await;
    registry.push("base", "latest", b"two");
    built(&world, "team-a", "app", 1).await;
}

/// What is suspended is neither asked about nor started.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_can_be_suspended() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let (world, _) = waiting_for_base(&registry, |options| options.images.image_interval = 1).await;
    let suspend = |rules: Option<&str>| json!({"metadata": {"annotations": {"trigger.shipwright.io/suspend-images": rules}}});
    world.patch_build("team-a", "app", suspend(Some("base"))).await;
    world
        .until("nothing is waited for", || async { world.program.images.statuses().is_empty().then_some(()) })
        .await;
    all_seen(&world, "team-a").await;
    registry.clear_requests();
    registry.push("base", "latest", b"two");
    all_seen(&world, "team-a").await;
    assert!(registry.requests().is_empty(), "{:?}", registry.requests());
    assert_eq!(started(&world, "team-a").await, NOTHING);
    // What has changed meanwhile is noticed when the rule is back in force.
    world.patch_build("team-a", "app", suspend(None)).await;
    built(&world, "team-a", "app", 1).await;
}

/// What one source has said is the baseline of the next.
#[tokio::test(flavor = "multi_thread")]
async fn the_baseline_survives_a_change_of_source() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let (world, base) = waiting_for_base(&registry, |_| {}).await;

    let images = objects(&world, "team-a");
    images.create("base", &base).await;
    images.import_from("base", &base, &["one"]).await;
    standing(&world, &base, |standing| standing.by_object).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, NOTHING);
    images.import_from("base", &base, &["two", "one"]).await;
    built(&world, "team-a", "app", 1).await;

    registry.push("base", "latest", b"two");
    images.delete("base").await;
    standing(&world, &base, |standing| !standing.by_object && standing.checked.is_some()).await;
    check(&world, &base).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"]);
    registry.push("base", "latest", b"three");
    check(&world, &base).await;
    built(&world, "team-a", "app", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_asked_no_more_often_than_its_rate_allows() {
    const IMAGES: usize = 30;
    let registry = DevRegistry::builder().start().await.unwrap();
    let images: Vec<_> = (0..IMAGES).map(|n| format!("{}/image-{n}", registry.host())).collect();
    for n in 0..IMAGES {
        registry.push(&format!("image-{n}"), "latest", b"one");
    }
    let world = with_registry(&registry, |options| options.images.registry_rate = 10).await;
    let names: Vec<_> = images.iter().map(String::as_str).collect();
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &names)])).await;
    for image in &images {
        standing(&world, image, |standing| standing.digest.is_some()).await;
    }
    let requests = registry.requests();
    assert_eq!(requests.len(), IMAGES, "one for each image");
    let took = requests[IMAGES - 1].at - requests[0].at;
    // Twenty-nine pauses of a tenth of a second and more, less what the first may have been late.
    assert!(took >= Duration::from_millis(2_700), "{IMAGES} requests within {took:?}");
}
