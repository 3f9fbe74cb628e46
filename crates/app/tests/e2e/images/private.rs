//! Registries that ask who we are: with the credentials of the Build's namespace.

use data_encoding::BASE64;
use serde_json::json;
use trigger_devregistry::DevRegistry;

use super::{build_with, built, check, on, standing, with_registry};
use crate::pipelines::started;
use crate::world::World;

const PASSWORD: &str = "opens-the-registry";

/// A Secret as `kubectl create secret docker-registry` makes it.
async fn docker_secret(world: &World, team: &str, name: &str, host: &str, password: &str) {
    let auth = BASE64.encode(format!("user:{password}").as_bytes());
    let config =
        json!({"auths": {host: {"username": "user", "password": password, "auth": auth}}}).to_string();
    world.secret(team, name, &[(".dockerconfigjson", &config)]).await;
}

async fn asks_with_the_secret_of_the_build(registry: DevRegistry) {
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |_| {}).await;
    let base = format!("{}/base", registry.host());
    docker_secret(&world, "team-a", "pull", &registry.host(), PASSWORD).await;
    docker_secret(&world, "team-b", "pull", &registry.host(), "guessed").await;
    let notes = || json!({"trigger.shipwright.io/image-secrets": "pull"});
    for team in ["team-a", "team-b"] {
        build_with(&world, team, "app", "registry.example/app", json!([on("base", &[&base])]), notes()).await;
    }
    let a = world.namespace("team-a");
    let is_of = |team: &str, namespace: &str| namespace == world.namespace(team);
    let known = standing(&world, &base, |standing| standing.digest.is_some()).await;
    assert_eq!(*known.namespace, *a, "team-b's password is wrong");
    let refused = standing(&world, &base, |standing| standing.error.is_some()).await;
    assert!(is_of("team-b", &refused.namespace), "{refused:?}");
    let fault = refused.error.unwrap();
    assert_eq!(fault.kind, "unauthorized", "{fault:?}");

    registry.push("base", "latest", b"two");
    check(&world, &base).await;
    built(&world, "team-a", "app", 1).await;
    assert_eq!(started(&world, "team-b").await, [""; 0], "what others may see is not known here");
    let told = world.events("team-b", "app", "ImageCheckFailed").await;
    for text in told.iter().chain([&fault.message]) {
        assert!(!text.contains("guessed") && !text.contains(PASSWORD), "{text}");
        assert!(!text.contains(&BASE64.encode(b"user:guessed")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_password() {
    asks_with_the_secret_of_the_build(DevRegistry::builder().basic("user", PASSWORD).start().await.unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_token() {
    asks_with_the_secret_of_the_build(DevRegistry::builder().token("user", PASSWORD).start().await.unwrap())
        .await;
}

/// A Secret that is missing does not keep us from looking at what is public; where it is needed, it is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_is_named_where_it_is_needed() {
    let public = DevRegistry::builder().start().await.unwrap();
    let private = DevRegistry::builder().basic("user", PASSWORD).start().await.unwrap();
    let world = with_registry(&public, |options| super::may_ask(options, &private.host())).await;
    let (open, closed) = (format!("{}/base", public.host()), format!("{}/base", private.host()));
    public.push("base", "latest", b"one");
    private.push("base", "latest", b"one");
    let notes = json!({"trigger.shipwright.io/image-secrets": "pull"});
    let rules = json!([on("base", &[&open, &closed])]);
    build_with(&world, "team-a", "app", "registry.example/app", rules, notes).await;
    standing(&world, &open, |standing| standing.digest.is_some()).await;
    let refused = standing(&world, &closed, |standing| standing.error.is_some()).await;
    let message = refused.error.unwrap().message;
    let expected = format!("the Secret {}/pull does not exist", world.namespace("team-a"));
    assert!(message.ends_with(&expected), "{message}");
    // It is looked for again when it may have come.
    docker_secret(&world, "team-a", "pull", &private.host(), PASSWORD).await;
    check(&world, &closed).await;
    standing(&world, &closed, |standing| standing.digest.is_some() && standing.error.is_none()).await;
}
