//! Server-side apply: ownership, conflicts, removal.

use serde_json::{Value, json};

use crate::scene::{BUILDS, MAPS, RUNS, Scene, build, run};

fn map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

fn path() -> String {
    format!("{MAPS}/a")
}

fn managers(object: &Value) -> Vec<(String, String)> {
    let list = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|entry| (text(&entry["manager"]), text(&entry["operation"]))).collect()
}

#[tokio::test]
async fn apply_creates_and_owns() {
    let scene = Scene::new().await;
    let made = scene.apply(&path(), "one", &map(&json!({"k": "1"}))).await.expect(201);
    let entry = &made["metadata"]["managedFields"][0];
    assert_eq!(entry["manager"], "one");
    assert_eq!(entry["operation"], "Apply");
    assert_eq!(entry["fieldsType"], "FieldsV1");
    assert_eq!(entry["fieldsV1"], json!({"f:data": {"f:k": {}}}));
    assert_eq!(scene.apply(&path(), "one", &map(&json!({"k": "1"}))).await.expect(200), made);
}

#[tokio::test]
async fn another_value_conflicts_unless_forced() {
    let scene = Scene::new().await;
    scene.apply(&path(), "one", &map(&json!({"k": "1", "l": "1"}))).await.expect(201);
    let refused = scene.apply(&path(), "two", &map(&json!({"k": "2"}))).await.expect(409);
    assert_eq!(refused["reason"], "Conflict");
    assert_eq!(refused["message"], "Apply failed with 1 conflict: conflict with \"one\" using v1: .data.k");
    assert_eq!(
        refused["details"]["causes"],
        json!([{"reason": "FieldManagerConflict", "message": "conflict with \"one\" using v1", "field": ".data.k"}])
    );
    let forced = scene.apply(&path(), "two&force=true", &map(&json!({"k": "2"}))).await.expect(200);
    assert_eq!(forced["data"], json!({"k": "2", "l": "1"}));
    let one = &forced["metadata"]["managedFields"][0];
    assert_eq!(one["fieldsV1"], json!({"f:data": {"f:l": {}}}));
    scene.apply(&path(), "one", &map(&json!({"k": "1", "l": "1"}))).await.expect(409);
}

#[tokio::test]
async fn equal_values_are_shared() {
    let scene = Scene::new().await;
    scene.apply(&path(), "one", &map(&json!({"k": "1"}))).await.expect(201);
    let shared = scene.apply(&path(), "two", &map(&json!({"k": "1"}))).await.expect(200);
    assert_eq!(managers(&shared).len(), 2);
    let kept = scene.apply(&path(), "one", &map(&json!({}))).await.expect(200);
    assert_eq!(kept["data"], json!({"k": "1"}));
    let gone = scene.apply(&path(), "two", &map(&json!({}))).await.expect(200);
    assert_eq!(gone["data"].get("k"), None);
}

#[tokio::test]
async fn a_field_that_is_no_longer_applied_is_removed() {
    let scene = Scene::new().await;
    scene.apply(&path(), "one", &map(&json!({"k": "1", "l": "1"}))).await.expect(201);
    scene.merge(&path(), &json!({"data": {"m": "by hand"}})).await.expect(200);
    let next = scene.apply(&path(), "one", &map(&json!({"k": "1"}))).await.expect(200);
    assert_eq!(next["data"], json!({"k": "1", "m": "by hand"}));
}

#[tokio::test]
async fn an_update_takes_ownership() {
    let scene = Scene::new().await;
    scene.apply(&path(), "one", &map(&json!({"k": "1"}))).await.expect(201);
    let updated = scene.merge(&path(), &json!({"data": {"k": "2"}})).await.expect(200);
    assert_eq!(managers(&updated), [("tester".to_owned(), "Update".to_owned())]);
    let refused = scene.apply(&path(), "one", &map(&json!({"k": "1"}))).await.expect(409);
    assert!(refused["message"].as_str().unwrap().contains("conflict with \"tester\" using v1"), "{refused}");
}

#[tokio::test]
async fn keyed_lists_merge_by_key_and_atomic_ones_do_not() {
    let scene = Scene::new().await;
    let path = format!("{BUILDS}/web");
    let with = |params: Value, env: Value| {
        let mut build = build("web");
        build["spec"]["paramValues"] = params;
        build["spec"]["env"] = env;
        build
    };
    let one = with(json!([{"name": "a", "value": "1"}]), json!(["A=1"]));
    scene.apply(&path, "one", &one).await.expect(201);
    let two = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": {"name": "web"},
        "spec": {"paramValues": [{"name": "b", "value": "2"}]}});
    let merged = scene.apply(&path, "two", &two).await.expect(200);
    assert_eq!(
        merged["spec"]["paramValues"],
        json!([{"name": "a", "value": "1"}, {"name": "b", "value": "2"}])
    );
    let contested = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": {"name": "web"},
        "spec": {"paramValues": [{"name": "a", "value": "9"}], "env": ["A=2"]}});
    let refused = scene.apply(&path, "two", &contested).await.expect(409);
    let fields: Vec<&str> = refused["details"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, [".spec.env", ".spec.paramValues[name=\"a\"].value"]);
    let fewer = scene.apply(&path, "one", &with(json!([]), json!(["A=1"]))).await.expect(200);
    assert_eq!(fewer["spec"]["paramValues"], json!([{"name": "b", "value": "2"}]));
}

#[tokio::test]
async fn conditions_are_owned_one_by_one() {
    let scene = Scene::new().await;
    scene.made(RUNS, &run("r", &json!({"build": {"name": "web"}}))).await;
    let path = format!("{RUNS}/r/status");
    let condition = |kind: &str| {
        json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "metadata": {"name": "r"},
            "status": {"conditions": [{"type": kind, "status": "True", "reason": "R", "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
    };
    scene.apply(&path, "one", &condition("Succeeded")).await.expect(200);
    let both = scene.apply(&path, "two", &condition("Triggered")).await.expect(200);
    assert_eq!(both["status"]["conditions"].as_array().unwrap().len(), 2);
    assert_eq!(both["metadata"]["managedFields"][2]["subresource"], "status");
}

#[tokio::test]
async fn apply_needs_a_manager_and_a_type() {
    let scene = Scene::new().await;
    scene.patch(&path(), "apply-patch+yaml", &map(&json!({}))).await.expect(422);
    scene.apply(&path(), "one", &json!({"metadata": {"name": "a"}})).await.expect(400);
    let yaml = "apiVersion: v1\nkind: ConfigMap\ndata: {k: '1'}\n";
    let request = http::Request::patch(format!("{}?fieldManager=one", path()));
    let request = request.header("content-type", "application/apply-patch+yaml").body(yaml.into()).unwrap();
    assert_eq!(scene.call(request).await.expect(201)["data"]["k"], "1");
}
