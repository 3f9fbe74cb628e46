//! Deletion: finalizers, owners, namespaces, preconditions.

use serde_json::{Value, json};

use crate::scene::{MAPS, Scene, config_map};

fn owned(name: &str, owners: &[&Value]) -> Value {
    let references: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true})
        })
        .collect();
    json!({"metadata": {"name": name, "ownerReferences": references}})
}

async fn exists(scene: &Scene, name: &str) -> bool {
    scene.get(&format!("{MAPS}/{name}")).await.status == 200
}

#[tokio::test]
async fn a_finalizer_delays_the_deletion() {
    let scene = Scene::new().await;
    scene.made(MAPS, &json!({"metadata": {"name": "a", "finalizers": ["example.org/hold"]}})).await;
    let path = format!("{MAPS}/a");
    let terminating = scene.delete(&path, &Value::Null).await.expect(200);
    assert!(terminating["metadata"]["deletionTimestamp"].is_string());
    let again = scene.delete(&path, &Value::Null).await.expect(200);
    assert_eq!(again, terminating);
    let more = json!({"metadata": {"finalizers": ["example.org/hold", "example.org/late"]}});
    scene.merge(&path, &more).await.expect(422);
    scene.merge(&path, &json!({"metadata": {"finalizers": null}})).await.expect(200);
    scene.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_deletion_returns_the_deleted_object() {
    let scene = Scene::new().await;
    let made = scene.made(MAPS, &config_map("a", &json!({}))).await;
    let status = scene.delete(&format!("{MAPS}/a"), &Value::Null).await.expect(200);
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    assert_eq!(status["details"]["uid"], made["metadata"]["uid"]);
    scene.delete(&format!("{MAPS}/a"), &Value::Null).await.expect(404);
}

#[tokio::test]
async fn deletion_honours_preconditions() {
    let scene = Scene::new().await;
    let made = scene.made(MAPS, &config_map("a", &json!({}))).await;
    let path = format!("{MAPS}/a");
    scene.delete(&path, &json!({"preconditions": {"uid": "another"}})).await.expect(409);
    scene.delete(&path, &json!({"preconditions": {"resourceVersion": "1"}})).await.expect(409);
    let exact =
        json!({"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]});
    scene.delete(&path, &json!({"preconditions": exact})).await.expect(200);
}

#[tokio::test]
async fn owned_objects_are_deleted_with_their_last_owner() {
    let scene = Scene::new().await;
    let one = scene.made(MAPS, &config_map("one", &json!({}))).await;
    let two = scene.made(MAPS, &config_map("two", &json!({}))).await;
    let child = scene.made(MAPS, &owned("child", &[&one, &two])).await;
    scene.made(MAPS, &owned("grandchild", &[&child])).await;
    scene.delete(&format!("{MAPS}/one"), &Value::Null).await.expect(200);
    let left = scene.get(&format!("{MAPS}/child")).await.expect(200);
    assert_eq!(left["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    scene.delete(&format!("{MAPS}/two"), &Value::Null).await.expect(200);
    assert!(!exists(&scene, "child").await);
    assert!(!exists(&scene, "grandchild").await);
}

#[tokio::test]
async fn an_object_of_a_deleted_owner_is_collected() {
    let scene = Scene::new().await;
    let ghost = json!({"metadata": {"name": "ghost", "uid": "no-such-uid"}});
    scene.made(MAPS, &owned("orphan", &[&ghost])).await;
    assert!(!exists(&scene, "orphan").await);
    let unknown = json!({"metadata": {"name": "kept", "ownerReferences": [
        {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": "p", "uid": "who-knows"}]}});
    scene.made(MAPS, &unknown).await;
    assert!(exists(&scene, "kept").await);
}

#[tokio::test]
async fn orphaned_objects_stay() {
    let scene = Scene::new().await;
    let one = scene.made(MAPS, &config_map("one", &json!({}))).await;
    scene.made(MAPS, &owned("child", &[&one])).await;
    scene.delete(&format!("{MAPS}/one"), &json!({"propagationPolicy": "Orphan"})).await.expect(200);
    assert!(!exists(&scene, "one").await);
    let child = scene.get(&format!("{MAPS}/child")).await.expect(200);
    assert_eq!(child["metadata"]["ownerReferences"].as_array().map_or(0, Vec::len), 0);
}

#[tokio::test]
async fn foreground_deletion_waits_for_the_dependents() {
    let scene = Scene::new().await;
    let one = scene.made(MAPS, &config_map("one", &json!({}))).await;
    let mut child = owned("child", &[&one]);
    child["metadata"]["finalizers"] = json!(["example.org/hold"]);
    scene.made(MAPS, &child).await;
    let waiting =
        scene.delete(&format!("{MAPS}/one?propagationPolicy=Foreground"), &Value::Null).await.expect(200);
    assert_eq!(waiting["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    let child = scene.get(&format!("{MAPS}/child")).await.expect(200);
    assert!(child["metadata"]["deletionTimestamp"].is_string());
    scene.merge(&format!("{MAPS}/child"), &json!({"metadata": {"finalizers": null}})).await.expect(200);
    assert!(!exists(&scene, "child").await);
    assert!(!exists(&scene, "one").await);
}

#[tokio::test]
async fn a_namespace_is_deleted_with_its_objects() {
    let scene = Scene::new().await;
    scene.made("/api/v1/namespaces", &json!({"metadata": {"name": "team"}})).await;
    let maps = "/api/v1/namespaces/team/configmaps";
    scene.made(maps, &json!({"metadata": {"name": "held", "finalizers": ["example.org/hold"]}})).await;
    scene.made(maps, &config_map("free", &json!({}))).await;
    let terminating = scene.delete("/api/v1/namespaces/team", &Value::Null).await.expect(200);
    assert_eq!(terminating["status"]["phase"], "Terminating");
    scene.get(&format!("{maps}/free")).await.expect(404);
    let refused = scene.post(maps, &config_map("late", &json!({}))).await.expect(403);
    assert!(refused["message"].as_str().unwrap().contains("because it is being terminated"), "{refused}");
    scene.merge(&format!("{maps}/held"), &json!({"metadata": {"finalizers": null}})).await.expect(200);
    scene.get("/api/v1/namespaces/team").await.expect(404);
    scene.delete("/api/v1/namespaces/default", &Value::Null).await.expect(403);
}

#[tokio::test]
async fn a_full_namespace_is_deleted_without_deep_recursion() {
    let scene = Scene::new().await;
    for index in 0..3000 {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{index}"), "namespace": "full"}});
        scene.cluster.store().apply(map).await.unwrap();
    }
    scene.delete("/api/v1/namespaces/full", &Value::Null).await.expect(200);
    scene.get("/api/v1/namespaces/full").await.expect(404);
    let left = scene.get("/api/v1/namespaces/full/configmaps").await.expect(200);
    assert_eq!(left["items"], json!([]));
}
