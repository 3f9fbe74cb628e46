//! Scenario 6: every spelling of a repository.

use serde_json::json;

use crate::world::{World, decisions, for_every_provider, rule};

for_every_provider!(every_spelling_fires_on_one_push);
async fn every_spelling_fires_on_one_push() {
    let world = World::new().await;
    let https = world.repository();
    let (host, path) = https.trim_start_matches("https://").split_once('/').unwrap();
    for (name, url) in [
        ("scp", format!("git@{host}:{path}.git")),
        ("ssh", format!("ssh://git@{host}/{path}")),
        ("slash", format!("https://{}/{path}/", host.to_uppercase())),
        ("token", format!("https://user:token@{host}/{path}.git/")),
        ("bare", format!("{host}/{path}")),
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
