//! Scenario 3: a request that is not signed with the Build's key starts nothing.

use reqwest::StatusCode;

use crate::world::{Answer, KEY, World, usual_rules};

const UNAUTHORIZED: &str =
    r#"{"status":"unauthorized","message":"the signature is missing or not accepted"}"#;

#[track_caller]
fn assert_rejected(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, UNAUTHORIZED));
}

#[tokio::test(flavor = "multi_thread")]
async fn forgeries_get_the_same_response() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.push_main());
    let signed = world.sign("push", "id", &request.body, Some(KEY));

    assert_rejected(&world.post("push", &request.body, Some("another key")).await);
    assert_rejected(&world.post("push", &request.body, None).await);

    let mut altered = request.body.clone();
    let place = altered.iter().position(|byte| *byte == b'0').unwrap();
    altered[place] = b'1';
    assert_rejected(&world.post_with(signed.clone(), &altered).await);

    let mut weak = signed.clone();
    weak.remove("x-hub-signature-256");
    weak.insert("x-hub-signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6".parse().unwrap());
    assert_rejected(&world.post_with(weak, &request.body).await);

    let mut twice = signed.clone();
    twice.append("x-hub-signature-256", signed["x-hub-signature-256"].clone());
    assert_rejected(&world.post_with(twice, &request.body).await);

    for malformed in ["sha256=", "sha256=zz", "sha1=00", "00", "sha256=00"] {
        let mut headers = signed.clone();
        headers.insert("x-hub-signature-256", malformed.parse().unwrap());
        assert_rejected(&world.post_with(headers, &request.body).await);
    }

    world.delete_secret("team-a", "hook").await;
    assert_rejected(&world.post_with(signed, &request.body).await);

    // The barrier: whatever a forgery could have started exists once a later delivery is settled.
    world.hook_secret("team-a", KEY).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_read_one_by_one_and_only_when_needed() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let requests = dev.requests();
    requests.reset();

    let request = world.compose(&world.push_main());
    world.post("push", &request.body, None).await;
    assert_eq!(requests.count("get", "secrets"), 0, "the request has no well-formed credential");
    world.deliver(&world.push_main()).await;
    assert_eq!(requests.count("get", "secrets"), 1);
    world.send(&world.push_main()).await;
    assert_eq!(requests.count("get", "secrets"), 2, "Secrets are not cached after a verification");
    assert_eq!(requests.count("list", "secrets") + requests.count("watch", "secrets"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_key_verifies_nothing() {
    let world = World::new().await;
    world.secret("team-a", "odd", &[("password", KEY), ("github-token", "")]).await;
    let git = serde_json::json!({"url": world.repository()});
    let trigger = serde_json::json!({"triggerSecret": "odd", "when": usual_rules()});
    world.build_of("team-a", "web", git, trigger).await;
    assert_rejected(&world.send(&world.push_main()).await);
    assert_rejected(&world.send_signed(&world.push_main(), "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_keys_verify_while_they_are_rotated() {
    let world = World::new().await;
    world
        .secret("team-a", "two", &[("github-token", "new key\n"), ("github-token.previous", "old key")])
        .await;
    let git = serde_json::json!({"url": world.repository()});
    let trigger = serde_json::json!({"triggerSecret": "two", "when": usual_rules()});
    world.build_of("team-a", "web", git, trigger).await;
    for (commit, key) in [("a", "new key"), ("b", "old key"), ("c", "new key\n")] {
        let push = world.push("refs/heads/main", &commit.repeat(40));
        let answer = world.send_signed(&push, key).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{key:?}");
        world.settled(&answer.delivery()).await;
    }
    assert_eq!(world.run_counts().await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_forgeries_do_not_block_the_real_sender() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.push_main();
    let forged = futures::future::join_all((0..100).map(|_| world.send_signed(&push, "guess")));
    for answer in forged.await {
        assert_rejected(&answer);
    }
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_is_recorded_and_not_sent() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.push_main());
    assert_rejected(&world.post("push", &request.body, Some("another key")).await);
    assert_rejected(&world.post("push", &request.body, None).await);
    assert_eq!(world.post("push", b"{}", None).await.status, StatusCode::BAD_REQUEST);
    let unknown = world.compose(&world.push_main());
    let unknown = String::from_utf8(unknown.body).unwrap().replace("acme", "nobody");
    assert_eq!(world.post("push", unknown.as_bytes(), None).await.status, StatusCode::NOT_FOUND);

    let mut rejections = world
        .until("all rejections are recorded", || async {
            let rejections = world.program.journal.rejections().await.unwrap();
            (rejections.len() == 4).then_some(rejections)
        })
        .await;
    rejections.reverse();
    let [wrong_key, unsigned, malformed, unknown] = rejections.try_into().unwrap();
    assert_eq!((wrong_key.status, wrong_key.event.as_str()), (401, "push"));
    assert_eq!(wrong_key.reason, "no Secret of the Builds that use the repository verifies the signature");
    assert_eq!(wrong_key.tried[0].secret.to_string(), format!("{}/hook", world.namespace("team-a")));
    assert_eq!(wrong_key.tried[0].finding, "its key does not verify the signature");
    assert_eq!(wrong_key.from.as_deref(), Some("127.0.0.1"));
    assert_eq!(wrong_key.provider_id.as_deref(), Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
    assert_eq!((unsigned.status, unsigned.reason.as_str()), (401, "the delivery is not signed"));
    assert_eq!(unsigned.delivery, wrong_key.delivery, "the same body");
    assert_eq!((malformed.status, malformed.repository), (400, None));
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.reason.starts_with("no Build with rules uses github.com/nobody/web"),
        "{}",
        unknown.reason
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rejections_are_counted_in_one_record() {
    let world = World::new().await;
    let body = world.compose(&world.push_main()).body;
    for _ in 0..200 {
        assert_eq!(world.post("push", &body, None).await.status, StatusCode::NOT_FOUND);
    }
    let rejections = world
        .until("all are recorded", || async {
            let rejections = world.program.journal.rejections().await.unwrap();
            (rejections.iter().map(|rejection| rejection.times).sum::<u64>() == 200).then_some(rejections)
        })
        .await;
    assert!(rejections.len() < 20, "rejections that arrive together share a record: {}", rejections.len());
}
