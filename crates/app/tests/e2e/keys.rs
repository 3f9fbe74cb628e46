//! Builds whose Secret is absent, or holds no key: every delivery for them is rejected, and people learn it on the Build.

use reqwest::StatusCode;
use serde_json::json;

use crate::world::{KEY, World, for_every_provider, usual_rules};

for_every_provider!(a_rejected_delivery_says_on_the_build_that_there_is_no_key);
async fn a_rejected_delivery_says_on_the_build_that_there_is_no_key() {
    let world = World::new().await;
    world.secret("team-a", "odd", &[("password", KEY)]).await;
    let (git, namespace) = (json!({"url": world.repository()}), world.namespace("team-a"));
    let mut answers = Vec::new();
    for (name, secret, reason, note) in [
        ("open", None, "TriggerNoSecret", "it names no Secret with a webhook key".to_owned()),
        ("none", Some("gone"), "TriggerSecretMissing", format!("the Secret {namespace}/gone does not exist")),
        (
            "odd",
            Some("odd"),
            "TriggerSecretHasNoKey",
            format!("the Secret {namespace}/odd holds no webhook key"),
        ),
    ] {
        let trigger = json!({"triggerSecret": secret, "when": usual_rules()});
        world.build_of("team-a", name, git.clone(), trigger).await;
        for _ in 0..3 {
            let answer = world.send(&world.push_main()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
            answers.push(answer.body);
        }
        let notes = world.events("team-a", name, reason).await;
        assert!(notes.len() == 1 && notes[0].starts_with(&note), "once, however often: {notes:?}");
        world.delete_build("team-a", name).await;
        world
            .until("the program knows", || async { world.rules_of("team-a", name).is_none().then_some(()) })
            .await;
    }

    // The answer is that for a wrong key, so a sender learns nothing.
    world.build("team-a", "web", usual_rules()).await;
    let forged = world.send_signed(&world.push_main(), "another key").await;
    assert!(answers.iter().all(|answer| *answer == forged.body), "{answers:?} {forged:?}");
    world.nothing_started().await;
}

for_every_provider!(explain_tells_builds_without_a_key_from_those_that_would_fire);
async fn explain_tells_builds_without_a_key_from_those_that_would_fire() {
    let world = World::new().await;
    let (repository, namespace) = (world.repository(), world.namespace("team-a"));
    let explain = || {
        let output = world.explain_push("team-a", "main");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let trigger = json!({"triggerSecret": "gone", "when": usual_rules()});
    world.build_of("team-a", "web", json!({"url": repository}), trigger).await;
    let (status, text) = explain();
    let line = format!("  no key  the Secret {namespace}/gone does not exist");
    assert!(status == Some(4) && text.contains(&line) && text.contains("blocked \"push main\""), "{text}");

    world.secret("team-a", "gone", &[(&crate::world::secret_entry(world.provider), KEY)]).await;
    let (status, text) = explain();
    let line = format!("  key     in the Secret {namespace}/gone");
    assert!(status == Some(0) && text.contains(&line) && text.contains("fires   \"push main\""), "{text}");
}
