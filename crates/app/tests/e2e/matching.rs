//! Scenarios 7 and 9: which rules match.

use serde_json::{Value, json};
use trigger_providers::Sample;

use crate::world::{KEY, SHA, World, annotation, decisions, for_every_provider, remove_text, rule};

for_every_provider!(two_rules_that_match_make_one_run_that_names_both);
async fn two_rules_that_match_make_one_run_that_names_both() {
    let world = World::new().await;
    let rules = json!([rule("first", &["Push"], &["main"]), rule("second", &["Push"], &["dev", "main"])]);
    world.build("team-a", "web", rules).await;
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["web/first: fired", "web/second: also-matched"]);

    let runs = world.runs("team-a").await;
    let [run] = runs.as_slice() else { panic!("{runs:#?}") };
    assert_eq!(annotation(run, "trigger-when-name"), "first");
    let (_, triggered) = world.triggered("team-a", run["metadata"]["name"].as_str().unwrap()).await;
    let message = triggered["message"].as_str().unwrap();
    assert!(message.contains("\"first\", and also \"second\""), "{message}");
}

for_every_provider!(a_rule_without_branches_falls_back_to_the_revision);
async fn a_rule_without_branches_falls_back_to_the_revision() {
    let world = World::new().await;
    let trigger = || json!({"triggerSecret": "hook", "when": [rule("push", &["Push"], &[])]});
    let git = |revision: Value| json!({"url": world.repository(), "revision": revision});
    world.build_of("team-a", "release", git("release-1".into()), trigger()).await;
    world.build_of("team-a", "default", git(Value::Null), trigger()).await;

    let record = world.deliver(&world.push("refs/heads/release-1", SHA)).await;
    assert_eq!(decisions(&record), ["default/push: branch-not-listed", "release/push: fired"]);
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["default/push: fired", "release/push: branch-not-listed"]);

    // A payload that does not tell its default branch: the documented last resort is `main`.
    let another = world.push("refs/heads/main", &"b".repeat(40));
    let push = Sample { default_branch: "not told".to_owned(), ..another };
    let push = world.compose(&push);
    let mut payload: Value = serde_json::from_slice(&push.body).unwrap();
    remove_text(&mut payload, "not told");
    let answer = world.post(push.event, payload.to_string().as_bytes(), Some(KEY)).await;
    let record = world.settled(&answer.delivery()).await;
    assert_eq!(decisions(&record), ["default/push: fired", "release/push: branch-not-listed"]);
}

for_every_provider!(tags_and_deletions_start_nothing);
async fn tags_and_deletions_start_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", json!([rule("push", &["Push"], &["main"])])).await;
    let record = world.deliver(&world.push("refs/tags/main", SHA)).await;
    assert_eq!(decisions(&record), ["web/push: event-not-listed"]);

    let record = world.deliver(&world.push("refs/heads/main", &"0".repeat(40))).await;
    assert_eq!(decisions(&record), ["web/push: ref-deleted"]);
    world.nothing_started().await;
}

for_every_provider!(a_broken_rule_is_told_on_its_build_and_leaves_others_alone);
async fn a_broken_rule_is_told_on_its_build_and_leaves_others_alone() {
    let world = World::new().await;
    let broken = json!({"name": "half", "type": "GitHub", "github": {}});
    world.build("team-a", "web", json!([broken, rule("push", &["Push"], &["main"])])).await;
    world.build("team-a", "neighbour", json!([rule("push", &["Push"], &["main"])])).await;
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["neighbour/push: fired", "web/half: rule-broken", "web/push: fired"]);
    let notes = world.events("team-a", "web", "TriggerInvalidGitHubWebHook").await;
    assert!(notes[0].contains("\"half\"") && notes[0].contains("missing `.github.events`"), "{notes:?}");
}
