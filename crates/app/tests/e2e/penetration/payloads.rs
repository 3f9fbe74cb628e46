//! Bodies that are more, or other, than they seem.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_providers::{GitHub, Sample};

use crate::world::{KEY, SHA, World, field_with, for_every_provider, played_by, usual_rules};

/// A gzip member of stored blocks: as small an archive as can be written without a library. What it would
/// unpack to does not matter, since nothing unpacks it.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut archive = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let length = u16::try_from(text.len()).unwrap();
    archive.push(1);
    archive.extend(length.to_le_bytes());
    archive.extend((!length).to_le_bytes());
    archive.extend(text);
    archive.extend([0; 8]);
    archive
}

for_every_provider!(nothing_is_unpacked);
async fn nothing_is_unpacked() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.compose(&world.push_main());
    let packed = gzip(&push.body);
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip, gzip"] {
        let mut headers = world.sign(push.event, "id", &packed, Some(KEY));
        headers.insert("content-encoding", encoding.parse().unwrap());
        assert_eq!(world.post_with(headers, &packed).await.status, StatusCode::BAD_REQUEST, "{encoding}");
    }
    world.nothing_started().await;
}

for_every_provider!(no_payload_takes_long);
/// What takes a reader long for its size takes us no longer than what is in order.
async fn no_payload_takes_long() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.compose(&world.push_main());
    let text = String::from_utf8(push.body).unwrap();
    let with = |field: &str| text.replacen('{', &format!("{{{field},"), 1).into_bytes();
    let size = 4 << 20;
    for (what, body, expected) in [
        ("deep", with(&format!("\"x\":{}1{}", "[".repeat(size / 5), "]".repeat(size / 5))), 202),
        ("deeper than any payload", with(&format!("\"x\":{}1{}", "[".repeat(size), "]".repeat(size))), 400),
        (
            "deep objects",
            with(&format!("\"x\":{}1{}", "{\"a\":".repeat(size / 5), "}".repeat(size / 5))),
            202,
        ),
        ("a number of many digits", with(&format!("\"x\":{}", "9".repeat(size))), 202),
        ("a fraction of many digits", with(&format!("\"x\":0.{}e-9", "9".repeat(size))), 202),
        ("escapes", with(&format!("\"x\":\"{}\"", "\\ud83d\\ude00".repeat(size / 12))), 202),
        (
            "many fields",
            with(&(0..size / 16).map(|i| format!("\"f{i}\":0")).collect::<Vec<_>>().join(",")),
            202,
        ),
        ("half a pair", text.replace("\"ada\"", "\"\\ud83d\"").into_bytes(), 400),
        ("nothing but spaces", vec![b' '; size], 400),
        ("a text without an end", with(&format!("\"x\":\"{}", "y".repeat(size))), 400),
    ] {
        let began = Instant::now();
        let answer = world.post(push.event, &body, Some(KEY)).await;
        assert_eq!(answer.status.as_u16(), expected, "{what}: {answer:?}");
        // A quadratic reader would take minutes.
        assert!(began.elapsed() < Duration::from_secs(10), "{what} took {:?}", began.elapsed());
    }
}

for_every_provider!(a_field_that_comes_twice_makes_a_payload_malformed);
/// Who reads a file twice may read two different things: a field that we read stands there once.
async fn a_field_that_comes_twice_makes_a_payload_malformed() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = Sample { default_branch: "trunk".to_owned(), ..world.push_main() };
    let push = world.compose(&push);
    let text = String::from_utf8(push.body).unwrap();
    let payload: Value = serde_json::from_str(&text).unwrap();
    // The fields that tell the ref, the commit, the repository, and in it the addresses and the default branch.
    let repository = field_with(&payload, &world.repository());
    let inside = payload[&repository].as_object().unwrap().iter();
    let inside = inside.filter(|(_, value)| {
        value.as_str().is_some_and(|text| text == "trunk" || text.starts_with("https://"))
    });
    let fields: Vec<_> = inside.map(|(name, _)| name.clone()).collect();
    assert!(fields.len() >= 3, "{fields:?}");
    let outside = [field_with(&payload, "refs/heads/main"), field_with(&payload, SHA), repository];
    for field in outside.iter().chain(&fields) {
        let place = text.find(&format!("\"{field}\":")).unwrap_or_else(|| panic!("no {field} in {text}"));
        let mut twice = text.clone();
        twice.insert_str(place, &format!("\"{field}\":null,"));
        let answer = world.post(push.event, twice.as_bytes(), Some(KEY)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}");
        // The same name, spelled otherwise.
        let escaped = format!("\"\\u{:04x}{}\":null,", u32::from(field.as_bytes()[0]), &field[1..]);
        twice = text.clone();
        twice.insert_str(place, &escaped);
        let answer = world.post(push.event, twice.as_bytes(), Some(KEY)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}, escaped");
    }
    world.nothing_started().await;
}

/// A fork is one by what the provider says of the repositories, not by what the author writes. Of GitHub: how that is
/// said differs, and the tests of each provider's folder hold the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_cannot_pass_for_the_repository() {
    let world = played_by(&GitHub, World::new()).await;
    world.build("team-a", "web", usual_rules()).await;
    let request = world.compose(&world.pull_request("opened", "feature", "main"));
    let own: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    for (what, head) in [
        ("deleted since", json!(null)),
        ("another of the same name", json!({"id": 99, "html_url": world.repository()})),
        ("of which nothing is told", json!({})),
    ] {
        let mut payload = own.clone();
        payload["repository"]["id"] = json!(7);
        payload["pull_request"]["head"]["repo"] = head;
        payload["pull_request"]["head"]["label"] = "acme:main".into();
        let answer = world.post(request.event, payload.to_string().as_bytes(), Some(KEY)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{what}");
        let record = world.settled(&answer.delivery()).await;
        let decided = crate::world::decisions(&record);
        assert!(decided.contains(&"web/pr main: fork-not-allowed".to_owned()), "{what}: {decided:?}");
    }
    world.nothing_started().await;
}
