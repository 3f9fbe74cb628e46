//! What hostile or broken senders send. Each is answered, and the program goes on.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{KEY, World, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn odd_payloads_are_malformed_or_unknown() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let good: Value = serde_json::from_slice(&world.compose(&world.push_main()).body).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut payload = good.clone();
        *payload.pointer_mut(pointer).unwrap() = value;
        payload.to_string().into_bytes()
    };
    let repository = |value: Value| {
        let mut payload = good.clone();
        for name in ["html_url", "clone_url", "ssh_url", "git_url"] {
            payload["repository"][name] = value.clone();
        }
        payload.to_string().into_bytes()
    };
    let only_address = |address: String| {
        let mut payload: Value = serde_json::from_slice(&repository(Value::Null)).unwrap();
        payload["repository"]["html_url"] = address.into();
        payload.to_string().into_bytes()
    };
    let text = good.to_string();
    let twice = text.replacen("\"ref\":", "\"ref\":\"refs/heads/dev\",\"ref\":", 1);
    assert_ne!(twice, text);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_inside = text.replacen("\"ref\":", &format!("\"x\":{deep},\"ref\":"), 1);

    for (what, body) in [
        ("no repository", with("/repository", Value::Null)),
        ("repository of another type", with("/repository", json!([1]))),
        ("no address", repository(Value::Null)),
        ("an empty address", repository("".into())),
        ("an address that is none", repository("not a url at all".into())),
        ("an address of 10 MB", only_address(format!("https://github.com/{}", "a".repeat(10 << 20)))),
        ("nothing but brackets", deep.into_bytes()),
        ("a key twice", twice.into_bytes()),
        ("a ref of another type", with("/ref", json!(7))),
        ("a ref that is none", with("/ref", json!("refs/heads/a b"))),
        ("a commit that is none", with("/after", json!("--upload-pack=x"))),
        ("no UTF-8", b"{\"ref\": \"\xff\xfe\"}".to_vec()),
        ("nothing", Vec::new()),
        ("a number", b"1e999".to_vec()),
    ] {
        let answer = world.post("push", &body, Some(KEY)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {answer:?}");
    }
    let number = serde_json::from_slice::<Value>(
        &world.compose(&world.pull_request("opened", "feature", "main")).body,
    );
    let number =
        number.unwrap().to_string().replace("\"number\":7", "\"number\":123456789012345678901234567890");
    let answer = world.post("pull_request", number.as_bytes(), Some(KEY)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);

    // What we do not read may be as deep as it likes.
    let answer = world.post("push", deep_inside.as_bytes(), Some(KEY)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    world.settled(&answer.delivery()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
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
