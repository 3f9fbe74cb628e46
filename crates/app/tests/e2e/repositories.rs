//! Scenario 6: every spelling of a repository.

use serde_json::json;

use crate::world::{World, decisions, rule};

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_fires_on_one_push() {
    let world = World::new().await;
    let https = world.repository();
    let path = https.strip_prefix("https://github.com/").unwrap();
    for (name, url) in [
        ("scp", format!("git@github.com:{path}.git")),
        ("ssh", format!("ssh://git@github.com/{path}")),
        ("slash", format!("https://GitHub.com/{path}/")),
        ("token", format!("https://user:token@github.com/{path}.git/")),
        ("bare", format!("github.com/{path}")),
        ("other", format!("{https}2")),
    ] {
        let trigger = json!({"triggerSecret": "hook", "when": [rule("push", &["Push"], &["main"])]});
        world.build_of("team-a", name, json!({"url": url}), trigger).await;
    }
    let record = world.deliver(&world.push_main()).await;
    let expected = ["bare", "scp", "slash", "ssh", "token"].map(|name| format!("{name}/push: fired"));
    assert_eq!(decisions(&record), expected);
    assert_eq!(world.run_counts().await, (5, 0));
}
