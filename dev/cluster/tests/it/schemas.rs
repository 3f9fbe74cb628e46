//! Custom resources: pruning, defaults, validation, and changes of definitions.

use serde_json::{Value, json};

use crate::scene::{BUILDS, RUNS, Scene, build, run};

fn build_with(path: &str, value: Value) -> Value {
    let mut build = build("web");
    let (parent, key) = path.rsplit_once('/').unwrap();
    if build.pointer(parent).is_none() {
        let (grandparent, name) = parent.rsplit_once('/').unwrap();
        build.pointer_mut(grandparent).unwrap()[name] = json!({});
    }
    build.pointer_mut(parent).unwrap()[key] = value;
    build
}

#[tokio::test]
async fn unknown_fields_are_pruned_warned_about_or_refused() {
    let scene = Scene::new().await;
    let body = build_with("/spec/strategy/unheard", json!(1));
    let answer = scene.post(&format!("{BUILDS}?dryRun=All"), &body).await;
    assert_eq!(answer.warnings(), ["299 - \"unknown field \\\"spec.strategy.unheard\\\"\""]);
    assert_eq!(answer.expect(201)["spec"]["strategy"].get("unheard"), None);
    let refused = scene.post(&format!("{BUILDS}?fieldValidation=Strict"), &body).await.expect(400);
    assert_eq!(
        refused["message"],
        "Build in version \"v1beta1\" cannot be handled as a Build: strict decoding error: unknown field \"spec.strategy.unheard\""
    );
    let quiet = scene.post(&format!("{BUILDS}?fieldValidation=Ignore"), &body).await;
    assert_eq!(quiet.warnings(), Vec::<&str>::new());
}

#[tokio::test]
async fn preserved_and_embedded_fields_stay() {
    let scene = Scene::new().await;
    let mut body = build_with("/spec/extra/anything", json!({"goes": [1, "two"]}));
    body["spec"]["template"] =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "odd": 1}, "spec": {"x": 1}});
    let made = scene.made(BUILDS, &body).await;
    assert_eq!(made["spec"]["extra"]["anything"]["goes"], json!([1, "two"]));
    assert_eq!(made["spec"]["template"]["spec"]["x"], 1);
    let wrong = build_with("/spec/extra/known", json!("text"));
    scene.post(&format!("{BUILDS}?dryRun=All"), &wrong).await.expect(422);
}

#[tokio::test]
async fn defaults_are_filled_in_and_nulls_dropped() {
    let scene = Scene::new().await;
    let made = scene.made(BUILDS, &build_with("/spec/strategy/kind", Value::Null)).await;
    assert_eq!(made["spec"]["strategy"]["kind"], "BuildStrategy");
}

#[tokio::test]
async fn validation_names_field_and_reason() {
    let scene = Scene::new().await;
    let when = |entry: Value| build_with("/spec/trigger/when", json!([entry]));
    let cases = [
        (build_with("/spec/output", json!({})), "spec.output.image", "FieldValueRequired", "Required value"),
        (
            build_with("/spec/source/type", json!("Svn")),
            "spec.source.type",
            "FieldValueNotSupported",
            "Unsupported value: \"Svn\": supported values: \"Git\", \"OCI\", \"Local\"",
        ),
        (
            when(json!({"type": "GitHub"})),
            "spec.trigger.when[0].name",
            "FieldValueRequired",
            "Required value",
        ),
        (
            when(json!({"name": "a", "type": "GitHub", "github": {"events": []}})),
            "spec.trigger.when[0].github.events",
            "FieldValueInvalid",
            "Invalid value: \"array\": spec.trigger.when[0].github.events in body should have at least 1 items",
        ),
        (
            build_with("/spec/strategy/name", json!(7)),
            "spec.strategy.name",
            "FieldValueTypeInvalid",
            "Invalid value: 7: spec.strategy.name in body must be of type string: \"integer\"",
        ),
        (
            build_with("/spec/strategy/name", json!("")),
            "spec.strategy.name",
            "FieldValueInvalid",
            "Invalid value: \"\": spec.strategy.name in body should be at least 1 chars long",
        ),
        (
            build_with("/spec/strategy/name", json!("x".repeat(64))),
            "spec.strategy.name",
            "FieldValueTooLong",
            "Too long: may not be more than 63 bytes",
        ),
        (
            build_with("/spec/env", json!(["A=1", "B=2", "C=3", "D=4"])),
            "spec.env",
            "FieldValueTooMany",
            "Too many: 4: must have at most 3 items",
        ),
        (
            build_with("/spec/env", json!(["lower"])),
            "spec.env[0]",
            "FieldValueInvalid",
            "Invalid value: \"lower\": spec.env[0] in body should match '^[A-Z_]+=.*$'",
        ),
        (
            build_with("/spec/retention/failedLimit", json!(0)),
            "spec.retention.failedLimit",
            "FieldValueInvalid",
            "Invalid value: 0: spec.retention.failedLimit in body should be greater than or equal to 1",
        ),
        (
            build_with("/spec/retention/ttl", json!(true)),
            "spec.retention.ttl",
            "FieldValueTypeInvalid",
            "Invalid value: true: spec.retention.ttl in body must be of type integer,string: \"boolean\"",
        ),
        (
            build_with("/spec/nodeSelector/disk", json!(1)),
            "spec.nodeSelector.disk",
            "FieldValueTypeInvalid",
            "Invalid value: 1: spec.nodeSelector.disk in body must be of type string: \"integer\"",
        ),
        (
            build_with("/spec/paramValues", json!([{"name": "a"}, {"name": "a"}])),
            "spec.paramValues[1]",
            "FieldValueDuplicate",
            "Duplicate value: {\"name\":\"a\"}",
        ),
    ];
    for (body, field, reason, message) in cases {
        let refused = scene.post(BUILDS, &body).await.expect(422);
        let causes = refused["details"]["causes"].as_array().unwrap();
        assert_eq!(causes[0], json!({"field": field, "reason": reason, "message": message}));
        assert_eq!(refused["message"], format!("Build.shipwright.io \"web\" is invalid: {field}: {message}"));
    }
    for (path, value) in
        [("/spec/retention/ttl", json!("1h")), ("/spec/retention/failedLimit", json!(10_000))]
    {
        scene.post(&format!("{BUILDS}?dryRun=All"), &build_with(path, value)).await.expect(201);
    }
}

#[tokio::test]
async fn the_status_is_validated_too() {
    let scene = Scene::new().await;
    scene.made(RUNS, &run("r", &json!({"build": {}}))).await;
    let path = format!("{RUNS}/r/status");
    scene.merge(&path, &json!({"status": {"startTime": "yesterday"}})).await.expect(422);
    scene.merge(&path, &json!({"status": {"conditions": [{"type": "Succeeded"}]}})).await.expect(422);
    scene.merge(&path, &json!({"status": {"startTime": "2026-01-01T00:00:00Z"}})).await.expect(200);
}

#[tokio::test]
async fn built_in_kinds_refuse_wrong_types() {
    let scene = Scene::new().await;
    let body = json!({"metadata": {"name": "a"}, "data": {"k": 1}});
    let refused = scene.post("/api/v1/namespaces/default/configmaps", &body).await.expect(400);
    assert_eq!(refused["reason"], "BadRequest");
    assert!(refused["message"].as_str().unwrap().contains("data.k"), "{refused}");
}

fn gadgets() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.org"},
        "spec": {"group": "example.org", "scope": "Cluster",
            "names": {"plural": "gadgets", "kind": "Gadget", "shortNames": ["gd"]},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"size": {"type": "integer"}}}}}]}})
}

fn gadget(field: &str, value: i64) -> Value {
    json!({"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g"}, field: value})
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

#[tokio::test]
async fn a_definition_makes_an_api_appear_and_disappear() {
    let scene = Scene::new().await;
    scene.get("/apis/example.org/v1/gadgets").await.expect(404);
    let made = scene.made(DEFINITIONS, &gadgets()).await;
    let conditions = made["status"]["conditions"].as_array().unwrap();
    let is_true = |kind: &str| conditions.iter().any(|c| c["type"] == kind && c["status"] == "True");
    assert!(is_true("Established") && is_true("NamesAccepted"));
    scene.made("/apis/example.org/v1/gadgets", &gadget("size", 3)).await;
    let resources = scene.get("/apis/example.org/v1").await.expect(200);
    assert_eq!(resources["resources"][0]["shortNames"], json!(["gd"]));
    assert_eq!(resources["resources"][0]["namespaced"], false);
    let path = format!("{DEFINITIONS}/gadgets.example.org");
    scene.delete(&path, &Value::Null).await.expect(200);
    scene.get("/apis/example.org/v1/gadgets").await.expect(404);
    scene.get(&path).await.expect(404);
    scene.made(DEFINITIONS, &gadgets()).await;
    let empty = scene.get("/apis/example.org/v1/gadgets").await.expect(200);
    assert_eq!(empty["items"], json!([]));
}

#[tokio::test]
async fn a_definition_can_change() {
    let scene = Scene::new().await;
    scene.made(DEFINITIONS, &gadgets()).await;
    assert_eq!(scene.made("/apis/example.org/v1/gadgets", &gadget("weight", 5)).await.get("weight"), None);
    let change = json!([{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/weight",
        "value": {"type": "integer"}}]);
    let path = format!("{DEFINITIONS}/gadgets.example.org");
    assert_eq!(scene.patch(&path, "json-patch+json", &change).await.expect(200)["metadata"]["generation"], 2);
    let patched = scene.merge("/apis/example.org/v1/gadgets/g", &json!({"weight": 5})).await.expect(200);
    assert_eq!(patched["weight"], 5);
}

#[tokio::test]
async fn broken_definitions_are_refused() {
    let scene = Scene::new().await;
    let changes: [(&str, Value); 4] = [
        ("/metadata/name", json!("wrong.example.org")),
        ("/spec/scope", json!("Galaxy")),
        ("/spec/versions/0/storage", json!(false)),
        ("/spec/versions/0/schema", json!({})),
    ];
    for (pointer, value) in changes {
        let mut definition = gadgets();
        *definition.pointer_mut(pointer).unwrap() = value;
        scene.post(DEFINITIONS, &definition).await.expect(422);
    }
}
