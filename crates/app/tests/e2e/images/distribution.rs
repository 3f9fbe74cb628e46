//! Scenario 19 with the reference registry, which tells us of pushes itself.

use serde_json::json;
use shipwright_trigger::{RegistryHook, RegistryHookOptions};
use trigger_core::Digest;
use trigger_devregistry::{Distribution, DistributionOptions};

use super::{all_seen, build, built, may_ask, on, standing};
use crate::pipelines::{run_of, started};
use crate::world::{World, annotation};

const REGISTRY_KEY: &str = "the-registry-says-so-itself";

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_registry_tells_of_a_push_and_one_build_is_started() {
    let test = "the_reference_registry_tells_of_a_push_and_one_build_is_started";
    let Some(distribution) = Distribution::for_test(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, REGISTRY_KEY).unwrap();
    let hook: RegistryHook = format!("distribution={}", key_file.display()).parse().unwrap();
    // The registry has to know where we listen, and we have to know the registry before a Build names it.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = DistributionOptions {
        notifications: Some((
            format!("http://{port}/hooks/registry/distribution"),
            vec![("Authorization".to_owned(), format!("Bearer {REGISTRY_KEY}"))],
        )),
    };
    let registry = distribution.start(&options).await.unwrap();
    let world = World::with(|options| {
        may_ask(options, &registry.host());
        options.listen = port;
        options.registries = RegistryHookOptions { registry_hooks: vec![hook], ..Default::default() };
    })
    .await;

    let base = format!("{}/team/base:1", registry.host());
    let one = registry.push("team/base", "1", b"one").await.unwrap();
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest == Digest::parse(&one).ok()).await;
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, [""; 0]);

    let two = registry.push("team/base", "1", b"two").await.unwrap();
    standing(&world, &base, |standing| standing.digest == Digest::parse(&two).ok()).await;
    built(&world, "team-a", "app", 1).await;
    registry.push("team/base", "1", b"two").await.unwrap();
    registry.push("team/base", "2", b"three").await.unwrap();
    all_seen(&world, "team-a").await;
    assert_eq!(started(&world, "team-a").await, ["app"]);
    assert_eq!(annotation(&run_of(&world, "team-a", "app").await, "digest"), two);
}
