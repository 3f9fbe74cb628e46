//! Tokens and access reviews.

use serde_json::{Value, json};
use trigger_devcluster::{AccessRule, User};

use crate::scene::{MAPS, Scene, builder};

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

async fn scene() -> Scene {
    let rule = AccessRule {
        verbs: texts(&["get", "list"]),
        groups: texts(&[""]),
        resources: texts(&["secrets", "pods/log"]),
        namespaces: texts(&["team"]),
    };
    let user = User {
        token: "t0ken".to_owned(),
        name: "robot".to_owned(),
        groups: texts(&["bots"]),
        rules: vec![rule],
    };
    Scene::of(builder().user(user)).await
}

async fn with_token(scene: &Scene, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let token = format!("Bearer {token}");
    let answer = scene.with_headers(&[("authorization", &token)], method, path, body).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn an_unknown_token_is_refused() {
    let scene = scene().await;
    assert_eq!(with_token(&scene, "t0ken", "GET", MAPS, &Value::Null).await.0, 200);
    let (status, body) = with_token(&scene, "guess", "GET", MAPS, &Value::Null).await;
    assert_eq!((status, &body["reason"]), (401, &json!("Unauthorized")));
}

#[tokio::test]
async fn rules_restrict_requests_with_authorize() {
    let robot = || User { token: "t0ken".to_owned(), name: "robot".to_owned(), ..User::default() };
    let rule = AccessRule {
        verbs: texts(&["list"]),
        groups: texts(&[""]),
        resources: texts(&["configmaps"]),
        namespaces: Vec::new(),
    };
    let user = User { rules: vec![rule], ..robot() };
    let scene = Scene::of(builder().user(user).authorize()).await;
    assert_eq!(with_token(&scene, "t0ken", "GET", MAPS, &Value::Null).await.0, 200);
    let map = json!({"metadata": {"name": "a"}});
    let (status, body) = with_token(&scene, "t0ken", "POST", MAPS, &map).await;
    let message = body["message"].as_str().unwrap_or_default();
    assert_eq!(status, 403);
    assert!(message.contains("User \"robot\" cannot create resource \"configmaps\""), "{message}");
    scene.post(MAPS, &map).await.expect(201);
}

#[tokio::test]
async fn a_token_review_returns_the_user() {
    let scene = scene().await;
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let known = scene.post(path, &json!({"spec": {"token": "t0ken"}})).await.expect(201);
    assert_eq!(known["status"]["authenticated"], true);
    assert_eq!(known["status"]["user"]["username"], "robot");
    assert_eq!(known["status"]["user"]["groups"], json!(["bots", "system:authenticated"]));
    let unknown = scene.post(path, &json!({"spec": {"token": "guess"}})).await.expect(201);
    assert_eq!(unknown["status"]["authenticated"], false);
}

#[tokio::test]
async fn access_reviews_follow_the_rules() {
    let scene = scene().await;
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let cases = [
        ("robot", "get", "", "secrets", "", "team", true),
        ("robot", "delete", "", "secrets", "", "team", false),
        ("robot", "get", "", "secrets", "", "other", false),
        ("robot", "get", "", "pods", "log", "team", true),
        ("robot", "get", "", "pods", "", "team", false),
        ("robot", "get", "apps", "secrets", "", "team", false),
        ("stranger", "get", "", "secrets", "", "team", false),
    ];
    for (user, verb, group, resource, subresource, namespace, allowed) in cases {
        let attributes = json!({"verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "namespace": namespace});
        let review = json!({"spec": {"user": user, "resourceAttributes": attributes}});
        let answer = scene.post(path, &review).await.expect(201);
        assert_eq!(answer["status"]["allowed"], allowed, "{user} {verb} {attributes}");
    }
}

#[tokio::test]
async fn self_reviews_are_about_the_requester() {
    let scene = scene().await;
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let delete = json!({"spec": {"resourceAttributes": {"verb": "delete", "resource": "secrets", "namespace": "team"}}});
    assert_eq!(scene.post(path, &delete).await.expect(201)["status"]["allowed"], true);
    let (_, answer) = with_token(&scene, "t0ken", "POST", path, &delete).await;
    assert_eq!(answer["status"]["allowed"], false);
    scene.get(path).await.expect(405);
}

#[tokio::test]
async fn a_kubeconfig_can_carry_a_token() {
    let scene = scene().await;
    for (token, expected) in [("t0ken", 200), ("guess", 401)] {
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&scene.cluster.kubeconfig_for(token)).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        let client = kube::Client::try_from(config).unwrap();
        let request = http::Request::get(MAPS).body(kube::client::Body::empty()).unwrap();
        assert_eq!(client.send(request).await.unwrap().status(), expected);
    }
}
