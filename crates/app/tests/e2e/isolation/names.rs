//! Names in fields of objects that would change a request to the API server.

use reqwest::StatusCode;
use serde_json::json;
use trigger_cluster::CoalescingSecretReader;
use trigger_core::ObjectKey;
use trigger_runtime::{SecretError, Secrets};

use crate::world::{World, for_every_provider, usual_rules};

/// Names that are no path segment, or another one than they seem.
const HOSTILE: [&str; 8] =
    ["?limit=1", "hook?", "x?watch=true", "../..", "../secrets", "hook#", "a b", "..%2f..%2fnodes"];

for_every_provider!(names_that_no_secret_can_have_are_not_sent);
async fn names_that_no_secret_can_have_are_not_sent() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    for (number, name) in HOSTILE.iter().enumerate() {
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {"name": format!("hostile-{number}")},
            "spec": {
                "source": {"type": "Git", "git": {"url": world.repository()}},
                "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
                "output": {"image": "registry.example/acme/web"},
                "trigger": {"triggerSecret": name, "when": usual_rules()},
            },
        });
        world.create_build("team-b", build).await;
    }
    let last = format!("hostile-{}", HOSTILE.len() - 1);
    world
        .until("the program knows the Builds", || async { world.rules_of("team-b", &last).map(|_| ()) })
        .await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let requests = dev.requests();
    requests.reset();

    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "the other tenant's push is answered: {answer:?}");
    world.settled(&answer.delivery()).await;
    assert_eq!(world.settled_run_counts().await, (1, 0));
    let others: Vec<_> = requests
        .log()
        .into_iter()
        .filter(|request| request.kind.resource == "secrets")
        .filter(|request| !matches!(&*request.name, "hook" | "sentinel") || request.kind.verb != "get")
        .collect();
    // The sentinel's Secret is created by the test.
    let others: Vec<_> = others.into_iter().filter(|request| request.kind.verb != "create").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_an_impossible_name_is_a_lasting_error_and_no_request() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let secrets = CoalescingSecretReader::new(&world.connection().await);
    let team = world.namespace("team-a");
    dev.requests().reset();
    for name in HOSTILE {
        for key in [ObjectKey::new(&*team, name), ObjectKey::new(name, "hook")] {
            let error = secrets.read(&key).await.err();
            assert_eq!(error, Some(SecretError::Impossible(key)), "{name}");
        }
    }
    assert!(secrets.read(&ObjectKey::new(&*team, "hook")).await.is_ok());
    let log = dev.requests().log().into_iter();
    let of_secrets: Vec<_> = log.filter(|request| request.kind.resource == "secrets").collect();
    assert_eq!(of_secrets.len(), 1, "{of_secrets:?}");
}
