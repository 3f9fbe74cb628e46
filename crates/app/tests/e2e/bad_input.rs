//! What hostile or broken senders send. Each is answered, and the program goes on.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{KEY, SHA, World, field_with, for_every_provider, replace_texts, usual_rules};

for_every_provider!(odd_payloads_are_malformed_or_unknown);
async fn odd_payloads_are_malformed_or_unknown() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.compose(&world.push_main());
    let good: Value = serde_json::from_slice(&push.body).unwrap();
    let address = world.repository();
    let (reference, repository) = (field_with(&good, "refs/heads/main"), field_with(&good, &address));
    let with = |field: &str, value: Value| {
        let mut payload = good.clone();
        payload[field] = value;
        payload.to_string().into_bytes()
    };
    // Every address of the repository, in any form.
    let path = address.rsplit_once('/').unwrap().1;
    let addresses = |mut values: Vec<Value>| {
        let mut payload = good.clone();
        replace_texts(&mut payload, &mut |text| {
            let next = if values.len() > 1 { values.remove(0) } else { values[0].clone() };
            text.contains(path).then_some(next)
        });
        payload.to_string().into_bytes()
    };
    let commit = |value: &str| {
        let mut payload = good.clone();
        replace_texts(&mut payload, &mut |text| (text == SHA).then(|| value.into()));
        payload.to_string().into_bytes()
    };
    let text = good.to_string();
    let before_ref = |field: &str| {
        let place = format!("\"{reference}\":");
        let changed = text.replacen(&place, &format!("{field},{place}"), 1);
        assert_ne!(changed, text);
        changed.into_bytes()
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = format!("{address}/{}", "a".repeat(10 << 20));

    for (what, body) in [
        ("no repository", with(&repository, Value::Null)),
        ("repository of another type", with(&repository, json!([1]))),
        ("no address", addresses(vec![Value::Null])),
        ("an empty address", addresses(vec!["".into()])),
        ("an address that is none", addresses(vec!["not a url at all".into()])),
        ("an address of 10 MB", addresses(vec![long.into(), Value::Null])),
        ("nothing but brackets", deep.clone().into_bytes()),
        ("a key twice", before_ref(&format!("\"{reference}\":\"refs/heads/dev\""))),
        ("a ref of another type", with(&reference, json!(7))),
        ("a ref that is none", with(&reference, json!("refs/heads/a b"))),
        ("a commit that is none", commit("--upload-pack=x")),
        ("no UTF-8", b"{\"ref\": \"\xff\xfe\"}".to_vec()),
        ("nothing", Vec::new()),
        ("a number", b"1e999".to_vec()),
    ] {
        let answer = world.post(push.event, &body, Some(KEY)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {answer:?}");
    }
    let pull_request = world.compose(&world.pull_request("opened", "feature", "main"));
    let text = String::from_utf8(pull_request.body).unwrap();
    let number = text.replace(":7,", ":123456789012345678901234567890,");
    assert_ne!(number, text);
    let answer = world.post(pull_request.event, number.as_bytes(), Some(KEY)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    world.nothing_started().await;

    // What we do not read may be as deep as it likes.
    let answer = world.post(push.event, &before_ref(&format!("\"x\":{deep}")), Some(KEY)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    world.settled(&answer.delivery()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(equal_names_in_two_namespaces_are_two_builds);
async fn equal_names_in_two_namespaces_are_two_builds() {
    let world = World::new().await;
    world.hook_secret("team-b", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    let (a, b) = (world.runs("team-a").await, world.runs("team-b").await);
    assert_eq!((a.len(), b.len()), (1, 1));
    assert_ne!(a[0]["metadata"]["name"], b[0]["metadata"]["name"], "names follow from the UID too");
}
