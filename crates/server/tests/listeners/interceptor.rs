//! The interceptor `git` over HTTP, as listeners of Tekton ask it.

use serde_json::{Value, json};

use crate::hook_triggers::pushed;
use crate::scene::{KEY, Scene, push};

/// A request about a push to `main`, signed with a key, for a trigger of team-a.
fn request(key: &str, params: &Value) -> Value {
    let body = pushed("main");
    let mut headers: Vec<_> = push(key, &body).into_iter().map(|(name, value)| (name, vec![value])).collect();
    headers.push(("Content-Type", vec!["application/json".to_owned()]));
    let header: Value = headers.into_iter().collect();
    json!({
        "body": body,
        "header": header,
        "interceptor_params": params,
        "context": {"event_url": "/", "event_id": "1", "trigger_id": "namespaces/team-a/triggers/push"},
    })
}

async fn answer(scene: &Scene, request: &Value) -> Value {
    let response = scene.intercept(&request.to_string()).await;
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()
}

#[tokio::test]
async fn an_event_passes_with_what_it_is_about() {
    let scene = Scene::new().await;
    let params = json!({"secretRef": {"secretName": "hook", "secretKey": "token"}, "branches": ["main"]});
    let passed = answer(&scene, &request(KEY, &params)).await;
    assert_eq!(passed["continue"], true, "{passed}");
    assert_eq!(passed["extensions"]["git"]["branch"], "main");
    let refused = answer(&scene, &request("another key", &params)).await;
    let status = json!({"code": 9, "message": "the key of `secretRef` does not verify the webhook"});
    assert_eq!(refused, json!({"continue": false, "status": status}));
    let other = answer(&scene, &request(KEY, &json!({"branches": ["dev"]}))).await;
    assert_eq!(other["status"]["message"], "the branch is main, the rule is for dev");
    scene.secrets_fail(true);
    let unavailable = answer(&scene, &request(KEY, &params)).await;
    assert_eq!((&unavailable["continue"], &unavailable["status"]["code"]), (&false.into(), &14.into()));
}

#[tokio::test]
async fn a_request_that_is_none_is_refused_with_its_reason() {
    let scene = Scene::new().await;
    let mut nameless = request(KEY, &json!({}));
    nameless["context"]["trigger_id"] = "team-a/push".into();
    let mistaken = request(KEY, &json!({"events": ["Comment"]}));
    for (body, reason) in [
        ("{".to_owned(), "at line 1 column 1"),
        ("5".to_owned(), "no interceptor request"),
        (nameless.to_string(), "`context.trigger_id` is none"),
        (mistaken.to_string(), "the parameter `events` is `Comment`"),
    ] {
        let response = scene.intercept(&body).await;
        assert_eq!(response.status, 400, "{body}");
        assert!(response.body.contains(reason), "{}", response.body);
    }
}
