//! Notifications of registries over real HTTP. `scene` sets the server up, `google` covers the one format that is
//! verified with an ID token instead of a key.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

mod bodies;
mod google;
mod scene;

use bodies::{GHCR_PING, pushes};
use scene::{KEY, Scene, hmac};

const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";

/// The credential headers of each format for `key`, as its registry sends them.
fn credentials(format: &str, key: &str, body: &str) -> Vec<(&'static str, String)> {
    let hub = || ("x-hub-signature-256", format!("sha256={}", hmac(key, body)));
    let bearer = || ("authorization", format!("Bearer {key}"));
    match format {
        "distribution" => vec![bearer(), ("authorization", key.to_owned())],
        "harbor" => vec![("authorization", key.to_owned()), bearer()],
        "ghcr" => vec![hub()],
        "artifactory" => {
            vec![("x-jfrog-event-auth", key.to_owned()), ("x-jfrog-event-auth", hmac(key, body))]
        }
        "generic" => vec![bearer(), hub()],
        _ => vec![],
    }
}

#[tokio::test]
async fn every_format_is_accepted_with_the_key_in_a_header_or_in_the_path() {
    let scene = Scene::new().await;
    for (format, body) in pushes() {
        let good = (202, "accepted".to_owned());
        for credential in credentials(format, KEY, &body) {
            assert_eq!(
                scene.post(format, std::slice::from_ref(&credential), &body).await,
                good,
                "{format} {credential:?}"
            );
            assert_eq!(scene.hinted(), ["team/base:1"], "{format} {credential:?}");
        }
        assert_eq!(scene.post(&format!("{format}/{KEY}"), &[], &body).await, good, "{format} by path");
        assert_eq!(scene.hinted(), ["team/base:1"], "{format} by path");
    }
}

#[tokio::test]
async fn requests_without_the_key_are_rejected() {
    let scene = Scene::new().await;
    let rejected = (401, "unauthorized".to_owned());
    for (format, body) in pushes() {
        let mut wrong = vec![vec![]];
        for (name, value) in credentials(format, KEY, &body) {
            wrong.push(vec![(name, value[..value.len() - 1].to_owned())]);
            wrong.push(vec![(name, value.clone()), (name, value)]);
        }
        wrong.extend(credentials(format, OTHER_KEY, &body).into_iter().map(|credential| vec![credential]));
        // Credentials of another format do not count.
        for other in ["distribution", "ghcr", "artifactory"] {
            let own: Vec<_> = credentials(format, KEY, &body).into_iter().map(|(name, _)| name).collect();
            let strange = credentials(other, KEY, &body).into_iter().filter(|(name, _)| !own.contains(name));
            wrong.extend(strange.map(|credential| vec![credential]));
        }
        for credential in wrong {
            assert_eq!(scene.post(format, &credential, &body).await, rejected, "{format} {credential:?}");
        }
        for key in [OTHER_KEY, &KEY[1..], &format!("{KEY}0"), "%ff", "x"] {
            assert_eq!(scene.post(&format!("{format}/{key}"), &[], &body).await, rejected, "{format} {key}");
        }
        let altered = body.replace("base", "bose");
        for credential in
            credentials(format, KEY, &body).into_iter().filter(|(_, value)| !value.contains(KEY))
        {
            assert_eq!(scene.post(format, &[credential], &altered).await, rejected, "{format}, altered");
        }
    }
    assert!(scene.hinted().is_empty());
}

#[tokio::test]
async fn answers_are_constant_and_name_nothing() {
    let scene = Scene::new().await;
    let elsewhere = r#"{"image":"registry.example/team/other:1"}"#;
    let path = format!("generic/{KEY}");
    for (what, path, headers, body, expected) in [
        ("unused", path.as_str(), vec![], elsewhere, (200, "ignored")),
        ("nothing pushed", &path, vec![], r#"{"images":[]}"#, (200, "ignored")),
        ("not JSON", &path, vec![], "{", (400, "malformed")),
        (
            "ping",
            &format!("ghcr/{KEY}"),
            vec![("x-github-event", "ping".to_owned())],
            GHCR_PING,
            (200, "ping"),
        ),
        ("no key in the path", "generic/", vec![], elsewhere, (401, "unauthorized")),
        ("slashes about the key", &format!("/generic//{KEY}/"), vec![], elsewhere, (200, "ignored")),
        ("unknown format", "ecr", vec![], elsewhere, (404, "not-found")),
        ("a key for google", &format!("google/{KEY}"), vec![], elsewhere, (404, "not-found")),
    ] {
        let (status, text) = scene.post_raw(path, &headers, body).await;
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, answer["status"].as_str().unwrap()), expected, "{what}");
        assert_eq!(answer.as_object().unwrap().len(), 2, "{what}: nothing but status and message: {answer}");
        assert!(!text.contains("team"), "{what}: {text}");
    }
    let (_, text) = scene.post_raw(&path, &[], elsewhere).await;
    let ignored = "no tag was pushed that a build waits for; nothing to do";
    assert_eq!(text, format!(r#"{{"status":"ignored","message":"{ignored}"}}"#));
    assert_eq!(scene.get(&path).await, 405);
    assert_eq!(scene.post(&path, &[], &" ".repeat(1024 * 1024 + 1)).await, (413, "too-large".to_owned()));
    assert_eq!(scene.post(&path, &[], &" ".repeat(1024 * 1024)).await, (400, "malformed".to_owned()));
}

#[tokio::test]
async fn requests_are_unavailable_until_builds_are_synced() {
    let scene = Scene::not_synced().await;
    let (format, body) = pushes().remove(0);
    let path = format!("{format}/{KEY}");
    assert_eq!(scene.post(&path, &[], &body).await, (503, "unavailable".to_owned()));
    scene.synced();
    assert_eq!(scene.post(&path, &[], &body).await, (202, "accepted".to_owned()));
}

#[tokio::test]
async fn a_changed_key_file_takes_effect_at_once() {
    let scene = Scene::new().await;
    let body = r#"{"image":"registry.example/team/base:1"}"#;
    let with = |key: &str| {
        let path = format!("generic/{key}");
        let scene = &scene;
        async move { scene.post(&path, &[], body).await.0 }
    };
    assert_eq!((with(KEY).await, with(OTHER_KEY).await), (202, 401));
    scene.write_key("generic", Some(&format!("{OTHER_KEY}\n{KEY}\n")));
    assert_eq!((with(KEY).await, with(OTHER_KEY).await), (202, 202));
    scene.write_key("generic", Some(OTHER_KEY));
    assert_eq!((with(KEY).await, with(OTHER_KEY).await), (401, 202));
    for unusable in [Some(""), Some("\n \n"), Some("short"), None, Some("x".repeat(20_000).as_str())] {
        scene.write_key("generic", unusable);
        assert_eq!((with(KEY).await, with("short").await), (503, 503), "{:.10}", unusable.unwrap_or("none"));
    }
    scene.write_key("generic", Some(KEY));
    assert_eq!(with(KEY).await, 202);
}

#[tokio::test]
async fn rejections_are_recorded_without_the_key() {
    let scene = Scene::new().await;
    let elsewhere = r#"{"image":"registry.example/team/other:1"}"#;
    assert_eq!(scene.post(&format!("generic/{OTHER_KEY}"), &[], elsewhere).await.0, 401);
    assert_eq!(scene.post("generic", &[], elsewhere).await.0, 401);
    assert_eq!(scene.post(&format!("generic/{KEY}"), &[], elsewhere).await.0, 200);
    assert_eq!(scene.post(&format!("generic/{KEY}"), &[], "{").await.0, 400);
    let recorded = scene.rejections(3).await;
    let reasons: Vec<_> =
        recorded.iter().map(|rejection| (rejection.status, rejection.reason.as_str())).collect();
    for expected in [
        (401, "no key verifies the notification"),
        (401, "the request carries no signature or token"),
        (400, "the notification is not JSON, at line 1 column 1"),
    ] {
        assert!(reasons.contains(&expected), "{expected:?} is not among {reasons:?}");
    }
    for rejection in recorded {
        assert_eq!(
            (rejection.path.as_str(), rejection.source.as_str()),
            ("/hooks/registry/generic", "registry-generic")
        );
        assert_eq!(rejection.from.as_deref(), Some("127.0.0.1"));
        let all = format!("{rejection:?}");
        assert!(!all.contains(KEY) && !all.contains(OTHER_KEY), "{all}");
    }
}

#[tokio::test]
async fn many_wrong_keys_do_not_block_the_right_one() {
    let scene = Scene::new().await;
    let body = r#"{"image":"registry.example/team/base:1"}"#;
    let path = format!("generic/{OTHER_KEY}");
    let wrong = futures::future::join_all((0..60).map(|_| scene.post(&path, &[], body)));
    assert!(wrong.await.iter().all(|(status, _)| *status == 401));
    assert_eq!(scene.post(&format!("generic/{KEY}"), &[], body).await.0, 202);
}

#[tokio::test]
async fn metrics_name_the_format_and_nothing_else() {
    let scene = Scene::new().await;
    let body = r#"{"image":"registry.example/team/base:1"}"#;
    scene.post(&format!("generic/{KEY}"), &[], body).await;
    scene.post(&format!("generic/{OTHER_KEY}"), &[], body).await;
    let metrics = scene.metrics();
    for answer in ["accepted", "unauthorized"] {
        let line = format!("provider=\"registry-generic\",event=\"notification\",answer=\"{answer}\"}} 1");
        assert!(metrics.contains(&line), "`{line}` is missing in\n{metrics}");
    }
    assert!(!metrics.contains("team") && !metrics.contains(KEY) && !metrics.contains(OTHER_KEY), "{metrics}");
}
