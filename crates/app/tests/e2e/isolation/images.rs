//! Images of one tenant that hang, are denied or are too many, beside the image of another.

use std::time::Duration;

use serde_json::json;
use trigger_core::Digest;
use trigger_devregistry::{ANYWHERE, DevRegistry, Fault};

use crate::images::{build, build_with, built, may_ask, on, standing, with_registry};
use crate::world::World;

/// More places than the program has for concurrent polls: four at each of twenty registries.
#[tokio::test(flavor = "multi_thread")]
async fn hanging_images_of_a_tenant_do_not_delay_those_of_another() {
    let good = DevRegistry::builder().start().await.unwrap();
    good.push("base", "latest", b"one");
    let mut hanging = Vec::new();
    for _ in 0..20 {
        let registry = DevRegistry::builder().start().await.unwrap();
        registry.faults().set(ANYWHERE, Fault::Slow(Duration::from_hours(1)));
        hanging.push(registry);
    }
    let world = with_registry(&good, |options| {
        for registry in &hanging {
            may_ask(options, &registry.host());
        }
        options.images.registry_timeout = 300;
        options.images.image_interval = 1;
    })
    .await;
    for (n, registry) in hanging.iter().enumerate() {
        let images: Vec<_> = (0..8).map(|n| format!("{}/base-{n}", registry.host())).collect();
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        build(&world, "team-b", &format!("bad-{n}"), "registry.example/bad", json!([on("base", &images)]))
            .await;
    }
    let asked = || hanging.iter().map(|registry| registry.requests().len()).sum::<usize>();
    world.until("polls hang", || async { (asked() >= 8).then_some(()) }).await;
    let base = format!("{}/base", good.host());
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest == Some(Digest::of(b"one"))).await;
    good.push("base", "latest", b"two");
    built(&world, "team-a", "app", 1).await;
    assert!(asked() <= 8, "a namespace has eight polls at the same time: {}", asked());
}

/// The bad tenant has images and credentials at the registry of the good one.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_a_tenant_neither_exceed_the_rate_of_a_registry_nor_delay_those_of_another() {
    let registry = DevRegistry::builder().token("user", "right").start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |options| {
        options.images.registry_rate = 20;
        options.images.image_interval = 1;
    })
    .await;
    let host = registry.host();
    for n in 0..12 {
        let name = format!("wrong-{n}");
        docker_secret(&world, "team-b", &name, &host, &name).await;
        let images: Vec<_> = (0..10).map(|image| format!("{host}/bad-{image}")).collect();
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        let notes = json!({"trigger.shipwright.io/image-secrets": name});
        let rules = json!([on("base", &images)]);
        build_with(&world, "team-b", &name, "registry.example/bad", rules, notes).await;
    }
    world.until("the registry is asked", || async { (registry.requests().len() >= 40).then_some(()) }).await;
    docker_secret(&world, "team-a", "pull", &host, "right").await;
    let base = format!("{host}/base");
    let notes = json!({"trigger.shipwright.io/image-secrets": "pull"});
    build_with(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])]), notes).await;
    standing(&world, &base, |standing| standing.digest == Some(Digest::of(b"one"))).await;
    registry.push("base", "latest", b"two");
    built(&world, "team-a", "app", 1).await;
    let mut times: Vec<_> = registry.requests().iter().map(|request| request.at).collect();
    times.sort();
    // Requests take different times to arrive on a busy machine, so the rate is that of three seconds.
    for some in times.windows(66) {
        assert!(some[65] - some[0] >= Duration::from_secs(3), "{some:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_too_many_images_is_told_and_others_go_on() {
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |_| {}).await;
    let host = registry.host();
    for n in 0..22 {
        let images: Vec<_> = (0..50).map(|image| format!("{host}/bad-{n:02}-{image:02}")).collect();
        let images: Vec<_> = images.iter().map(String::as_str).collect();
        let rules = json!([on("base", &images)]);
        build(&world, "team-b", &format!("bad-{n:02}"), "registry.example/bad", rules).await;
    }
    let base = format!("{host}/base");
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest == Some(Digest::of(b"one"))).await;
    registry.push("base", "latest", b"two");
    crate::images::check(&world, &base).await;
    built(&world, "team-a", "app", 1).await;
    for build in ["bad-20", "bad-21"] {
        let told = world.events("team-b", build, "TooManyImages").await;
        assert!(told[0].starts_with("50 images of this Build are not watched"), "{told:?}");
    }
    let left_out = format!("{host}/bad-20-07");
    let shown = standing(&world, &left_out, |standing| standing.error.is_some()).await;
    assert_eq!(shown.error.unwrap().kind, "too-many-images");
    let bad = world.namespace("team-b");
    let statuses = world.program.images.statuses();
    let followed = statuses.iter().filter(|status| *status.namespace == *bad && status.next.is_some());
    assert!(followed.count() <= 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_of_millions_of_years_stops_no_program() {
    let registry = DevRegistry::builder().start().await.unwrap();
    for name in ["bad", "base"] {
        registry.push(name, "latest", b"one");
    }
    let world = with_registry(&registry, |_| {}).await;
    let (bad, base) = (format!("{}/bad", registry.host()), format!("{}/base", registry.host()));
    for (n, interval) in ["2500000000000000h", "99999999999h", "9223372036854775807s"].into_iter().enumerate()
    {
        let notes = json!({"trigger.shipwright.io/image-interval": interval});
        let (name, rules) = (format!("bad-{n}"), json!([on("base", &[&bad])]));
        build_with(&world, "team-b", &name, "registry.example/bad", rules, notes).await;
        crate::images::check(&world, &bad).await;
    }
    standing(&world, &bad, |standing| standing.digest.is_some()).await;
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest.is_some()).await;
}

/// A tenant who names images on hosts inside learns neither which names there are nor which ports are open.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_an_image_does_not_tell_names_and_ports_inside() {
    let inside = DevRegistry::builder().start().await.unwrap();
    let world = with_registry(&inside, |options| options.images.registry_private.clear()).await;
    let hosts =
        [format!("localhost:{}", inside.port()), "localhost:1".to_owned(), "missing.invalid:443".to_owned()];
    let images: Vec<_> = hosts.iter().map(|host| format!("{host}/base")).collect();
    let images: Vec<_> = images.iter().map(String::as_str).collect();
    build(&world, "team-b", "app", "registry.example/app", json!([on("base", &images)])).await;
    let mut told = Vec::new();
    for image in &images {
        let shown = standing(&world, image, |standing| standing.error.is_some()).await;
        let error = shown.error.unwrap();
        let host = image.split_once(':').unwrap().0;
        told.push((error.kind, error.message.replace(host, "HOST")));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert!(inside.requests().is_empty(), "{:?}", inside.requests());
}

/// A Secret as `kubectl create secret docker-registry` makes it.
async fn docker_secret(world: &World, team: &str, name: &str, host: &str, password: &str) {
    let config = json!({"auths": {host: {"username": "user", "password": password}}}).to_string();
    world.secret(team, name, &[(".dockerconfigjson", &config)]).await;
}
