//! Requests with the rights of another user.

use serde_json::{Value, json};
use trigger_devcluster::{AccessRule, Impersonated, User};

use crate::scene::{MAPS, Response, Scene, builder, config_map};

const CI: &str = "system:serviceaccount:default:ci";
const OWN_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// The right to impersonate on `resources` of a group; an empty namespace is all.
fn impersonate(group: &str, resources: &[&str], namespace: &str) -> AccessRule {
    AccessRule {
        verbs: texts(&["impersonate"]),
        groups: texts(&[group]),
        resources: texts(resources),
        namespaces: Some(namespace.to_owned()).filter(|name| !name.is_empty()).into_iter().collect(),
    }
}

fn program(rules: Vec<AccessRule>) -> User {
    User { token: "t".to_owned(), name: "program".to_owned(), groups: Vec::new(), rules }
}

/// A request of the program with these headers.
async fn send(scene: &Scene, headers: &[(&str, &str)], method: &str, path: &str, body: &Value) -> Response {
    let token = [("authorization", "Bearer t")];
    let headers: Vec<_> = token.iter().chain(headers).copied().collect();
    scene.with_headers(&headers, method, path, body).await
}

/// Lets the ServiceAccount `ci` create ConfigMaps in its namespace.
async fn grant(scene: &Scene) {
    let store = scene.cluster.store();
    let metadata = json!({"name": "ci", "namespace": "default"});
    let api_version = "rbac.authorization.k8s.io/v1";
    let rules = json!([{"verbs": ["create"], "apiGroups": [""], "resources": ["configmaps"]}]);
    let role = json!({"apiVersion": api_version, "kind": "Role", "metadata": metadata, "rules": rules});
    store.apply(role).await.unwrap();
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ci"});
    let subjects = json!([{"kind": "ServiceAccount", "namespace": "default", "name": "ci"}]);
    let binding = json!({"apiVersion": api_version, "kind": "RoleBinding", "metadata": metadata, "roleRef": role,
        "subjects": subjects});
    store.apply(binding).await.unwrap();
}

#[tokio::test]
async fn a_request_has_the_rights_of_the_impersonated_account_alone() {
    let maps = AccessRule {
        verbs: texts(&["*"]),
        groups: texts(&[""]),
        resources: texts(&["configmaps"]),
        namespaces: Vec::new(),
    };
    let rules = vec![impersonate("", &["serviceaccounts"], "default"), maps];
    let scene = Scene::of(builder().user(program(rules)).authorize()).await;
    let as_ci = [("impersonate-user", CI)];
    let map = config_map("a", &json!({}));
    let denied = send(&scene, &as_ci, "POST", MAPS, &map).await.expect(403);
    assert_eq!(
        denied["message"],
        "configmaps is forbidden: User \"system:serviceaccount:default:ci\" cannot create resource \"configmaps\" in API \
         group \"\" in the namespace \"default\""
    );
    grant(&scene).await;
    send(&scene, &as_ci, "POST", MAPS, &map).await.expect(201);
    send(&scene, &as_ci, "GET", MAPS, &Value::Null).await.expect(403);
    send(&scene, &[], "GET", MAPS, &Value::Null).await.expect(200);

    let log = scene.cluster.requests().log();
    let told: Vec<_> =
        log.into_iter().map(|one| (one.user, one.impersonated, one.kind.verb, one.status)).collect();
    let ci = Some(Impersonated { user: CI.to_owned(), resource: "serviceaccounts", allowed: true });
    let program = |impersonated: &Option<Impersonated>, verb: &str, status| {
        ("program".to_owned(), impersonated.clone(), verb.to_owned(), status)
    };
    let expected = [
        program(&ci, "create", 403),
        program(&ci, "create", 201),
        program(&ci, "list", 403),
        program(&None, "list", 200),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn impersonation_is_refused_with_the_words_of_the_real_server() {
    let rules = vec![impersonate("", &["serviceaccounts"], "team-a"), impersonate("", &["users"], "")];
    let scene = Scene::of(builder().user(program(rules)).authorize()).await;
    grant(&scene).await;
    for (headers, expected) in [
        (
            &[("impersonate-user", CI)][..],
            "serviceaccounts \"ci\" is forbidden: User \"program\" cannot impersonate resource \"serviceaccounts\" in API \
             group \"\" in the namespace \"default\"",
        ),
        (
            &[("impersonate-user", "robot"), ("impersonate-group", "system:masters")],
            "groups \"system:masters\" is forbidden: User \"program\" cannot impersonate resource \"groups\" in API group \
             \"\" at the cluster scope",
        ),
        (
            &[("impersonate-user", "robot"), ("impersonate-uid", "1")],
            "uids.authentication.k8s.io \"1\" is forbidden: User \"program\" cannot impersonate resource \"uids\" in API \
             group \"authentication.k8s.io\" at the cluster scope",
        ),
        (
            &[("impersonate-user", "robot"), ("impersonate-extra-scopes", "all")],
            "userextras.authentication.k8s.io \"all\" is forbidden: User \"program\" cannot impersonate resource \
             \"userextras/scopes\" in API group \"authentication.k8s.io\" at the cluster scope",
        ),
    ] {
        for path in [MAPS, "/api/v1"] {
            let refused = send(&scene, headers, "GET", path, &Value::Null).await.expect(403);
            assert_eq!((&refused["message"], &refused["reason"]), (&json!(expected), &json!("Forbidden")));
        }
    }
    let log = scene.cluster.requests().log();
    let first = log.first().unwrap();
    let ci = Impersonated { user: CI.to_owned(), resource: "serviceaccounts", allowed: false };
    assert_eq!((first.user.as_str(), first.impersonated.as_ref(), first.status), ("program", Some(&ci), 403));
    send(&scene, &[("impersonate-group", "a")], "GET", MAPS, &Value::Null).await.expect(500);
    let robot = [("impersonate-user", "robot")];
    let refused = send(&scene, &robot, "GET", MAPS, &Value::Null).await.expect(403);
    assert!(refused["message"].as_str().unwrap().contains("User \"robot\" cannot list"), "{refused}");
}

#[tokio::test]
async fn what_is_granted_may_be_impersonated() {
    let rules = vec![
        impersonate("", &["users", "groups"], ""),
        impersonate("authentication.k8s.io", &["uids", "userextras/scopes"], ""),
    ];
    let scene = Scene::of(builder().user(program(rules)).authorize()).await;
    let headers = [
        ("impersonate-user", "robot"),
        ("impersonate-group", "system:masters"),
        ("impersonate-uid", "1"),
        ("impersonate-extra-scopes", "all"),
    ];
    send(&scene, &headers, "GET", MAPS, &Value::Null).await.expect(200);
    send(
        &scene,
        &[("impersonate-user", "robot"), ("impersonate-extra-other", "x")],
        "GET",
        MAPS,
        &Value::Null,
    )
    .await
    .expect(403);
}

#[tokio::test]
async fn without_authorization_a_request_is_that_of_the_impersonated_user_too() {
    let scene = Scene::of(builder().user(program(Vec::new()))).await;
    grant(&scene).await;
    let as_ci = [("impersonate-user", CI)];
    for (verb, expected) in [("create", true), ("get", false)] {
        let attributes = json!({"verb": verb, "resource": "configmaps", "namespace": "default"});
        let review = json!({"spec": {"resourceAttributes": attributes}});
        let own = send(&scene, &[], "POST", OWN_REVIEWS, &review).await.expect(201);
        assert_eq!(own["status"]["allowed"], false);
        let of_account = send(&scene, &as_ci, "POST", OWN_REVIEWS, &review).await.expect(201);
        assert_eq!(of_account["status"]["allowed"], expected, "{verb}");
    }
    send(&scene, &as_ci, "GET", MAPS, &Value::Null).await.expect(200);
    let log = scene.cluster.requests().log();
    let last = log.last().unwrap();
    let ci = Impersonated { user: CI.to_owned(), resource: "serviceaccounts", allowed: true };
    assert_eq!((last.user.as_str(), last.impersonated.as_ref()), ("program", Some(&ci)));
}

#[tokio::test]
async fn the_administrator_may_impersonate_all() {
    let scene = Scene::of(builder().authorize()).await;
    grant(&scene).await;
    let map = config_map("a", &json!({}));
    let as_ci = [("impersonate-user", CI)];
    scene.with_headers(&as_ci, "POST", MAPS, &map).await.expect(201);
    scene.with_headers(&as_ci, "GET", MAPS, &Value::Null).await.expect(403);
    // A member of a group that everything is granted to, by the header alone.
    let masters = [("impersonate-user", "x"), ("impersonate-group", "system:masters")];
    scene.with_headers(&masters, "GET", MAPS, &Value::Null).await.expect(200);
}
