//! What an API server refuses. The dev cluster has to refuse it too, and alike: what is tried out on it would
//! otherwise fail on a real cluster only.

use http::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};

use crate::world::World;

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// The administrator's requests in the namespace of team-a.
struct Asker<'a> {
    world: &'a World,
    namespace: String,
}

impl Asker<'_> {
    async fn ask(&self, method: Method, path: &str, media_type: &str, body: &Value) -> Value {
        let path = path.replace("{ns}", &self.namespace);
        let request = Request::builder().method(method).uri(path).header("content-type", media_type);
        let request = request.body(Body::from(serde_json::to_vec(body).unwrap())).unwrap();
        let answer = self.world.client.send(request).await.unwrap();
        let body = answer.into_body().collect_bytes().await.unwrap();
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// The request has to be refused with this code and reason, for these fields.
    async fn refuses(&self, what: &str, request: (Method, &str, &str, Value), refusal: (u16, &str, &[&str])) {
        let (method, path, media_type, body) = request;
        let status = self.ask(method, path, media_type, &body).await;
        let causes = status["details"]["causes"].as_array();
        let mut fields: Vec<&str> =
            causes.into_iter().flatten().filter_map(|c| c["field"].as_str()).collect();
        fields.sort_unstable();
        // A field may be wrong in two ways, and how many of them are told depends on the version.
        fields.dedup();
        let found = (status["code"].as_u64(), status["reason"].as_str(), fields.as_slice());
        let (code, reason, expected) = refusal;
        assert_eq!(found, (Some(code.into()), Some(reason), expected), "{what}: {status}");
    }

    async fn made(&self, path: &str, body: &Value) -> Value {
        let made = self.ask(Method::POST, path, JSON, body).await;
        assert!(made["metadata"]["uid"].is_string(), "{made}");
        made
    }
}

const BUILDS: &str = "/apis/shipwright.io/v1beta1/namespaces/{ns}/builds";
const SECRETS: &str = "/api/v1/namespaces/{ns}/secrets";
const MAPS: &str = "/api/v1/namespaces/{ns}/configmaps";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/{ns}/events";
const ACCESS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

fn build(name: &str) -> Value {
    json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": name},
        "spec": {
            "source": {"type": "Git", "git": {"url": "https://git.example/app"}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": "registry.example/app"},
        },
    })
}

/// `object` with `value` at `pointer`, or without what is there if it is null.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
    object
}

fn asker(world: &World) -> Asker<'_> {
    Asker { world, namespace: world.namespace("team-a") }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_has_to_be_whole() {
    let world = World::new().await;
    let asker = asker(&world);
    asker.made(BUILDS, &build("kept")).await;
    let new = |pointer: &str, value: Value| with(build("new"), pointer, value);
    let owner = |key: &str| {
        let whole = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1"});
        new("/metadata/ownerReferences", json!([with(whole, &format!("/{key}"), Value::Null)]))
    };
    let invalid = |field: &'static [&'static str]| (422, "Invalid", field);
    let cases = [
        ("no kind", new("/kind", Value::Null), (400, "BadRequest", &[] as &[&str])),
        ("another kind", new("/kind", json!("BuildRun")), invalid(&["kind"])),
        ("another group", new("/apiVersion", json!("other.example/v1")), (400, "BadRequest", &[])),
        ("a name that is taken", build("kept"), (409, "AlreadyExists", &[])),
        ("a name that is none", build("No_Name"), invalid(&["metadata.name"])),
        ("another namespace", new("/metadata/namespace", json!("default")), (400, "BadRequest", &[])),
        ("a label that is none", new("/metadata/labels", json!({"a": "-"})), invalid(&["metadata.labels"])),
        ("a number as label", new("/metadata/labels", json!({"a": 1})), (400, "BadRequest", &[])),
        (
            "an annotation's key",
            new("/metadata/annotations", json!({"a b": ""})),
            invalid(&["metadata.annotations"]),
        ),
        ("a finalizer", new("/metadata/finalizers", json!(["a b"])), invalid(&["metadata.finalizers"])),
        ("an owner without uid", owner("uid"), invalid(&["metadata.ownerReferences.uid"])),
        ("an owner without kind", owner("kind"), invalid(&["metadata.ownerReferences.kind"])),
        ("a time that is none", new("/metadata/creationTimestamp", json!("now")), (400, "BadRequest", &[])),
        ("a duration that is none", new("/spec/timeout", json!("soon")), invalid(&["spec.timeout"])),
        ("a duration without unit", new("/spec/timeout", json!("60")), invalid(&["spec.timeout"])),
        ("no output", new("/spec/output", Value::Null), invalid(&["spec.output"])),
    ];
    for (what, body, refusal) in cases {
        asker.refuses(what, (Method::POST, BUILDS, JSON, body), refusal).await;
    }
    for (what, option, body) in [
        ("a dry run of a kind that is unknown", "dryRun=Some", build("new")),
        ("a manager's name that is too long", &format!("fieldManager={}", "m".repeat(129)), build("new")),
    ] {
        let field = option.split('=').next().unwrap();
        let path = format!("{BUILDS}?{option}");
        asker.refuses(what, (Method::POST, &path, JSON, body), (422, "Invalid", &[field])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_replaces_has_to_say_what() {
    let world = World::new().await;
    let asker = asker(&world);
    let kept = asker.made(BUILDS, &build("kept")).await;
    let path = format!("{BUILDS}/kept");
    let absent = format!("{BUILDS}/absent");
    let version = "/metadata/resourceVersion";
    let unseen: &[&str] = &["metadata.resourceVersion"];
    let cases = [
        ("no version seen", &path, with(kept.clone(), version, Value::Null), (422, "Invalid", unseen)),
        ("version 0", &path, with(kept.clone(), version, json!("0")), (422, "Invalid", unseen)),
        ("an old version", &path, with(kept.clone(), version, json!("1")), (409, "Conflict", &[])),
        ("another uid", &path, with(kept.clone(), "/metadata/uid", json!("1")), (409, "Conflict", &[])),
        ("another name", &absent, kept.clone(), (400, "BadRequest", &[])),
        ("nothing there", &absent, build("absent"), (404, "NotFound", &[])),
    ];
    for (what, path, body, refusal) in cases {
        asker.refuses(what, (Method::PUT, path, JSON, body), refusal).await;
    }
    let owned = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": {"name": "kept"},
        "spec": {"output": {"image": "registry.example/other"}}});
    let uid = json!({"metadata": {"uid": "1"}});
    let cases = [
        ("another uid", "", MERGE, uid, (422, "Invalid", &["metadata.uid"] as &[&str])),
        ("another kind", "", MERGE, json!({"kind": "BuildRun"}), (422, "Invalid", &["kind"])),
        ("an old version", "", MERGE, json!({"metadata": {"resourceVersion": "1"}}), (409, "Conflict", &[])),
        ("force where it means nothing", "?force=true", MERGE, json!({}), (422, "Invalid", &["force"])),
        ("nobody applies", "", APPLY, owned.clone(), (422, "Invalid", &["fieldManager"])),
        (
            "what another has set",
            "?fieldManager=me",
            APPLY,
            owned,
            (409, "Conflict", &[".spec.output.image"]),
        ),
    ];
    for (what, query, media_type, body, refusal) in cases {
        let path = format!("{path}{query}");
        asker.refuses(what, (Method::PATCH, &path, media_type, body), refusal).await;
    }
    let lease = json!({"metadata": {"name": "kept"}, "spec": {"leaseDurationSeconds": 15}});
    asker.made(LEASES, &lease).await;
    let path = format!("{LEASES}/kept");
    asker.refuses("no version seen", (Method::PUT, &path, JSON, lease), (422, "Invalid", unseen)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn built_in_kinds_are_checked() {
    let world = World::new().await;
    let asker = asker(&world);
    let invalid = |field: &'static [&'static str]| (422, "Invalid", field);
    let undecodable = (400, "BadRequest", &[] as &[&str]);
    let named = |field: &str, value: Value| json!({"metadata": {"name": "new"}, field: value});
    let frozen = json!({"metadata": {"name": "frozen"}, "immutable": true, "data": {"a": "Yg=="}});
    asker.made(SECRETS, &frozen).await;
    let long = "x".repeat(1_048_577);
    let cases = [
        ("a Secret that is not base64", SECRETS, named("data", json!({"a": "*"})), undecodable),
        ("a Secret's key", SECRETS, named("stringData", json!({"a b": "c"})), invalid(&["data[a b]"])),
        (
            "a Secret that is too long",
            SECRETS,
            named("stringData", json!({"a": long.clone()})),
            invalid(&["data"]),
        ),
        ("a ConfigMap's key", MAPS, named("data", json!({"..": "c"})), invalid(&["data[..]"])),
        ("a ConfigMap that is too long", MAPS, named("data", json!({"a": long})), invalid(&["[]"])),
        (
            "a lease of no time",
            LEASES,
            named("spec", json!({"leaseDurationSeconds": 0})),
            invalid(&["spec.leaseDurationSeconds"]),
        ),
        (
            "a lease's time without its six digits",
            LEASES,
            named("spec", json!({"renewTime": "2026-01-01T00:00:00Z"})),
            undecodable,
        ),
        (
            "a review of nothing",
            ACCESS,
            json!({"spec": {"user": "somebody"}}),
            invalid(&["spec.resourceAttributes"]),
        ),
        (
            "a review of nobody",
            ACCESS,
            json!({"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}),
            invalid(&["spec.user"]),
        ),
    ];
    for (what, path, body, refusal) in cases {
        asker.refuses(what, (Method::POST, path, JSON, body), refusal).await;
    }
    let path = format!("{SECRETS}/frozen");
    let change = json!({"data": {"a": "Yw=="}});
    asker.refuses("a frozen Secret", (Method::PATCH, &path, MERGE, change), invalid(&["data"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_say_who_did_what() {
    let world = World::new().await;
    let asker = asker(&world);
    let event = json!({
        "metadata": {"generateName": "told-"},
        "regarding": {
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "name": "app",
            "namespace": asker.namespace,
        },
        "reason": "Told",
        "action": "Tell",
        "type": "Normal",
        "note": "that it was told",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.org/teller",
        "reportingInstance": "teller-0",
    });
    asker.made(EVENTS, &event).await;
    for (pointer, value, field) in [
        ("/regarding/namespace", Value::Null, "involvedObject.namespace"),
        ("/reason", Value::Null, "reason"),
        ("/reason", json!("r".repeat(129)), "reason"),
        ("/action", Value::Null, "action"),
        ("/action", json!("a".repeat(129)), "action"),
        ("/type", Value::Null, "type"),
        ("/type", json!("Odd"), "type"),
        ("/note", json!("n".repeat(1025)), "message"),
        ("/eventTime", Value::Null, "eventTime"),
        ("/reportingController", Value::Null, "reportingController"),
        ("/reportingController", json!("two words"), "reportingController"),
        ("/reportingInstance", Value::Null, "reportingInstance"),
    ] {
        let what = format!("{pointer} is {value}");
        let request = (Method::POST, EVENTS, JSON, with(event.clone(), pointer, value));
        asker.refuses(&what, request, (422, "Invalid", &[field])).await;
    }
    let time = with(event, "/eventTime", json!("2026-01-01T00:00:00Z"));
    asker.refuses("a time", (Method::POST, EVENTS, JSON, time), (400, "BadRequest", &[])).await;
}
