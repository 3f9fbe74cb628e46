//! Persistence, and access to objects within the process.

use serde_json::json;
use trigger_devcluster::{DevCluster, DevClusterError, Gvr, WatchEvent};

use crate::scene::{BUILDS, Scene, build, builder, config_map, version};

#[tokio::test]
async fn objects_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cluster.json");
    let scene = Scene::of(builder().persist(&path)).await;
    let made = scene.made(BUILDS, &build("web")).await;
    scene.cluster.shutdown().await.unwrap();
    let scene = Scene::of(DevCluster::builder().persist(&path)).await;
    assert_eq!(scene.get(&format!("{BUILDS}/web")).await.expect(200), made);
    let old = scene.watch(&format!("{BUILDS}?watch=true&resourceVersion=2")).await.next().await.unwrap();
    assert_eq!(old["object"]["code"], 410);
    let next = scene.made(BUILDS, &build("next")).await;
    assert!(version(&next) > version(&made));
}

#[tokio::test]
async fn a_file_with_other_contents_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cluster.json");
    std::fs::write(&path, "not a cluster").unwrap();
    let error = DevCluster::builder().persist(&path).start().await.unwrap_err();
    assert!(matches!(error, DevClusterError::Persist(_)), "{error}");
}

#[tokio::test]
async fn the_handle_applies_reads_watches_and_deletes() {
    let cluster = builder().start().await.unwrap();
    let store = cluster.store();
    let gvr: Gvr = "shipwright.io/v1beta1/builds".parse().unwrap();
    let mut watch = store.watch(&gvr, "team").await.unwrap();
    let mut manifest = build("web");
    manifest["metadata"]["namespace"] = "team".into();
    manifest["status"] = json!({"registered": "True"});
    let applied = store.apply(manifest.clone()).await.unwrap();
    assert_eq!(applied["status"]["registered"], "True");
    assert_eq!(store.apply(manifest).await.unwrap(), applied);
    assert_eq!(store.get(&gvr, "team", "web").await.unwrap().unwrap(), applied);
    assert_eq!(store.list(&gvr, "").await.unwrap(), [applied]);
    assert!(matches!(watch.next().await, Some(WatchEvent::Added(_))));
    assert!(matches!(watch.next().await, Some(WatchEvent::Modified(_))));
    assert!(store.delete(&gvr, "team", "web").await.unwrap());
    assert!(!store.delete(&gvr, "team", "web").await.unwrap());
    assert!(matches!(watch.next().await, Some(WatchEvent::Deleted(_))));
    assert!(cluster.requests().counts().is_empty());
}

#[tokio::test]
async fn broken_definitions_stop_the_start() {
    let error = DevCluster::builder().crd(config_map("not-a-crd", &json!([1]))).start().await.unwrap_err();
    assert!(matches!(error, DevClusterError::Setup { .. }), "{error}");
}
