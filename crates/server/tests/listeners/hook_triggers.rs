//! Webhooks on the path of a provider, for Triggers without a listener.

use trigger_journal::State;

use crate::scene::{KEY, Response, Scene, push};

/// A push of `acme/web` to a branch, as GitHub sends it.
pub fn pushed(branch: &str) -> String {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let repository = r#"{"full_name":"acme/web","html_url":"https://git.example.com/acme/web","clone_url":"https://git.example.com/acme/web.git"}"#;
    format!(
        r#"{{"ref":"refs/heads/{branch}","before":"{commit}","after":"{commit}","created":false,"deleted":false,"forced":false,"commits":[],"repository":{repository},"sender":{{"login":"zoe"}}}}"#
    )
}

async fn webhook(scene: &Scene, key: &str, body: &str) -> Response {
    let mut headers = push(key, body);
    headers.push(("Content-Type", "application/json".to_owned()));
    headers.push(("X-GitHub-Delivery", "d-1".to_owned()));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    scene.send("POST /hooks/github", &headers, body).await
}

#[tokio::test]
async fn a_webhook_is_kept_for_the_namespaces_whose_key_verifies_it() {
    let scene = Scene::new().await;
    let body = pushed("main");
    let response = webhook(&scene, KEY, &body).await;
    assert_eq!((response.status, &response.json()["status"]), (202, &"accepted".into()), "{}", response.body);
    let kept = scene.kept().await;
    assert_eq!(kept.len(), 1, "the key of team-b is missing: {kept:?}");
    assert_eq!(&*kept[0].delivery.path, "/listeners/team-a/provider_hooks");
    assert_eq!(
        (kept[0].state, kept[0].delivery.id.as_str()),
        (State::Pending, response.json()["delivery"].as_str().unwrap())
    );
    let again = webhook(&scene, KEY, &body).await;
    assert_eq!((again.status, &again.json()["delivery"]), (202, &response.json()["delivery"]));
    assert_eq!(scene.kept().await.len(), 1);
    let other = webhook(&scene, KEY, &pushed("dev")).await;
    assert_eq!(other.status, 202);
    assert_eq!(scene.kept().await[0].state, State::Settled, "the filter is false, so nothing starts");
}

#[tokio::test]
async fn a_webhook_that_no_key_verifies_is_rejected() {
    let scene = Scene::new().await;
    let refused = webhook(&scene, "another key", &pushed("main")).await;
    assert_eq!(refused.status, 401);
    let rejection = &scene.rejections(1).await[0];
    assert!(rejection.reason.contains("Secrets of Triggers"), "{}", rejection.reason);
    let elsewhere = webhook(&scene, KEY, &pushed("main").replace("acme/web", "acme/api")).await;
    assert_eq!(elsewhere.status, 404);
    scene.secrets_fail(true);
    assert_eq!(webhook(&scene, KEY, &pushed("main")).await.status, 503);
    assert!(scene.kept().await.is_empty());
    let unreadable = webhook(
        &scene,
        KEY,
        r#"{"repository":{"full_name":"acme/web","html_url":"https://git.example.com/acme/web"}}"#,
    )
    .await;
    assert_eq!(unreadable.status, 401, "it is no event, and nothing else is told to a stranger");
}

#[tokio::test]
async fn the_listener_of_webhooks_has_no_address() {
    let scene = Scene::new().await;
    let body = pushed("main");
    let headers = push(KEY, &body);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(scene.post("team-a/provider_hooks", &headers, &body).await.status, 404);
}
