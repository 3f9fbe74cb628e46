//! A cluster with the definitions of Build and BuildRun, and a client that returns raw responses.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, DevClusterBuilder};

/// Longer than any state in these tests takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const BUILDS: &str = "/apis/shipwright.io/v1beta1/namespaces/default/builds";
pub(crate) const RUNS: &str = "/apis/shipwright.io/v1beta1/namespaces/default/buildruns";
pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";

pub(crate) struct Scene {
    pub(crate) cluster: DevCluster,
    pub(crate) client: kube::Client,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Response {
    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.headers.get_all("warning").iter().map(|value| value.to_str().unwrap()).collect()
    }
}

pub(crate) fn definitions() -> [Value; 2] {
    [include_str!("fixtures/builds.yaml"), include_str!("fixtures/buildruns.yaml")]
        .map(|text| serde_saphyr::from_str(text).unwrap())
}

pub(crate) fn builder() -> DevClusterBuilder {
    DevCluster::builder().crds(definitions())
}

pub(crate) fn build(name: &str) -> Value {
    json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": {"name": name},
        "spec": {"strategy": {"name": "buildah"}, "output": {"image": "registry.example/web:latest"}}})
}

pub(crate) fn run(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "metadata": {"name": name}, "spec": spec})
}

pub(crate) fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub(crate) fn client_for(cluster: &DevCluster) -> kube::Client {
    let mut config = kube::Config::new(cluster.url().parse().unwrap());
    // The tests check the responses of the server, not the retries of the client.
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(builder()).await
    }

    pub(crate) async fn of(builder: DevClusterBuilder) -> Self {
        let cluster = builder.start().await.unwrap();
        let client = client_for(&cluster);
        Self { cluster, client }
    }

    pub(crate) async fn call(&self, request: http::Request<Vec<u8>>) -> Response {
        let response = self.client.send(request.map(Body::from)).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Response { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn send(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Response {
        let request = http::Request::builder().method(method).uri(path).header("content-type", content_type);
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        self.call(request.header("user-agent", "tester/1.0").body(body).unwrap()).await
    }

    /// Sends a JSON request with these headers.
    pub(crate) async fn with_headers(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &Value,
    ) -> Response {
        let request = http::Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let body = body.to_string().into();
        self.call(request.header("content-type", "application/json").body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send("GET", path, "application/json", &Value::Null).await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Response {
        self.call(http::Request::builder().uri(path).header("accept", accept).body(Vec::new()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, "application/json", body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        self.send("PUT", path, "application/json", body).await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Response {
        self.send("DELETE", path, "application/json", options).await
    }

    pub(crate) async fn merge(&self, path: &str, patch: &Value) -> Response {
        self.send("PATCH", path, "application/merge-patch+json", patch).await
    }

    pub(crate) async fn patch(&self, path: &str, kind: &str, patch: &Value) -> Response {
        self.send("PATCH", path, &format!("application/{kind}"), patch).await
    }

    pub(crate) async fn apply(&self, path: &str, manager: &str, config: &Value) -> Response {
        let path = format!("{path}?fieldManager={manager}");
        self.patch(&path, "apply-patch+yaml", config).await
    }

    /// Creates an object of a collection that must succeed.
    pub(crate) async fn made(&self, path: &str, body: &Value) -> Value {
        self.post(path, body).await.expect(201)
    }

    /// Opens a watch; `path` carries the query.
    pub(crate) async fn watch(&self, path: &str) -> Watch {
        self.watch_as(path, "application/json").await
    }

    pub(crate) async fn watch_as(&self, path: &str, accept: &str) -> Watch {
        let request =
            http::Request::builder().uri(path).header("accept", accept).body(Body::empty()).unwrap();
        let response = self.client.send(request).await.unwrap();
        let status = response.status().as_u16();
        Watch { status, body: response.into_body(), buffer: Vec::new() }
    }
}

pub(crate) struct Watch {
    pub(crate) status: u16,
    body: Body,
    buffer: Vec<u8>,
}

impl Watch {
    /// The next event, or `None` when the watch has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(DEADLINE, self.body.frame()).await.expect("no event in time");
            match frame {
                Some(Ok(frame)) => self.buffer.extend_from_slice(frame.data_ref().unwrap()),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Type and name of the next event.
    pub(crate) async fn step(&mut self) -> (String, String) {
        let event = self.next().await.expect("the watch ended");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

/// Polls until `check` returns a value.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    state: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let wait = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not within the deadline: {state}"))
}

pub(crate) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}
