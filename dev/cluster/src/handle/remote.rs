//! The objects of an API server behind a [`Transport`].
//!
//! This crate has no HTTP client. The caller has one and implements the transport; requests are built here.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{Method, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{MANAGER, WatchEvent};
use crate::gvr::Gvr;
use crate::status::ApiError;

const MERGE: &str = "application/merge-patch+json";
/// YAML; JSON is valid YAML.
const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";

/// The events of a watch.
pub type WatchEvents = BoxStream<'static, WatchEvent>;

/// Sends requests to an API server, with the rights of an administrator. URIs are paths without a host.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request and returns the JSON body of a successful response.
    fn send(&self, request: Request<Vec<u8>>) -> BoxFuture<'_, Result<Value, ApiError>>;

    /// Starts a watch. The stream ends at the first error.
    fn watch(&self, request: Request<Vec<u8>>) -> BoxFuture<'_, Result<WatchEvents, ApiError>>;
}

/// Access to the objects behind a transport.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    transport: Arc<dyn Transport>,
}

impl Remote {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    pub(super) async fn apply(&self, manifest: Value) -> Result<Value, ApiError> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (gvr, namespaced) = self.resource(text("/apiVersion"), text("/kind")).await?;
        let namespace = match text("/metadata/namespace") {
            _ if !namespaced => "",
            "" => "default",
            named => named,
        };
        if namespaced {
            self.ensure_namespace(namespace).await?;
        }
        let name = text("/metadata/name");
        if name.is_empty() {
            return self.create(&gvr, namespace, &manifest).await;
        }
        let patch = |part: &str| {
            let query = format!("{part}?fieldManager={MANAGER}&force=true");
            self.send(Method::PATCH, path(&gvr, namespace, name) + &query, APPLY, &manifest)
        };
        let written = patch("").await?;
        if manifest.get("status").is_none() {
            return Ok(written);
        }
        match patch("/status").await {
            // The resource has no subresource `status`.
            Err(error) if error.code == 404 => Ok(written),
            other => other,
        }
    }

    /// The resource of a kind, and whether it is namespaced.
    async fn resource(&self, api_version: &str, kind: &str) -> Result<(Gvr, bool), ApiError> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let served = self.send(Method::GET, root(group, version), JSON, &Value::Null).await?;
        let resources = served["resources"].as_array().into_iter().flatten();
        let plural = |resource: &Value| resource["name"].as_str().map(str::to_owned);
        let found = resources
            .filter(|resource| resource["kind"] == kind)
            .filter_map(|resource| Some((plural(resource)?, resource["namespaced"] == true)))
            .find(|(plural, _)| !plural.contains('/'));
        let (plural, namespaced) = found.ok_or_else(ApiError::unknown_resource)?;
        Ok((Gvr::new(group, version, plural), namespaced))
    }

    async fn ensure_namespace(&self, name: &str) -> Result<(), ApiError> {
        let namespaces = Gvr::new("", "v1", "namespaces");
        if self.get(&namespaces, "", name).await?.is_some() {
            return Ok(());
        }
        match self.create(&namespaces, "", &json!({"metadata": {"name": name}})).await {
            Err(error) if error.reason != "AlreadyExists" => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn create(&self, gvr: &Gvr, namespace: &str, object: &Value) -> Result<Value, ApiError> {
        self.send(Method::POST, path(gvr, namespace, ""), JSON, object).await
    }

    pub(super) async fn get(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ApiError> {
        none_if_missing(self.send(Method::GET, path(gvr, namespace, name), JSON, &Value::Null).await)
    }

    /// The objects, and the resource version of the list.
    pub(super) async fn list(&self, gvr: &Gvr, namespace: &str) -> Result<(Vec<Value>, String), ApiError> {
        let mut listed = self.send(Method::GET, path(gvr, namespace, ""), JSON, &Value::Null).await?;
        let version = listed["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        // Items of lists of built-in kinds have no `kind` and `apiVersion`.
        let kind = listed["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).map(str::to_owned);
        let api_version = listed["apiVersion"].take();
        let mut objects = match listed["items"].take() {
            Value::Array(objects) => objects,
            _ => Vec::new(),
        };
        for object in objects.iter_mut().filter(|object| object.get("kind").is_none()) {
            object["kind"] = json!(kind);
            object["apiVersion"] = api_version.clone();
        }
        Ok((objects, version))
    }

    pub(super) async fn watch(&self, gvr: &Gvr, namespace: &str) -> Result<RemoteWatch, ApiError> {
        let (listed, version) = self.list(gvr, namespace).await?;
        let query = format!("?watch=true&resourceVersion={version}");
        let events = self.transport.watch(request(
            Method::GET,
            path(gvr, namespace, "") + &query,
            JSON,
            &Value::Null,
        )?);
        let pending = listed.into_iter().map(WatchEvent::Added).collect();
        Ok(RemoteWatch { pending, events: events.await? })
    }

    pub(super) async fn merge(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        self.send(Method::PATCH, path(gvr, namespace, name), MERGE, patch).await
    }

    pub(super) async fn replace_status(&self, gvr: &Gvr, object: &Value) -> Result<Value, ApiError> {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        let path = path(gvr, text("namespace"), text("name")) + "/status";
        self.send(Method::PUT, path, JSON, object).await
    }

    pub(super) async fn delete(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<bool, ApiError> {
        let deleted = self.send(Method::DELETE, path(gvr, namespace, name), JSON, &Value::Null).await;
        Ok(none_if_missing(deleted)?.is_some())
    }

    async fn send(&self, method: Method, path: String, media: &str, body: &Value) -> Result<Value, ApiError> {
        self.transport.send(request(method, path, media, body)?).await
    }
}

fn request(method: Method, path: String, media: &str, body: &Value) -> Result<Request<Vec<u8>>, ApiError> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, media).body(body);
    request.map_err(|error| ApiError::bad_request(error.to_string()))
}

fn none_if_missing(result: Result<Value, ApiError>) -> Result<Option<Value>, ApiError> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// The path of an object, or of the collection without a name. Without a namespace: of all namespaces.
fn path(gvr: &Gvr, namespace: &str, name: &str) -> String {
    let mut path = root(&gvr.group, &gvr.version);
    if !namespace.is_empty() {
        path.push_str("/namespaces/");
        path.push_str(namespace);
    }
    path.push('/');
    path.push_str(&gvr.resource);
    if !name.is_empty() {
        path.push('/');
        path.extend(utf8_percent_encode(name, NON_ALPHANUMERIC));
    }
    path
}

/// A watch on the objects of one resource.
pub(super) struct RemoteWatch {
    pending: VecDeque<WatchEvent>,
    events: WatchEvents,
}

impl RemoteWatch {
    pub(super) async fn next(&mut self) -> Option<WatchEvent> {
        match self.pending.pop_front() {
            Some(event) => Some(event),
            None => self.events.next().await,
        }
    }
}

impl fmt::Debug for RemoteWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteWatch").field("pending", &self.pending).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_paths() {
        let (builds, secrets) =
            (Gvr::new("shipwright.io", "v1beta1", "builds"), Gvr::new("", "v1", "secrets"));
        let cases = [
            (path(&builds, "", ""), "/apis/shipwright.io/v1beta1/builds"),
            (path(&builds, "a", ""), "/apis/shipwright.io/v1beta1/namespaces/a/builds"),
            (path(&builds, "a", "web"), "/apis/shipwright.io/v1beta1/namespaces/a/builds/web"),
            (path(&secrets, "a", "a/b"), "/api/v1/namespaces/a/secrets/a%2Fb"),
            (path(&Gvr::new("", "v1", "namespaces"), "", "a"), "/api/v1/namespaces/a"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
