//! One push that several hooks deliver is built once.

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_journal::{OutcomeRecord, Record};
use trigger_providers::{GitHub, GitLab, Sample};

use crate::world::{KEY, SHA, World, decisions, for_every_provider, played_by, usual_rules};

const OLDER: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Posts a body that is signed with team-a's key; returns its record once it is settled.
async fn settled(world: &World, id: &str, body: &[u8], content_type: Option<&str>) -> Record {
    let event = world.compose(&world.push_main()).event;
    let mut headers = world.sign(event, id, body, Some(KEY));
    if let Some(content_type) = content_type {
        headers.insert("content-type", content_type.parse().unwrap());
    }
    let answer = world.post_with(headers, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    world.settled(&answer.delivery()).await
}

/// Fails unless every rule that matched was skipped because of `first`.
#[track_caller]
fn check_repeated(again: &Record, first: &Record) {
    assert!(again.launches.is_empty(), "{again:?}");
    let skipped = again.decisions.iter().find_map(|decision| match &decision.outcome {
        OutcomeRecord::Skipped { reason, message } if reason == "same-push" => Some(message),
        _ => None,
    });
    assert!(skipped.is_some_and(|message| message.contains(first.delivery.id.as_str())), "{again:?}");
}

/// Of GitHub: a hook that sends JSON and one that sends forms, a hook of the organization, and an App.
#[tokio::test(flavor = "multi_thread")]
async fn several_hooks_of_github_build_a_push_once() {
    let world = played_by(&GitHub, World::new()).await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let with = |field: &str| {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        body[field] = json!({"id": 42});
        serde_json::to_vec(&body).unwrap()
    };
    let text = String::from_utf8(body.clone()).unwrap();
    let form = reqwest::Url::parse_with_params("http://x", [("payload", text)]).unwrap();
    let form = form.query().unwrap().as_bytes().to_vec();

    let first = settled(&world, "1", &body, None).await;
    assert_eq!(first.launches.len(), 1);
    for (id, body, content_type) in [
        ("2", &form, Some("application/x-www-form-urlencoded")),
        ("3", &with("organization"), None),
        ("4", &with("installation"), None),
    ] {
        check_repeated(&settled(&world, id, body, content_type).await, &first);
    }
    assert_eq!(world.run_counts().await, (1, 0));
    // A restart in between forgets nothing.
    let world = world.restart().await;
    check_repeated(&settled(&world, "5", &with("enterprise"), None).await, &first);
    // The time of a push tells it from another one of the same commit.
    let body = world.compose(&world.push("refs/heads/main", OLDER)).body;
    let timed = |at: i64, hook: &str| {
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        body["repository"]["pushed_at"] = at.into();
        body[hook] = json!({"id": 42});
        serde_json::to_vec(&body).unwrap()
    };
    let first = settled(&world, "6", &timed(1_790_000_000, "organization"), None).await;
    let second = settled(&world, "7", &timed(1_790_000_009, "organization"), None).await;
    assert_eq!((first.launches.len(), second.launches.len()), (1, 1));
    check_repeated(&settled(&world, "8", &timed(1_790_000_009, "installation"), None).await, &second);
    check_repeated(&settled(&world, "9", &timed(1_790_000_000, "installation"), None).await, &first);
}

/// Of GitLab: a hook of the project and one of its group send equal bodies under two ids.
#[tokio::test(flavor = "multi_thread")]
async fn two_hooks_of_gitlab_build_a_push_once() {
    let world = played_by(&GitLab, World::new()).await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let first = settled(&world, "11111111-1111-1111-1111-111111111111", &body, None).await;
    let second = settled(&world, "22222222-2222-2222-2222-222222222222", &body, None).await;
    assert_eq!(first.launches.len(), 1);
    check_repeated(&second, &first);
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(a_ref_that_moves_back_is_built_again);
async fn a_ref_that_moves_back_is_built_again() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    // Bodies that differ where it does not matter.
    let push = |commit: &str, number: u32| {
        let mut request = world.compose(&world.push("refs/heads/main", commit));
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        body["number"] = number.into();
        request.body = serde_json::to_vec(&body).unwrap();
        request
    };
    for (place, (commit, is_built)) in
        [(SHA, true), (SHA, false), (OLDER, true), (SHA, true), (OLDER, true)].into_iter().enumerate()
    {
        let request = push(commit, u32::try_from(place).unwrap());
        let record = settled(&world, &format!("{place}"), &request.body, None).await;
        assert_eq!(record.launches.len(), usize::from(is_built), "{place}: {:?}", decisions(&record));
    }
    // Deleted and created again.
    let deleted = Sample { ..world.push("refs/heads/main", &"0".repeat(40)) };
    world.deliver(&deleted).await;
    let again = settled(&world, "again", &push(OLDER, 100).body, None).await;
    assert_eq!(again.launches.len(), 1);
    assert_eq!(world.settled_run_counts().await, (5, 0));
}
