//! Creating, reading, updating and patching single objects.

use serde_json::{Value, json};

use crate::scene::{BUILDS, MAPS, RUNS, Scene, build, config_map, version};

#[tokio::test]
async fn create_sets_the_fields_of_the_server() {
    let scene = Scene::new().await;
    let made = scene.made(BUILDS, &build("web")).await;
    assert_eq!(made["metadata"]["namespace"], "default");
    assert_eq!(made["metadata"]["generation"], 1);
    assert_eq!(made["metadata"]["uid"].as_str().unwrap().len(), 36);
    assert!(made["metadata"]["creationTimestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "tester");
    assert_eq!(scene.get(&format!("{BUILDS}/web")).await.expect(200), made);
}

#[tokio::test]
async fn a_second_object_of_the_same_name_is_refused() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("web")).await;
    let refused = scene.post(BUILDS, &build("web")).await.expect(409);
    assert_eq!(refused["reason"], "AlreadyExists");
    assert_eq!(refused["message"], "builds.shipwright.io \"web\" already exists");
    assert_eq!(refused["details"], json!({"name": "web", "group": "shipwright.io", "kind": "builds"}));
}

#[tokio::test]
async fn objects_need_their_namespace() {
    let scene = Scene::new().await;
    let path = "/api/v1/namespaces/nowhere/configmaps";
    let refused = scene.post(path, &config_map("a", &json!({}))).await.expect(404);
    assert_eq!(refused["message"], "namespaces \"nowhere\" not found");
    let elsewhere = json!({"metadata": {"name": "a", "namespace": "other"}});
    scene.post(MAPS, &elsewhere).await.expect(400);
    scene.made("/api/v1/namespaces", &json!({"metadata": {"name": "nowhere"}})).await;
    scene.made(path, &config_map("a", &json!({}))).await;
}

#[tokio::test]
async fn generated_names_stay_short_and_differ() {
    let scene = Scene::new().await;
    let prefix = "p".repeat(100);
    let body = json!({"metadata": {"generateName": prefix}});
    let first = scene.made(MAPS, &body).await["metadata"]["name"].clone();
    let second = scene.made(MAPS, &body).await["metadata"]["name"].clone();
    assert_eq!(first.as_str().unwrap().len(), 63);
    assert_ne!(first, second);
}

#[tokio::test]
async fn invalid_names_labels_and_annotations_are_refused() {
    let scene = Scene::new().await;
    let cases = [
        (json!({"name": "Not_Legal"}), "metadata.name"),
        (json!({}), "metadata.name"),
        (json!({"name": "a", "labels": {"k": "x".repeat(64)}}), "metadata.labels"),
        (json!({"name": "a", "labels": {"k": "no spaces"}}), "metadata.labels"),
        (json!({"name": "a", "labels": {"-k": "v"}}), "metadata.labels"),
        (json!({"name": "a", "annotations": {"k": "x".repeat(300_000)}}), "metadata.annotations"),
    ];
    for (metadata, field) in cases {
        let refused = scene.post(MAPS, &json!({"metadata": metadata})).await.expect(422);
        assert_eq!(refused["reason"], "Invalid");
        assert_eq!(refused["details"]["causes"][0]["field"], field);
    }
    let longest = json!({"metadata": {"name": "a", "labels": {"k": "x".repeat(63)}}});
    scene.made(MAPS, &longest).await;
}

#[tokio::test]
async fn too_large_objects_are_refused() {
    let scene = Scene::new().await;
    let of = |name: &str, length: usize| {
        let mut build = build(name);
        build["spec"]["paramValues"] = json!([{"name": "blob", "value": "x".repeat(length)}]);
        build
    };
    scene.made(BUILDS, &of("fits", 1_500_000)).await;
    assert_eq!(
        scene.post(BUILDS, &of("large", 1_600_000)).await.expect(413)["reason"],
        "RequestEntityTooLarge"
    );
    scene.post(BUILDS, &of("huge", 4_000_000)).await.expect(413);
    let map = config_map("a", &json!({"blob": "x".repeat(1_048_577)}));
    assert_eq!(
        scene.post(MAPS, &map).await.expect(422)["details"]["causes"][0]["reason"],
        "FieldValueTooLong"
    );
}

#[tokio::test]
async fn an_update_with_an_old_version_conflicts() {
    let scene = Scene::new().await;
    let first = scene.made(MAPS, &config_map("a", &json!({"k": "1"}))).await;
    let path = format!("{MAPS}/a");
    let mut next = first.clone();
    next["data"]["k"] = "2".into();
    let second = scene.put(&path, &next).await.expect(200);
    assert!(version(&second) > version(&first));
    assert_eq!(scene.put(&path, &next).await.expect(409)["reason"], "Conflict");
    next["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    next["data"]["k"] = "3".into();
    scene.put(&path, &next).await.expect(200);
}

#[tokio::test]
async fn a_write_without_effect_changes_nothing() {
    let scene = Scene::new().await;
    let made = scene.made(BUILDS, &build("web")).await;
    let path = format!("{BUILDS}/web");
    assert_eq!(scene.put(&path, &made).await.expect(200), made);
    let same = json!({"spec": {"strategy": {"name": "buildah"}}});
    assert_eq!(scene.merge(&path, &same).await.expect(200), made);
    let null_uid = json!({"metadata": {"uid": null}});
    assert_eq!(scene.merge(&path, &null_uid).await.expect(200), made);
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec_only() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("web")).await;
    let path = format!("{BUILDS}/web");
    let generation = |object: Value| object["metadata"]["generation"].as_i64().unwrap();
    let labelled = scene.merge(&path, &json!({"metadata": {"labels": {"a": "b"}}})).await.expect(200);
    assert_eq!(generation(labelled), 1);
    let status = json!({"status": {"registered": "True"}});
    assert_eq!(generation(scene.merge(&format!("{path}/status"), &status).await.expect(200)), 1);
    let changed = json!({"spec": {"strategy": {"name": "kaniko"}}});
    assert_eq!(generation(scene.merge(&path, &changed).await.expect(200)), 2);
}

#[tokio::test]
async fn status_and_spec_are_written_separately() {
    let scene = Scene::new().await;
    let mut body = build("web");
    body["status"] = json!({"registered": "True"});
    let made = scene.made(BUILDS, &body).await;
    assert_eq!(made.get("status"), None);
    let path = format!("{BUILDS}/web");
    let both = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"strategy": {"name": "kaniko"}}, "status": {"registered": "True"}});
    let status = scene.merge(&format!("{path}/status"), &both).await.expect(200);
    assert_eq!(status["status"]["registered"], "True");
    assert_eq!(status["spec"]["strategy"]["name"], "buildah");
    assert_eq!(status["metadata"].get("labels"), None);
    let both = json!({"spec": {"strategy": {"name": "kaniko"}}, "status": {"registered": "False"}});
    let main = scene.merge(&path, &both).await.expect(200);
    assert_eq!(main["status"]["registered"], "True");
    assert_eq!(main["spec"]["strategy"]["name"], "kaniko");
}

#[tokio::test]
async fn json_patches_are_tested_and_applied() {
    let scene = Scene::new().await;
    scene.made(MAPS, &config_map("a", &json!({"k": "1"}))).await;
    let path = format!("{MAPS}/a");
    let patch = json!([{"op": "test", "path": "/data/k", "value": "1"}, {"op": "add", "path": "/data/l", "value": "2"}]);
    let patched = scene.patch(&path, "json-patch+json", &patch).await.expect(200);
    assert_eq!(patched["data"], json!({"k": "1", "l": "2"}));
    let failing = json!([{"op": "test", "path": "/data/k", "value": "9"}]);
    scene.patch(&path, "json-patch+json", &failing).await.expect(422);
    scene.patch(&path, "json-patch+json", &json!({"not": "a list"})).await.expect(400);
}

#[tokio::test]
async fn strategic_patches_are_for_built_in_kinds() {
    let scene = Scene::new().await;
    scene
        .made(MAPS, &json!({"metadata": {"name": "a", "finalizers": ["x/a", "x/b"]}, "data": {"k": "1"}}))
        .await;
    let patch = json!({"metadata": {"finalizers": ["x/c"], "$deleteFromPrimitiveList/finalizers": ["x/a"],
        "$setElementOrder/finalizers": ["x/b", "x/c"]}, "data": {"k": null, "l": "2"}});
    let patched = scene.patch(&format!("{MAPS}/a"), "strategic-merge-patch+json", &patch).await.expect(200);
    let mut finalizers: Vec<&str> =
        patched["metadata"]["finalizers"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    finalizers.sort_unstable();
    assert_eq!(finalizers, ["x/b", "x/c"]);
    assert_eq!(patched["data"], json!({"l": "2"}));
    scene.made(BUILDS, &build("web")).await;
    let refused = scene.patch(&format!("{BUILDS}/web"), "strategic-merge-patch+json", &json!({})).await;
    refused.expect(415);
    scene.patch(&format!("{MAPS}/a"), "vnd.unheard-of", &json!({})).await.expect(415);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let scene = Scene::new().await;
    let made = scene.post(&format!("{BUILDS}?dryRun=All"), &build("web")).await.expect(201);
    assert_eq!(made["metadata"]["generation"], 1);
    scene.get(&format!("{BUILDS}/web")).await.expect(404);
    let real = scene.made(BUILDS, &build("web")).await;
    scene.post(&format!("{BUILDS}?dryRun=All"), &build("web")).await.expect(409);
    let change = json!({"spec": {"strategy": {"name": "kaniko"}}});
    let imagined = scene.merge(&format!("{BUILDS}/web?dryRun=All"), &change).await.expect(200);
    assert_eq!(imagined["spec"]["strategy"]["name"], "kaniko");
    scene.delete(&format!("{BUILDS}/web?dryRun=All"), &Value::Null).await.expect(200);
    assert_eq!(scene.get(&format!("{BUILDS}/web")).await.expect(200), real);
}

#[tokio::test]
async fn secrets_encode_their_string_data() {
    let scene = Scene::new().await;
    let path = "/api/v1/namespaces/default/secrets";
    let body = json!({"metadata": {"name": "hook"}, "stringData": {"github-token": "s3cret"}});
    let made = scene.made(path, &body).await;
    assert_eq!(made["data"]["github-token"], "czNjcmV0");
    assert_eq!(made["type"], "Opaque");
    assert_eq!(made.get("stringData"), None);
    let changed = json!({"stringData": {"other": "x"}});
    let next = scene.merge(&format!("{path}/hook"), &changed).await.expect(200);
    assert_eq!(next["data"], json!({"github-token": "czNjcmV0", "other": "eA=="}));
    scene.merge(&format!("{path}/hook"), &json!({"type": "other"})).await.expect(422);
}

#[tokio::test]
async fn events_are_served_in_both_groups() {
    let scene = Scene::new().await;
    let event = json!({"metadata": {"name": "e"}, "regarding": {"kind": "Build", "name": "web", "namespace": "default"},
        "note": "it happened", "reason": "Fired", "type": "Normal", "reportingController": "trigger",
        "reportingInstance": "one", "action": "Fire", "eventTime": "2026-01-01T00:00:00.000000Z"});
    scene.made("/apis/events.k8s.io/v1/namespaces/default/events", &event).await;
    let core = scene
        .get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=web")
        .await
        .expect(200);
    assert_eq!(core["items"][0]["message"], "it happened");
    assert_eq!(core["items"][0]["involvedObject"]["name"], "web");
    assert_eq!(core["items"][0]["reportingComponent"], "trigger");
    let series = json!({"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}});
    let path = "/apis/events.k8s.io/v1/namespaces/default/events/e";
    let back = scene.merge(path, &series).await.expect(200);
    assert_eq!(back["note"], "it happened");
    assert_eq!(back["series"]["count"], 2);
    assert_eq!(back["apiVersion"], "events.k8s.io/v1");
}

#[tokio::test]
async fn every_served_version_returns_the_same_object() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("web")).await;
    let alpha = "/apis/shipwright.io/v1alpha1/namespaces/default/builds";
    let answer = scene.get(&format!("{alpha}/web")).await;
    assert_eq!(answer.warnings(), ["299 - \"shipwright.io/v1alpha1 Build is deprecated\""]);
    let shown = answer.expect(200);
    assert_eq!(shown["apiVersion"], "shipwright.io/v1alpha1");
    assert_eq!(shown["spec"]["strategy"]["name"], "buildah");
    let patched =
        scene.merge(&format!("{alpha}/web"), &json!({"metadata": {"labels": {"a": "b"}}})).await.expect(200);
    assert_eq!(patched["apiVersion"], "shipwright.io/v1alpha1");
    assert_eq!(scene.get(&format!("{BUILDS}/web")).await.expect(200)["metadata"]["labels"]["a"], "b");
    let list = scene.get(alpha).await.expect(200);
    assert_eq!((&list["apiVersion"], &list["items"][0]["apiVersion"]), (&alpha_version(), &alpha_version()));
}

fn alpha_version() -> Value {
    "shipwright.io/v1alpha1".into()
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let scene = Scene::new().await;
    scene.get("/apis/shipwright.io/v9/builds").await.expect(404);
    scene.get("/apis/nothing.io/v1").await.expect(404);
    scene.get("/nothing").await.expect(404);
    scene.post(&format!("{RUNS}/name"), &json!({})).await.expect(405);
    scene.post("/apis/shipwright.io/v1beta1/builds", &build("web")).await.expect(405);
    scene.get(&format!("{RUNS}/name/log")).await.expect(404);
    scene.post(MAPS, &json!("not an object")).await.expect(400);
    let request = http::Request::post(MAPS).header("content-type", "application/vnd.kubernetes.protobuf");
    scene.call(request.body(b"k8s".to_vec()).unwrap()).await.expect(415);
}
