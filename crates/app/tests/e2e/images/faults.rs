//! Registries that misbehave: nothing is started, the fault is shown, and nothing is missed.

use std::time::Duration;

use serde_json::json;
use trigger_core::Digest;
use trigger_devregistry::{DevRegistry, Fault};

use super::{all_seen, build, built, check, may_ask, on, standing, waiting_for_base, with_registry};
use crate::pipelines::started;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_starts_anything_and_no_change_behind_one_is_missed() {
    for (fault, kind) in [
        (Fault::Status(500, None), "unavailable"),
        (Fault::Status(404, None), "not-found"),
        (Fault::Status(429, None), "too-many-requests"),
        (Fault::Garbage, "garbled"),
        (Fault::Slow(Duration::from_secs(30)), "unreachable"),
        (Fault::WrongContentType, "garbled"),
        (Fault::Endless, "garbled"),
        (Fault::Truncated, "garbled"),
        (Fault::Redirect("http://169.254.169.254/latest/meta-data".to_owned()), "refused"),
    ] {
        // A registry that has refused us is left alone for a while: each fault gets a program of its own.
        let registry = DevRegistry::builder().without_digest_header().start().await.unwrap();
        let (world, base) = waiting_for_base(&registry, |options| options.images.registry_timeout = 1).await;
        registry.push("base", "latest", b"two");
        registry.faults().set("base", fault.clone());
        check(&world, &base).await;
        let shown = standing(&world, &base, |standing| standing.error.is_some()).await;
        let told = shown.error.clone().unwrap();
        let expected =
            if kind == "garbled" { &["garbled", "unreachable"][..] } else { std::slice::from_ref(&kind) };
        assert!(expected.contains(&told.kind), "{fault:?}: {told:?}");
        assert_eq!(shown.digest, Some(Digest::of(b"one")), "what is known is kept");
        assert!(shown.next > shown.checked, "it is asked again, later: {shown:?}");
        all_seen(&world, "team-a").await;
        assert_eq!(started(&world, "team-a").await, [""; 0], "{fault:?}");
        registry.faults().clear();
        if kind != "too-many-requests" {
            check(&world, &base).await;
            built(&world, "team-a", "app", 1).await;
            standing(&world, &base, |standing| standing.error.is_none()).await;
        }
    }
}

/// A registry that wants to be left alone is, whatever hints come; the rule says why nothing is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_has_had_too_much_is_left_alone() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let (world, base) = waiting_for_base(&registry, |options| options.images.image_interval = 2).await;
    registry.faults().set_for("base", Fault::Status(429, Some(4)), 1);
    registry.clear_requests();
    registry.push("base", "latest", b"two");
    check(&world, &base).await;
    built(&world, "team-a", "app", 1).await;
    let seen = registry.requests();
    let waited = seen[1].at - seen[0].at;
    assert!(waited >= Duration::from_secs(4), "one was refused, then there was peace: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fault_is_told_on_the_build_once_and_so_is_its_end() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let world = with_registry(&registry, |_| {}).await;
    let base = format!("{}/base", registry.host());
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    let told = world.events("team-a", "app", "ImageCheckFailed").await;
    assert!(told[0].starts_with(&format!("the image {base}:latest cannot be looked at: ")), "{told:?}");
    check(&world, &base).await;
    registry.push("base", "latest", b"one");
    check(&world, &base).await;
    world.events("team-a", "app", "ImageCheckRecovered").await;
    assert_eq!(world.events("team-a", "app", "ImageCheckFailed").await.len(), 1, "not for every look");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_inside_are_refused_unless_allowed() {
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |options| options.images.registry_private.clear()).await;
    let base = format!("{}/base", registry.host());
    let metadata = "169.254.169.254/latest/meta-data";
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base, metadata])])).await;
    for image in [&base, metadata] {
        let shown = standing(&world, image, |standing| standing.error.is_some()).await;
        let fault = shown.error.unwrap();
        assert_eq!(fault.kind, "refused", "{fault:?}");
    }
    assert!(registry.requests().is_empty(), "{:?}", registry.requests());
}

/// Ages are compared by the clock of the cluster: the Build is younger than the change only for a clock that is behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_changes_after_the_build_was_made_starts_it_whatever_our_clock_says() {
    for ahead in [600, -600] {
        let registry = DevRegistry::builder().start().await.unwrap();
        registry.push("base", "latest", b"one");
        let dev = crate::roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        dev.faults().set_clock(ahead);
        let world = World::on(dev, |options| may_ask(options, &registry.host())).await;
        if world.dev_only("the API server has another clock").is_none() {
            return;
        }
        world.program.ready().await;
        let base = format!("{}/base", registry.host());
        build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
        standing(&world, &base, |standing| standing.digest.is_some()).await;
        registry.push("base", "latest", b"two");
        check(&world, &base).await;
        built(&world, "team-a", "app", 1).await;
    }
}
