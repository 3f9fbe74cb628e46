//! Watches: from any version, with selectors, bookmarks, initial events, and 410.

use serde_json::{Value, json};

use crate::scene::{BUILDS, MAPS, Scene, build, builder, config_map, version};

fn step(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn a_watch_continues_from_any_version() {
    let scene = Scene::new().await;
    let a = scene.made(MAPS, &config_map("a", &json!({}))).await;
    scene.made(MAPS, &config_map("b", &json!({}))).await;
    scene.merge(&format!("{MAPS}/a"), &json!({"data": {"k": "1"}})).await.expect(200);
    let mut watch = scene.watch(&format!("{MAPS}?watch=true&resourceVersion={}", version(&a))).await;
    assert_eq!(watch.step().await, step("ADDED", "b"));
    assert_eq!(watch.step().await, step("MODIFIED", "a"));
    scene.delete(&format!("{MAPS}/a"), &Value::Null).await.expect(200);
    let gone = watch.next().await.unwrap();
    assert_eq!(gone["type"], "DELETED");
    assert!(version(&gone["object"]) > version(&a) + 2);
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_the_existing_objects() {
    let scene = Scene::new().await;
    scene.made(MAPS, &config_map("a", &json!({}))).await;
    let mut watch = scene.watch(&format!("{MAPS}?watch=true")).await;
    assert_eq!(watch.step().await, step("ADDED", "a"));
    scene.made(BUILDS, &build("unrelated")).await;
    scene.made(MAPS, &config_map("b", &json!({}))).await;
    assert_eq!(watch.step().await, step("ADDED", "b"));
}

#[tokio::test]
async fn a_change_of_labels_is_an_addition_or_a_deletion_for_a_selector() {
    let scene = Scene::new().await;
    let labelled = |value: &str| json!({"metadata": {"labels": {"show": value}}});
    let made = scene.made(MAPS, &config_map("a", &json!({}))).await;
    let query = format!("{MAPS}?watch=true&labelSelector=show%3Dyes&resourceVersion={}", version(&made));
    let mut watch = scene.watch(&query).await;
    scene.merge(&format!("{MAPS}/a"), &labelled("yes")).await.expect(200);
    assert_eq!(watch.step().await, step("ADDED", "a"));
    let hidden = scene.merge(&format!("{MAPS}/a"), &labelled("no")).await.expect(200);
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "DELETED");
    assert_eq!(event["object"]["metadata"]["labels"]["show"], "yes");
    assert_eq!(version(&event["object"]), version(&hidden));
    scene.merge(&format!("{MAPS}/a"), &json!({"data": {"k": "unseen"}})).await.expect(200);
    scene.merge(&format!("{MAPS}/a"), &labelled("yes")).await.expect(200);
    assert_eq!(watch.step().await, step("ADDED", "a"));
    let mut named = scene.watch(&format!("{MAPS}?watch=true&fieldSelector=metadata.name%3Db")).await;
    scene.made(MAPS, &config_map("b", &json!({}))).await;
    assert_eq!(named.step().await, step("ADDED", "b"));
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let scene = Scene::new().await;
    scene.made(MAPS, &config_map("a", &json!({}))).await;
    let query =
        "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = scene.watch(&format!("{MAPS}?{query}")).await;
    assert_eq!(watch.step().await, step("ADDED", "a"));
    let bookmark = watch.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(bookmark["object"]["kind"], "ConfigMap");
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let list = scene.get(MAPS).await.expect(200);
    assert_eq!(version(&bookmark["object"]), version(&list));
    scene.made(MAPS, &config_map("b", &json!({}))).await;
    assert_eq!(watch.step().await, step("ADDED", "b"));
    let wrong = scene.get(&format!("{MAPS}?watch=true&sendInitialEvents=true")).await;
    wrong.expect(422);
}

#[tokio::test]
async fn a_watch_ends_after_its_timeout_with_a_bookmark() {
    let scene = Scene::new().await;
    let query = format!("{MAPS}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true");
    let mut watch = scene.watch(&query).await;
    let elsewhere = scene.made(BUILDS, &build("web")).await;
    let bookmark = watch.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert!(version(&bookmark["object"]) >= version(&elsewhere));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_compacted_version_gets_410() {
    let scene = Scene::new().await;
    let first = scene.made(MAPS, &config_map("a", &json!({}))).await;
    let last = scene.made(MAPS, &config_map("b", &json!({}))).await;
    scene.cluster.faults().compact();
    let mut watch = scene.watch(&format!("{MAPS}?watch=true&resourceVersion={}", version(&first))).await;
    let event = watch.next().await.unwrap();
    assert_eq!(event["type"], "ERROR");
    assert_eq!((&event["object"]["code"], &event["object"]["reason"]), (&json!(410), &json!("Expired")));
    assert!(watch.next().await.is_none());
    let mut current = scene.watch(&format!("{MAPS}?watch=true&resourceVersion={}", version(&last))).await;
    scene.made(MAPS, &config_map("c", &json!({}))).await;
    assert_eq!(current.step().await, step("ADDED", "c"));
}

#[tokio::test]
async fn only_the_latest_changes_are_kept() {
    let scene = Scene::of(builder().window(2)).await;
    let first = scene.made(MAPS, &config_map("a", &json!({}))).await;
    for name in ["b", "c", "d"] {
        scene.made(MAPS, &config_map(name, &json!({}))).await;
    }
    let mut watch = scene.watch(&format!("{MAPS}?watch=true&resourceVersion={}", version(&first))).await;
    assert_eq!(watch.next().await.unwrap()["object"]["code"], 410);
}

#[tokio::test]
async fn tables_and_metadata_can_be_watched() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("web")).await;
    scene.made(BUILDS, &build("api")).await;
    let query = format!("{BUILDS}?watch=true");
    let mut tables = scene.watch_as(&query, "application/json;as=Table;v=v1;g=meta.k8s.io").await;
    let (first, second) = (tables.next().await.unwrap(), tables.next().await.unwrap());
    assert_eq!(first["object"]["kind"], "Table");
    assert_eq!(first["object"]["columnDefinitions"][0]["name"], "Name");
    assert_eq!(second["object"]["columnDefinitions"], Value::Null);
    assert_eq!(second["object"]["rows"][0]["cells"][0], "web");
    let mut partial =
        scene.watch_as(&query, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io").await;
    assert_eq!(partial.next().await.unwrap()["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn open_watches_are_dropped_on_request() {
    let scene = Scene::new().await;
    let mut watch = scene.watch(&format!("{MAPS}?watch=true")).await;
    assert_eq!(watch.status, 200);
    scene.cluster.faults().drop_watches();
    assert!(watch.next().await.is_none());
}
