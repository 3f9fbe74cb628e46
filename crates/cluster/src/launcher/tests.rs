//! What becomes of a plan of a template, with an API server that answers on order.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::mpsc::Receiver;
use trigger_core::{ObjectKey, Ordinal};
use trigger_targets::{Manifest, RenderError};

use super::*;
use crate::metrics::Metrics;
use crate::scripted_api::ScriptedApi;

const ACCOUNT: &str = "system:serviceaccount:team-a:ci";

#[derive(Debug)]
struct Empty;

impl Manifest for Empty {
    fn object(&self) -> Result<Value, RenderError> {
        Ok(json!({"metadata": {"name": "web"}}))
    }

    fn memory(&self) -> usize {
        2
    }
}

/// The labels of this event.
fn labels() -> BTreeMap<String, String> {
    [("listener", "l"), ("event", "e1")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn plan(group: &str, kind: &str, name: &str, existing: Existing) -> Plan {
    let key = ObjectKey::new("team-a", name);
    let owner = ResourceRef::new("triggers.tekton.dev", "Trigger", key.clone());
    Plan {
        resource: ResourceRef::new(group, kind, key),
        version: "v1".into(),
        manifest: Arc::new(Empty),
        run_as: Some(ObjectKey::new("team-a", "ci")),
        existing,
        condition: None,
        limit: None,
        follow_up: None,
        subject: Subject { resource: owner, version: "v1beta1".into(), uid: "u".to_owned() },
        sequence: None,
        ordinal: Ordinal::FIRST,
    }
}

fn status(code: u16, reason: &str, message: &str, name: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": message, "details": {"name": name}});
    (code, body)
}

/// An API server with the kinds `ConfigMap` and `Role` that answers creations and reads so.
fn api(created: (u16, Value), read: (u16, Value)) -> ScriptedApi {
    ScriptedApi::new(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/v1") => (
            200,
            json!({"groupVersion": "v1", "resources": [
                {"name": "configmaps", "singularName": "", "namespaced": true, "kind": "ConfigMap", "verbs": []},
                {"name": "namespaces", "singularName": "", "namespaced": false, "kind": "Namespace", "verbs": []},
            ]}),
        ),
        ("GET", "/apis/rbac.authorization.k8s.io/v1") => (
            200,
            json!({"groupVersion": "rbac.authorization.k8s.io/v1", "resources": [
                {"name": "roles", "singularName": "", "namespaced": true, "kind": "Role", "verbs": []},
            ]}),
        ),
        ("POST", _) => created.clone(),
        ("GET", path) if path.matches('/').count() > 3 => read.clone(),
        _ => status(404, "NotFound", "the server could not find the requested resource", ""),
    })
}

fn launcher(api: &ScriptedApi) -> (KubeLauncher, Receiver<ObjectEvent>) {
    let (recorder, events) = EventRecorder::received();
    let discovery = Discovery::new(api.client());
    let waiting = Arc::new(ExpiringMap::new(MAX_WAITING));
    (KubeLauncher { discovery, recorder, waiting, gate: LaunchGate::new(Metrics::default()) }, events)
}

fn object(labels: &Value) -> (u16, Value) {
    let metadata = json!({"name": "web", "uid": "u-1", "labels": labels});
    (200, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
}

fn exists() -> (u16, Value) {
    status(409, "AlreadyExists", "configmaps \"web\" already exists", "web")
}

fn derived() -> Existing {
    Existing::Created
}

fn fixed() -> Existing {
    Existing::CreatedIfLabelled(labels())
}

/// The message of a 403 for a user.
fn forbidden(user: &str, right: &str) -> (u16, Value) {
    let message = format!("x is forbidden: User \"{user}\" cannot {right} in the namespace \"team-a\"");
    status(403, "Forbidden", &message, "")
}

#[tokio::test]
async fn an_object_is_created_and_read_as_the_account_and_its_kind_found_as_the_program() {
    let api = api(exists(), object(&json!(labels())));
    let (launcher, _) = launcher(&api);
    let name = "system:x";
    let result = launcher.launch(&plan("rbac.authorization.k8s.io", "Role", name, fixed())).await;
    assert_eq!(result, Ok(Launched { existed: true, uid: Some("u-1".to_owned()) }));
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a/roles";
    let requests = api.requests().into_iter();
    let requests: Vec<_> = requests.map(|request| (request.method, request.path, request.run_as)).collect();
    let account = Some(ACCOUNT.to_owned());
    assert_eq!(
        requests,
        [
            ("GET".to_owned(), "/apis/rbac.authorization.k8s.io/v1".to_owned(), None),
            ("POST".to_owned(), roles.to_owned(), account.clone()),
            ("GET".to_owned(), format!("{roles}/system%3Ax"), account),
        ]
    );
}

#[tokio::test]
async fn a_new_object_is_told_on_its_trigger_also_one_without_a_namespace() {
    let api = api((201, object(&json!({})).1), exists());
    let (launcher, mut events) = launcher(&api);
    let result = launcher.launch(&plan("", "Namespace", "web", fixed())).await;
    assert_eq!(result, Ok(Launched { existed: false, uid: Some("u-1".to_owned()) }));
    assert_eq!(api.paths(), ["/api/v1", "/api/v1/namespaces"]);
    let event = events.try_recv().unwrap();
    assert_eq!((event.reason.as_ref(), event.warning), ("NamespaceCreated", false));
    assert_eq!(event.about.resource.to_string(), "Trigger team-a/web");
}

/// The result in short: the uid of an object that counts as created, or whether to try again.
type Short = Result<Option<&'static str>, Retry>;

#[tokio::test]
async fn an_object_that_has_the_name_already_counts_only_if_this_event_has_created_it() {
    let other = json!({"listener": "l", "event": "e2"});
    let gone = || status(404, "NotFound", "configmaps \"web\" not found", "web");
    let no_right = || forbidden(ACCOUNT, "get resource \"configmaps\" in API group \"\"");
    let down = || status(500, "InternalError", "etcd is away", "");
    let own = Some("u-1");
    for (existing, read, expected, words) in [
        (derived(), object(&other), Ok(own), ""),
        (derived(), gone(), Ok(None), ""),
        (derived(), no_right(), Ok(None), ""),
        (derived(), down(), Err(Retry::Later), "etcd is away"),
        (fixed(), object(&json!(labels())), Ok(own), ""),
        (
            fixed(),
            object(&other),
            Err(Retry::Never),
            "ConfigMap team-a/web exists already, and this event has not",
        ),
        (fixed(), object(&Value::Null), Err(Retry::Never), "use `generateName` in place of `name`"),
        (fixed(), gone(), Err(Retry::Later), "ConfigMap team-a/web exists already, and it cannot be read"),
        (fixed(), no_right(), Err(Retry::Later), "the service account team-a/ci may not get configmaps"),
        (fixed(), down(), Err(Retry::Later), "etcd is away; use `generateName`"),
    ] as [(Existing, (u16, Value), Short, &str); 10]
    {
        let api = api(exists(), read.clone());
        let (launcher, _events) = launcher(&api);
        match (launcher.launch(&plan("", "ConfigMap", "web", existing.clone())).await, expected) {
            (Ok(found), Ok(uid)) => {
                assert_eq!(found, Launched { existed: true, uid: uid.map(ToOwned::to_owned) });
            }
            (Err(error), Err(retry)) => {
                assert_eq!(error.retry, retry, "{error}");
                assert!(error.message.contains(words), "{error}");
            }
            (found, expected) => panic!("{existing:?} {read:?}: {found:?}, expected {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_missing_right_is_told_as_ours_or_as_that_of_the_account() {
    for (user, right, expected) in [
        (
            "system:serviceaccount:shipwright-trigger:st",
            "impersonate resource \"serviceaccounts\" in API group \"\"",
            "this program may not act as the service account team-a/ci; run `kubectl create role run-as-ci -n team-a",
        ),
        (
            ACCOUNT,
            "create resource \"configmaps\" in API group \"\"",
            "the service account team-a/ci may not create configmaps in the namespace team-a; run `kubectl create role",
        ),
    ] {
        let (launcher, mut events) = launcher(&api(forbidden(user, right), exists()));
        let error = launcher.launch(&plan("", "ConfigMap", "web", derived())).await.unwrap_err();
        assert!(error.retry == Retry::Later && error.message.starts_with(expected), "{error}");
        let event = events.try_recv().unwrap();
        assert!(event.reason == "ObjectDelayed" && event.note.contains(expected), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_that_a_template_makes_up_share_one_allowance_of_events() {
    let api = api(exists(), exists());
    let (launcher, mut events) = launcher(&api);
    for number in 0..100 {
        let unknown = plan("", &format!("Unknown{number}"), "web", derived());
        let error = launcher.launch(&unknown).await.unwrap_err();
        assert!(error.retry == Retry::Later && error.message.contains("correct `apiVersion`"), "{error}");
        let broken = plan("", &format!("a/b{number}"), "web", derived());
        assert_eq!(launcher.launch(&broken).await.unwrap_err().retry, Retry::Never);
    }
    let mut reasons = BTreeMap::<_, usize>::new();
    while let Ok(event) = events.try_recv() {
        *reasons.entry(event.reason).or_default() += 1;
    }
    assert_eq!(reasons.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["ObjectDelayed", "ObjectRefused"]);
    assert!(reasons.values().all(|count| *count < 40), "{reasons:?}");
    assert!(api.paths().iter().all(|path| path == "/api/v1"), "{:?}", api.paths());
}

#[tokio::test]
async fn a_definition_that_was_replaced_is_found_with_the_next_attempt() {
    let unserved = status(404, "NotFound", "the server could not find the requested resource", "");
    let api = api(unserved, exists());
    let (launcher, _events) = launcher(&api);
    let plan = plan("", "ConfigMap", "web", derived());
    for _ in 0..2 {
        assert_eq!(launcher.launch(&plan).await.unwrap_err().retry, Retry::Later);
    }
    let asked = api.paths().iter().filter(|path| *path == "/api/v1").count();
    assert_eq!(asked, 2);
}
