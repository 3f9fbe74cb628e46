//! A Build of each hostile shape in team-b, beside an ordinary one in team-a.

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_journal::{OutcomeRecord, Record};

use crate::world::{World, rule, usual_rules};

/// A Build of team-b named `hostile` with these rules about the victim's repository.
async fn hostile(world: &World, name: &str, annotations: Value, trigger: Value) {
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "source": {"type": "Git", "git": {"url": world.repository()}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": "registry.example/acme/hostile"},
            "trigger": trigger,
        },
    });
    world.create_build("team-b", build).await;
}

/// The hostile Build gets an Event with each reason, and the victim's push starts its run.
async fn only_the_own_build_suffers(annotations: Value, trigger: Value, reasons: &[&str]) -> Record {
    let world = World::new().await;
    hostile(&world, "hostile", annotations, trigger).await;
    for reason in reasons {
        let notes = world.events("team-b", "hostile", reason).await;
        assert!(notes.iter().all(|note| note.len() <= 1024), "{reason}: {notes:?}");
    }
    // A Build that comes after the hostile one is seen: the watch has survived.
    world.build("team-a", "web", usual_rules()).await;
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
    record
}

fn git_rules(branches: &[&str]) -> Value {
    json!({"triggerSecret": "hook", "when": [rule("hostile", &["Push"], branches)]})
}

fn image_rules(images: usize) -> Value {
    let names: Vec<_> = (0..images).map(|number| format!("localhost:1/team-b/image-{number}")).collect();
    json!({"when": [{"name": "images", "type": "Image", "github": {}, "image": {"names": names}}]})
}

/// The stored size of the decisions about an owner.
fn stored(record: &Record, owner: &str) -> (usize, usize) {
    let mine = record.decisions.iter().filter(|decision| **decision.owner.name() == *owner);
    let text = mine.clone().map(|decision| {
        let checks = decision.checks.iter().map(|check| check.expected.len() + check.found.len());
        let message = match &decision.outcome {
            OutcomeRecord::Skipped { message, .. } => message.len(),
            _ => 0,
        };
        decision.rule.len() + message + checks.sum::<usize>()
    });
    (mine.count(), text.sum())
}

#[tokio::test]
async fn a_pattern_that_no_compiler_can_take_is_an_error_of_its_rule() {
    let pattern = "*a".repeat(70_000);
    only_the_own_build_suffers(json!({}), git_rules(&[&pattern]), &["TriggerPatternTooLong"]).await;
    let pattern = "*a".repeat(100);
    only_the_own_build_suffers(json!({}), git_rules(&[&pattern]), &["TriggerPatternTooComplex"]).await;
}

#[tokio::test]
async fn an_interval_beyond_all_time_is_an_error_of_its_build() {
    let annotations = json!({"trigger.shipwright.io/image-interval": "2500000000000000h"});
    only_the_own_build_suffers(annotations, image_rules(1), &["TriggerInvalidAnnotation"]).await;
}

#[tokio::test]
async fn thousands_of_images_of_one_rule_are_cut_to_the_bound() {
    only_the_own_build_suffers(json!({}), image_rules(10_000), &["TriggerTooManyImages"]).await;
}

#[tokio::test]
async fn thousands_of_rules_of_a_stranger_cost_a_push_one_small_decision() {
    let rules: Vec<_> =
        (0..3000).map(|number| rule(&format!("rule {number}"), &["Push"], &["main"])).collect();
    let secret = format!("s{}", "x".repeat(250));
    let trigger = json!({"triggerSecret": secret, "when": rules});
    let record = only_the_own_build_suffers(json!({}), trigger, &["TriggerTooManyRules"]).await;
    let (decisions, text) = stored(&record, "hostile");
    assert!(decisions == 1 && text < 2000, "{decisions} decisions, {text} bytes");
    let further: usize = record.decisions.iter().map(|decision| decision.further).sum();
    assert_eq!(further, 255, "of team-b; the victim's own rules have a decision each");
}

#[tokio::test]
async fn the_name_of_a_rule_is_not_repeated_at_any_length() {
    let rules = vec![rule(&"n".repeat(20_000), &["Push"], &["main"]); 40];
    let trigger = json!({"triggerSecret": "hook", "when": rules});
    let reasons = ["TriggerNameTooLong", "TriggerTooManyErrors"];
    let record = only_the_own_build_suffers(json!({}), trigger, &reasons).await;
    let (decisions, text) = stored(&record, "hostile");
    assert!(decisions == 1 && text < 2000, "{decisions} decisions, {text} bytes");
}

#[tokio::test]
async fn a_secret_that_cannot_exist_is_not_read_and_stops_no_delivery() {
    let long = "x".repeat(70_000);
    for name in ["a b", "hook\n", &long, "../..", "x?watch=true", "Hook"] {
        let trigger = json!({"triggerSecret": name, "when": usual_rules()});
        let record = only_the_own_build_suffers(json!({}), trigger, &["TriggerInvalidSecretName"]).await;
        let reasons: Vec<_> = record
            .decisions
            .iter()
            .filter(|decision| **decision.owner.name() == *"hostile")
            .map(|decision| match &decision.outcome {
                OutcomeRecord::Skipped { reason, .. } => reason.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(reasons, ["rule-broken"], "{name:.20}");
    }
}

#[tokio::test]
async fn a_repository_of_which_every_secret_is_impossible_answers_as_one_without_a_key() {
    let world = World::new().await;
    hostile(&world, "hostile", json!({}), json!({"triggerSecret": "a b", "when": usual_rules()})).await;
    world.events("team-b", "hostile", "TriggerInvalidSecretName").await;
    assert_eq!(world.send(&world.push_main()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_build_of_a_megabyte_is_not_kept_in_memory() {
    let world = World::new().await;
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": "hostile"},
        "spec": {
            "source": {"type": "Git", "git": {"url": world.repository()}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": "registry.example/acme/hostile"},
            "env": [{"name": "A", "value": "x".repeat(1_000_000)}],
            "trigger": git_rules(&["main"]),
        },
    });
    world.create_build("team-b", build).await;
    world.events("team-b", "hostile", "TriggerBuildTooLarge").await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}
