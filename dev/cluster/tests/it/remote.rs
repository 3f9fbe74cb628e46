//! A remote handle and a local handle behave the same. Both lead to the same cluster here.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use trigger_devcluster::{ApiError, DevCluster, Gvr, StoreHandle, Transport, WatchEvent, WatchEvents};

use crate::scene::{builder, client_for, run};

struct HttpTransport(kube::Client);

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTransport")
    }
}

fn api_error(error: &kube::Error) -> ApiError {
    let kube::Error::Api(status) = error else { panic!("{error}") };
    ApiError {
        code: status.code,
        reason: status.reason.clone(),
        message: status.message.clone(),
        details: Value::Null,
        retry_after: None,
        plain_text: false,
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<Value, ApiError>> {
        self.0.request(request).map(|result| result.map_err(|error| api_error(&error))).boxed()
    }

    fn watch(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<WatchEvents, ApiError>> {
        async move {
            let events = self.0.request_events::<Value>(request).await.map_err(|error| api_error(&error))?;
            let events = events.filter_map(|event| async {
                match event.unwrap() {
                    kube::core::WatchEvent::Added(object) => Some(WatchEvent::Added(object)),
                    kube::core::WatchEvent::Modified(object) => Some(WatchEvent::Modified(object)),
                    kube::core::WatchEvent::Deleted(object) => Some(WatchEvent::Deleted(object)),
                    _ => None,
                }
            });
            Ok(events.boxed())
        }
        .boxed()
    }
}

fn over_http(cluster: &DevCluster) -> StoreHandle {
    StoreHandle::remote(Arc::new(HttpTransport(client_for(cluster))))
}

fn gvr(text: &str) -> Gvr {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_reached_over_a_transport() {
    let cluster = DevCluster::builder().start().await.unwrap();
    let (remote, local) = (over_http(&cluster), cluster.store());
    let configs = gvr("v1/configmaps");
    let manifest = |value: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "team-a", "name": "c"}, "data": {"key": value}})
    };
    assert!(remote.get(&configs, "team-a", "c").await.unwrap().is_none());
    remote.apply(manifest("one")).await.unwrap();
    let mut watch = remote.watch(&configs, "team-a").await.unwrap();
    let event = watch.next().await.unwrap();
    assert!(matches!(&event, WatchEvent::Added(object) if object["data"]["key"] == "one"), "{event:?}");
    assert_eq!(event.object()["kind"], "ConfigMap", "listed objects have a kind");
    remote.merge(&configs, "team-a", "c", &json!({"data": {"key": "two"}})).await.unwrap();
    let event = watch.next().await.unwrap();
    assert!(matches!(&event, WatchEvent::Modified(object) if object["data"]["key"] == "two"), "{event:?}");
    assert_eq!(local.get(&configs, "team-a", "c").await.unwrap().unwrap()["data"]["key"], "two");
    let conflict = remote.create(&configs, "team-a", manifest("three")).await.unwrap_err();
    assert_eq!((conflict.code, conflict.reason.as_str()), (409, "AlreadyExists"));
    assert!(remote.delete(&configs, "team-a", "c").await.unwrap());
    assert!(!remote.delete(&configs, "team-a", "c").await.unwrap());
    assert!(matches!(watch.next().await.unwrap(), WatchEvent::Deleted(_)));
    let unknown = json!({"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "n"}});
    assert_eq!(remote.apply(unknown).await.unwrap_err().code, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_replaced_over_a_transport() {
    let cluster = builder().start().await.unwrap();
    let (remote, local) = (over_http(&cluster), cluster.store());
    let runs = gvr("shipwright.io/v1beta1/buildruns");
    let mut run =
        remote.create(&runs, "default", run("r", &json!({"build": {"name": "web"}}))).await.unwrap();
    run["status"] = json!({"startTime": "2026-01-01T00:00:00Z"});
    remote.replace_status(&runs, run.clone()).await.unwrap();
    let status = local.get(&runs, "default", "r").await.unwrap().unwrap()["status"].take();
    assert_eq!(status, run["status"]);
    let stale = remote.replace_status(&runs, run).await.unwrap_err();
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
}
