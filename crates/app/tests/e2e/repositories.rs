//! Scenario 6: every spelling of a repository.

use reqwest::StatusCode;
use serde_json::json;
use trigger_providers::GitHub;

use crate::world::{KEY, World, decisions, for_every_provider, played_by, rule, usual_rules};

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

/// Of GitHub: a repository that is renamed or transferred sends one last event that names its old address.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_moved_is_reported_on_its_builds() {
    let world = played_by(&GitHub, World::new()).await;
    world.build("team-a", "web", usual_rules()).await;
    let repository = world.repository();
    let (owner, name) = repository.rsplit_once('/').unwrap();
    let renamed = json!({
        "action": "renamed", "changes": {"repository": {"name": {"from": name}}},
        "repository": {"html_url": format!("{owner}/new-name")}, "sender": {"login": "ada"},
    });
    let host = owner.rsplit_once('/').unwrap().0;
    let former = owner.rsplit_once('/').unwrap().1;
    let transferred = json!({
        "action": "transferred", "changes": {"owner": {"from": {"organization": {"login": former}}}},
        "repository": {"html_url": format!("{host}/elsewhere/{name}")}, "sender": {"login": "ada"},
    });
    for (body, now) in [(renamed, "new-name".to_owned()), (transferred, format!("elsewhere/{name}"))] {
        let answer = world.post("repository", body.to_string().as_bytes(), Some(KEY)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let record = world.settled(&answer.delivery()).await;
        let found = decisions(&record);
        assert!(found.iter().all(|decision| decision.ends_with("repository-moved")), "{found:?}");
        world
            .until("the Build says what to change", || async {
                let notes = world.events("team-a", "web", "RepositoryMoved").await;
                let says = |note: &String| note.contains(&now) && note.contains("`spec.source.git.url`");
                notes.iter().any(says).then_some(())
            })
            .await;
    }
    // What nothing follows from is no move.
    let archived = json!({"action": "archived", "repository": {"html_url": repository}});
    let answer = world.post("repository", archived.to_string().as_bytes(), Some(KEY)).await;
    let record = world.settled(&answer.delivery()).await;
    assert!(decisions(&record).iter().all(|decision| decision.ends_with("event-not-listed")));
    world.nothing_started().await;
}
