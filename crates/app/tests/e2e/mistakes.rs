//! Builds with rules that cannot do what they seem to say: an Event on the Build, and the others work.

use serde_json::json;

use crate::world::{World, rule};

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_do_what_it_says_is_an_event_on_the_build() {
    let world = World::new().await;
    let images =
        |names: &[&str]| json!({"name": "n", "type": "Image", "github": {}, "image": {"names": names}});
    let run = |status: &[&str], selector| {
        let object_ref = json!({"status": status, "selector": selector});
        json!({"name": "n", "type": "Pipeline", "github": {}, "objectRef": object_ref})
    };
    for (name, entry, reason, remedy) in [
        ("event", rule("n", &["push"], &["main"]), "TriggerUnknownEvent", "write `Push`"),
        ("anchors", rule("n", &["Push"], &["^main$"]), "TriggerBranchNeverMatches", "write `main`"),
        ("regex", rule("n", &["Push"], &["release/.*"]), "TriggerBranchNeverMatches", "write `release/**`"),
        (
            "tag",
            rule("n", &["Push"], &["refs/tags/v1"]),
            "TriggerBranchUnlikely",
            "list tags in the annotation",
        ),
        ("negation", rule("n", &["Push"], &["!wip/**"]), "TriggerBranchUnlikely", "excludes nothing"),
        ("status", run(&["succeeded"], json!({"app": "web"})), "TriggerStatusUnlikely", "write `Succeeded`"),
        ("spaces", run(&["Timed Out"], json!({"app": "web"})), "TriggerStatusNeverMatches", "`TimedOut`"),
        ("label", run(&["Failed"], json!({"app": "web*"})), "TriggerInvalidLabel", "compares whole values"),
        ("image", images(&["node:*"]), "TriggerInvalidImage", "cannot be waited for"),
    ] {
        world.build("team-a", name, json!([entry])).await;
        let notes = world.events("team-a", name, reason).await;
        assert!(notes.len() == 1 && notes[0].contains(remedy), "{name}: {notes:?}");
        assert!(notes[0].starts_with("rule when[0] \"n\": "), "{notes:?}");
    }
    world.build("team-a", "web", json!([rule("push main", &["Push"], &["main", "^dev$"])])).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0), "the rest of a rule is in force");
}
