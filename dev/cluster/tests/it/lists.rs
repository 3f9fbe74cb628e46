//! Lists, pages, selectors, tables.

use serde_json::{Value, json};

use crate::scene::{BUILDS, MAPS, Scene, build, config_map, version};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn all_pages_of_a_list_have_one_version() {
    let scene = Scene::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        scene.made(MAPS, &config_map(name, &json!({}))).await;
    }
    let first = scene.get(&format!("{MAPS}?limit=2")).await.expect(200);
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    scene.delete(&format!("{MAPS}/c"), &Value::Null).await.expect(200);
    scene.made(MAPS, &config_map("bb", &json!({}))).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = scene.get(&format!("{MAPS}?limit=2&continue={token}")).await.expect(200);
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let third = scene.get(&format!("{MAPS}?limit=2&continue={token}")).await.expect(200);
    assert_eq!(names(&third), ["e"]);
    assert_eq!(third["metadata"].get("continue"), None);
    assert_eq!(names(&scene.get(MAPS).await.expect(200)), ["a", "b", "bb", "d", "e"]);
}

#[tokio::test]
async fn a_page_of_a_compacted_list_gets_410() {
    let scene = Scene::new().await;
    for name in ["a", "b"] {
        scene.made(MAPS, &config_map(name, &json!({}))).await;
    }
    let first = scene.get(&format!("{MAPS}?limit=1")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap();
    scene.made(MAPS, &config_map("c", &json!({}))).await;
    scene.cluster.faults().compact();
    let expired = scene.get(&format!("{MAPS}?limit=1&continue={token}")).await.expect(410);
    assert_eq!(expired["reason"], "Expired");
    scene.get(&format!("{MAPS}?continue=nonsense")).await.expect(400);
}

#[tokio::test]
async fn lists_have_a_version() {
    let scene = Scene::new().await;
    let made = scene.made(MAPS, &config_map("a", &json!({}))).await;
    let list = scene.get(&format!("{MAPS}?resourceVersion=0")).await.expect(200);
    assert_eq!(version(&list), version(&made));
    let exact = format!("{MAPS}?resourceVersionMatch=Exact&resourceVersion={}", version(&made));
    assert_eq!(names(&scene.get(&exact).await.expect(200)), ["a"]);
    scene.made(MAPS, &config_map("b", &json!({}))).await;
    scene.get(&exact).await.expect(410);
    let later = format!("{MAPS}?resourceVersionMatch=NotOlderThan&resourceVersion={}", version(&made));
    assert_eq!(names(&scene.get(&later).await.expect(200)), ["a", "b"]);
    let future = scene.get(&format!("{MAPS}?resourceVersion=999999")).await.expect(504);
    assert_eq!(future["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}

#[tokio::test]
async fn label_selectors_select() {
    let scene = Scene::new().await;
    for (name, labels) in [
        ("a", json!({"app": "web", "tier": "front"})),
        ("b", json!({"app": "web"})),
        ("c", json!({"app": "db", "tier": "back"})),
        ("d", json!({})),
    ] {
        scene.made(MAPS, &json!({"metadata": {"name": name, "labels": labels}})).await;
    }
    let cases: &[(&str, &[&str])] = &[
        ("app=web", &["a", "b"]),
        ("app==web,tier", &["a"]),
        ("app!=web", &["c", "d"]),
        ("app in (web, db),!tier", &["b"]),
        ("tier notin (front)", &["b", "c", "d"]),
        ("!app", &["d"]),
        ("app", &["a", "b", "c"]),
        ("", &["a", "b", "c", "d"]),
    ];
    for (selector, expected) in cases {
        let query: String = form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let list = scene.get(&format!("{MAPS}?labelSelector={query}")).await.expect(200);
        assert_eq!(names(&list), *expected, "{selector}");
    }
    scene.get(&format!("{MAPS}?labelSelector=a%20b")).await.expect(400);
}

#[tokio::test]
async fn field_selectors_select() {
    let scene = Scene::new().await;
    scene.made("/api/v1/namespaces", &json!({"metadata": {"name": "other"}})).await;
    for path in [MAPS, "/api/v1/namespaces/other/configmaps"] {
        scene.made(path, &config_map("a", &json!({}))).await;
        scene.made(path, &config_map("b", &json!({}))).await;
    }
    let count = async |query: &str| {
        scene.get(&format!("/api/v1/configmaps?fieldSelector={query}")).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count("metadata.name=a").await, 2);
    assert_eq!(count("metadata.name%3Da,metadata.namespace%3Dother").await, 1);
    assert_eq!(count("metadata.namespace!%3Dother").await, 2);
    assert_eq!(names(&scene.get(&format!("{MAPS}?fieldSelector=metadata.name=b")).await.expect(200)), ["b"]);
    let refused = scene.get(&format!("{MAPS}?fieldSelector=data.k=1")).await.expect(400);
    assert_eq!(refused["message"], "field label not supported: data.k");
}

#[tokio::test]
async fn tables_have_the_columns_of_the_definition() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("web")).await;
    scene
        .merge(&format!("{BUILDS}/web/status"), &json!({"status": {"registered": "True"}}))
        .await
        .expect(200);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let table = scene.get_as(BUILDS, accept).await.expect(200);
    let columns: Vec<&str> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["Name", "Registered", "Reason", "Image", "CreationTime"]);
    let cells = &table["rows"][0]["cells"];
    assert_eq!((&cells[0], &cells[1], &cells[2]), (&json!("web"), &json!("True"), &json!("")));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn metadata_can_be_requested_alone() {
    let scene = Scene::new().await;
    scene.made(BUILDS, &build("web")).await;
    let accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let list = scene.get_as(BUILDS, accept).await.expect(200);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "web");
    assert_eq!(list["items"][0].get("spec"), None);
    scene.get_as(BUILDS, "application/vnd.kubernetes.protobuf").await.expect(406);
}

#[tokio::test]
async fn collections_are_deleted_by_selection() {
    let scene = Scene::new().await;
    for (name, labels) in [("a", json!({"go": "yes"})), ("b", json!({}))] {
        scene.made(MAPS, &json!({"metadata": {"name": name, "labels": labels}})).await;
    }
    let gone = scene.delete(&format!("{MAPS}?labelSelector=go=yes"), &Value::Null).await.expect(200);
    assert_eq!(names(&gone), ["a"]);
    assert_eq!(names(&scene.get(MAPS).await.expect(200)), ["b"]);
}
