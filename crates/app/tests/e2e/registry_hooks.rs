//! Notifications of registries, as the whole program takes them in. What each format reads and who is let in
//! is tested closer by; here is what an operator sets up.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::json;
use shipwright_trigger::{Program, RegistryHookOptions};
use trigger_devregistry::DevRegistry;
use trigger_journal::Address;

use crate::images::{build, on, standing, with_registry};
use crate::world::World;

const REGISTRY_KEY: &str = "0123456789abcdef0123456789abcdef";
const PUSHED: &str = r#"{"image":"registry.example/team/base:1"}"#;

fn hooks(folder: &Path, formats: &[&str]) -> RegistryHookOptions {
    let hook = |format: &&str| {
        let path = folder.join(format);
        std::fs::write(&path, REGISTRY_KEY).unwrap();
        format!("{format}={}", path.display()).parse().unwrap()
    };
    RegistryHookOptions { registry_hooks: formats.iter().map(hook).collect(), ..Default::default() }
}

async fn post(world: &World, path: &str) -> (StatusCode, String) {
    let url = format!("http://{}/hooks/registry/{path}", world.program.hooks);
    let answer = world.http.post(url).body(PUSHED).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_formats_that_are_set_up_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|options| options.registries = hooks(folder.path(), &["generic", "quay"])).await;
    let refused = r#"{"status":"unauthorized","message":"the key or signature is missing or not accepted"}"#;
    let unused =
        r#"{"status":"ignored","message":"no tag was pushed that a build waits for; nothing to do"}"#;
    let without_key = r#"{"status":"unauthorized","message":"the request carries no key; set the key of the notification at the registry"}"#;
    for (path, body) in [
        ("generic", without_key),
        ("quay", without_key),
        ("generic/no-key", refused),
        ("quay/no-key", refused),
    ] {
        assert_eq!(post(&world, path).await, (StatusCode::UNAUTHORIZED, body.to_owned()), "{path}");
    }
    let with_key = format!("generic/{REGISTRY_KEY}");
    assert_eq!(post(&world, &with_key).await, (StatusCode::OK, unused.to_owned()));
    for path in [format!("harbor/{REGISTRY_KEY}"), "harbor".to_owned()] {
        let (status, text) = post(&world, &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(text.contains("there is no such path"), "as for any unknown path: {text}");
        assert!(text.contains("/hooks/registry/quay") && !text.contains("harbor"), "{text}");
    }
    let metrics = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = "shipwright_trigger_deliveries_received_total\
                {provider=\"registry-generic\",event=\"notification\",answer=\"ignored\"} 1";
    assert!(metrics.contains(line), "`{line}` is missing in\n{metrics}");
    assert!(!metrics.contains(REGISTRY_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_verified_keeps_the_program_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let registries = hooks(folder.path(), &["generic"]);
    std::fs::write(folder.path().join("generic"), "").unwrap();
    let world = World::new().await;
    let connection = world.connection().await;
    let address = Address::Sqlite(folder.path().join("journal.db"));
    let mut options = shipwright_trigger::ProgramOptions::on_loopback(address);
    options.registries = registries;
    let refused = Program::start(&connection, &options).await.err().expect("the key file is empty");
    assert!(format!("{refused:#}").contains("is empty: write the key into it"), "{refused:#}");

    options.registries = RegistryHookOptions::default();
    options.hook_paths = vec![format!("{}=/hooks/registry/generic", world.provider.name()).parse().unwrap()];
    let refused = Program::start(&connection, &options).await.err().expect("the path is taken");
    assert!(refused.to_string().contains("is reserved for registry notifications"), "{refused}");
}

/// CNCF Distribution tells of a push before it moves the tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_may_have_told_too_early_is_asked_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("base", "latest", b"one");
    let world = with_registry(&registry, |options| {
        options.registries = hooks(folder.path(), &["generic"]);
    })
    .await;
    let base = format!("{}/base:latest", registry.host());
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest.is_some()).await;
    registry.clear_requests();
    let url = format!("http://{}/hooks/registry/generic/{REGISTRY_KEY}", world.program.hooks);
    let told = world.http.post(url).body(json!({"image": base}).to_string()).send().await.unwrap();
    assert_eq!(told.status(), StatusCode::ACCEPTED);
    world
        .until("the registry is asked twice", || async { (registry.requests().len() == 2).then_some(()) })
        .await;
}
