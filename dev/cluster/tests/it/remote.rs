//! A handle over a link does what a handle on the objects of the process does: here both lead to one cluster.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use trigger_devcluster::{ApiError, DevCluster, Gvr, Link, Objects, StoreHandle, WatchEvent};

use crate::scene::{builder, client_for, run};

struct Carrier(kube::Client);

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier")
    }
}

fn refusal(error: &kube::Error) -> ApiError {
    let kube::Error::Api(status) = error else { panic!("{error}") };
    ApiError {
        code: status.code,
        reason: status.reason.clone(),
        message: status.message.clone(),
        details: Value::Null,
        retry_after: None,
    }
}

impl Link for Carrier {
    fn send(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<Value, ApiError>> {
        self.0.request(request).map(|answer| answer.map_err(|error| refusal(&error))).boxed()
    }

    fn watch(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<Objects, ApiError>> {
        async move {
            let events = self.0.request_events::<Value>(request).await.map_err(|error| refusal(&error))?;
            let told = events.filter_map(|event| async {
                match event.unwrap() {
                    kube::core::WatchEvent::Added(object) => Some(WatchEvent::Added(object)),
                    kube::core::WatchEvent::Modified(object) => Some(WatchEvent::Modified(object)),
                    kube::core::WatchEvent::Deleted(object) => Some(WatchEvent::Deleted(object)),
                    _ => None,
                }
            });
            Ok(told.boxed())
        }
        .boxed()
    }
}

fn over_http(cluster: &DevCluster) -> StoreHandle {
    StoreHandle::elsewhere(Arc::new(Carrier(client_for(cluster))))
}

fn gvr(text: &str) -> Gvr {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_reached_over_a_link() {
    let cluster = DevCluster::builder().start().await.unwrap();
    let (far, near) = (over_http(&cluster), cluster.store());
    let configs = gvr("v1/configmaps");
    let manifest = |value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "team-a", "name": "c"}, "data": {"key": value}})
    };
    assert!(far.get(&configs, "team-a", "c").await.unwrap().is_none());
    far.apply(manifest("one")).await.unwrap();
    let mut watch = far.watch(&configs, "team-a").await.unwrap();
    let event = watch.next().await.unwrap();
    assert!(matches!(&event, WatchEvent::Added(object) if object["data"]["key"] == "one"), "{event:?}");
    assert_eq!(event.object()["kind"], "ConfigMap", "what is listed says what it is");
    far.merge(&configs, "team-a", "c", &json!({"data": {"key": "two"}})).await.unwrap();
    let event = watch.next().await.unwrap();
    assert!(matches!(&event, WatchEvent::Modified(object) if object["data"]["key"] == "two"), "{event:?}");
    assert_eq!(near.get(&configs, "team-a", "c").await.unwrap().unwrap()["data"]["key"], "two");
    let refused = far.create(&configs, "team-a", manifest("three")).await.unwrap_err();
    assert_eq!((refused.code, refused.reason.as_str()), (409, "AlreadyExists"));
    assert!(far.delete(&configs, "team-a", "c").await.unwrap());
    assert!(!far.delete(&configs, "team-a", "c").await.unwrap());
    assert!(matches!(watch.next().await.unwrap(), WatchEvent::Deleted(_)));
    let unknown = json!({"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "n"}});
    assert_eq!(far.apply(unknown).await.unwrap_err().code, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_replaced_over_a_link() {
    let cluster = builder().start().await.unwrap();
    let (far, near) = (over_http(&cluster), cluster.store());
    let runs = gvr("shipwright.io/v1beta1/buildruns");
    let mut run = far.create(&runs, "default", run("r", &json!({"build": {"name": "web"}}))).await.unwrap();
    run["status"] = json!({"startTime": "2026-01-01T00:00:00Z"});
    far.replace_status(&runs, run.clone()).await.unwrap();
    let status = near.get(&runs, "default", "r").await.unwrap().unwrap()["status"].take();
    assert_eq!(status, run["status"]);
    let stale = far.replace_status(&runs, run).await.unwrap_err();
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
}
