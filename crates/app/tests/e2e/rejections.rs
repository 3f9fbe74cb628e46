//! Scenario 3: a request that is not signed with the Build's key starts nothing.

use reqwest::StatusCode;
use trigger_providers::GitHub;

use crate::world::{
    Answer, KEY, PROVIDER_ID, SIGNING_KEY, World, credential_headers, for_every_provider, played_by,
    repository_of, secret_entry, usual_rules,
};

const UNAUTHORIZED: &str =
    r#"{"status":"unauthorized","message":"the signature is missing or not accepted"}"#;

const UNSIGNED: &str = r#"{"status":"unauthorized","message":"the request is not signed; set the secret of the webhook at the provider"}"#;

#[track_caller]
fn assert_rejected(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, UNAUTHORIZED));
}

#[track_caller]
fn assert_unsigned(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, UNSIGNED));
}

for_every_provider!(forgeries_get_the_same_response);
async fn forgeries_get_the_same_response() {
    let world = World::with_key(SIGNING_KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.push_main());
    let signed = world.sign(request.event, "id", &request.body, Some(SIGNING_KEY));

    assert_rejected(&world.post(request.event, &request.body, Some("another key")).await);
    assert_unsigned(&world.post(request.event, &request.body, None).await);

    let mut altered = request.body.clone();
    let place = altered.iter().position(|byte| *byte == b'0').unwrap();
    altered[place] = b'1';
    assert_rejected(&world.post_with(signed.clone(), &altered).await);

    // Each form of credential that the provider has, from a sender that has the right key.
    for key in [KEY, SIGNING_KEY] {
        world.delete_secret("team-a", "hook").await;
        world.hook_secret("team-a", key).await;
        let signed = world.sign(request.event, "id", &request.body, Some(key));
        for name in credential_headers(world.provider, key) {
            let mut twice = signed.clone();
            twice.append(&name, signed[&name].clone());
            assert_rejected(&world.post_with(twice, &request.body).await);
            // Some providers send an empty signature where the hook has no secret.
            let mut empty = signed.clone();
            empty.insert(&name, "".parse().unwrap());
            assert_eq!(world.post_with(empty, &request.body).await.status, StatusCode::UNAUTHORIZED);
            for malformed in ["00", "sha256=", "sha256=zz", "sha1=00", "sha256=00", "v1,", "v1,AAAA"] {
                let mut headers = signed.clone();
                headers.insert(&name, malformed.parse().unwrap());
                assert_rejected(&world.post_with(headers, &request.body).await);
            }
        }
    }

    world.delete_secret("team-a", "hook").await;
    assert_rejected(&world.post_with(signed, &request.body).await);
    world.nothing_started().await;

    world.hook_secret("team-a", SIGNING_KEY).await;
    let answer = world.send_signed(&world.push_main(), SIGNING_KEY).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "the key is right");
}

/// Of GitHub alone: it is the one that still sends SHA-1 beside SHA-256.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_github_with_sha_1_alone_is_rejected() {
    let world = played_by(&GitHub, World::new()).await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.push_main());
    let mut weak = world.sign(request.event, "id", &request.body, None);
    weak.insert("x-hub-signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6".parse().unwrap());
    assert_rejected(&world.post_with(weak, &request.body).await);
    world.nothing_started().await;
}

for_every_provider!(secrets_are_read_one_by_one_and_only_when_needed);
async fn secrets_are_read_one_by_one_and_only_when_needed() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let requests = dev.requests();
    requests.reset();

    let request = world.compose(&world.push_main());
    world.post(request.event, &request.body, None).await;
    assert_eq!(requests.count("get", "secrets"), 0, "the request has no well-formed credential");
    world.deliver(&world.push_main()).await;
    assert_eq!(requests.count("get", "secrets"), 1);
    world.send(&world.push_main()).await;
    assert_eq!(requests.count("get", "secrets"), 2, "Secrets are not cached after a verification");
    assert_eq!(requests.count("list", "secrets") + requests.count("watch", "secrets"), 0);
}

for_every_provider!(a_secret_without_a_key_verifies_nothing);
async fn a_secret_without_a_key_verifies_nothing() {
    let world = World::new().await;
    world.secret("team-a", "odd", &[("password", KEY), (&secret_entry(world.provider), "")]).await;
    let git = serde_json::json!({"url": world.repository()});
    let trigger = serde_json::json!({"triggerSecret": "odd", "when": usual_rules()});
    world.build_of("team-a", "web", git, trigger).await;
    assert_rejected(&world.send(&world.push_main()).await);
    let empty = world.send_signed(&world.push_main(), "").await;
    assert_eq!(empty.status, StatusCode::UNAUTHORIZED, "{empty:?}");
    world.nothing_started().await;
}

for_every_provider!(both_keys_verify_while_they_are_rotated);
async fn both_keys_verify_while_they_are_rotated() {
    let world = World::new().await;
    let entry = secret_entry(world.provider);
    let previous = format!("{entry}.previous");
    world.secret("team-a", "two", &[(&entry, "new key\n"), (&previous, "old key")]).await;
    let git = serde_json::json!({"url": world.repository()});
    let trigger = serde_json::json!({"triggerSecret": "two", "when": usual_rules()});
    world.build_of("team-a", "web", git, trigger).await;
    for (commit, key) in [("a", "new key"), ("b", "old key")] {
        let push = world.push("refs/heads/main", &commit.repeat(40));
        let answer = world.send_signed(&push, key).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{key:?}");
        world.settled(&answer.delivery()).await;
    }
    assert_eq!(world.run_counts().await, (2, 0));
}

/// Of GitHub alone: a key that is sent as a header cannot end so.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_github_that_ends_with_a_line_break_verifies_with_it_and_without() {
    let world = played_by(&GitHub, World::with_key("a key\n")).await;
    world.build("team-a", "web", usual_rules()).await;
    for (commit, key) in [("a", "a key"), ("b", "a key\n")] {
        let push = world.push("refs/heads/main", &commit.repeat(40));
        let answer = world.send_signed(&push, key).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{key:?}");
        world.settled(&answer.delivery()).await;
    }
    assert_eq!(world.run_counts().await, (2, 0));
}

for_every_provider!(many_forgeries_do_not_block_the_real_sender);
async fn many_forgeries_do_not_block_the_real_sender() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.push_main();
    let forged = futures::future::join_all((0..100).map(|_| world.send_signed(&push, "guess")));
    for answer in forged.await {
        assert_rejected(&answer);
    }
    world.nothing_started().await;
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(the_reason_is_recorded_and_not_sent);
async fn the_reason_is_recorded_and_not_sent() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.push_main());
    let event = request.event;
    assert_rejected(&world.post(event, &request.body, Some("another key")).await);
    assert_unsigned(&world.post(event, &request.body, None).await);
    assert_eq!(world.post(event, b"{}", None).await.status, StatusCode::BAD_REQUEST);
    let unknown = String::from_utf8(request.body).unwrap().replace("acme", "nobody");
    assert_eq!(world.post(event, unknown.as_bytes(), None).await.status, world.unused());

    let mut rejections = world
        .until("all rejections are recorded", || async {
            let rejections = world.program.journal.rejections().await.unwrap();
            (rejections.len() == 4).then_some(rejections)
        })
        .await;
    rejections.reverse();
    let [wrong_key, unsigned, malformed, unknown] = rejections.try_into().unwrap();
    assert_eq!((wrong_key.status, wrong_key.event.as_str()), (401, event));
    let none = "the signature or token matches none of the Secrets of Builds for this repository";
    assert_eq!(wrong_key.reason, none);
    assert_eq!(wrong_key.tried[0].secret.to_string(), format!("{}/hook", world.namespace("team-a")));
    assert_eq!(wrong_key.tried[0].finding, "its key does not verify the signature");
    assert_eq!(wrong_key.from.as_deref(), Some("127.0.0.1"));
    assert_eq!(wrong_key.provider_id.as_deref(), Some(PROVIDER_ID));
    assert_eq!(
        (unsigned.status, unsigned.reason.as_str()),
        (401, "the request carries no signature or token")
    );
    assert_eq!(unsigned.delivery, wrong_key.delivery, "the same body");
    assert_eq!((malformed.status, malformed.repository), (400, None));
    assert_eq!(unknown.status, world.unused().as_u16());
    let nobodys = repository_of(world.provider, "nobody/web").replace("https://", "");
    assert!(unknown.reason.starts_with(&format!("no Build with rules uses {nobodys}")), "{}", unknown.reason);
}

for_every_provider!(equal_rejections_are_counted_in_one_record);
async fn equal_rejections_are_counted_in_one_record() {
    let world = World::new().await;
    let push = world.compose(&world.push_main());
    for _ in 0..200 {
        assert_eq!(world.post(push.event, &push.body, None).await.status, world.unused());
    }
    let rejections = world
        .until("all are recorded", || async {
            let rejections = world.program.journal.rejections().await.unwrap();
            (rejections.iter().map(|rejection| rejection.times).sum::<u64>() == 200).then_some(rejections)
        })
        .await;
    assert!(rejections.len() < 20, "rejections that arrive together share a record: {}", rejections.len());
}
