//! Access to objects without an HTTP client, for tests and simulations.
//!
//! The objects are those of a dev cluster in this process, or those of an API server behind a [`Transport`].

mod local;
mod remote;

use std::sync::Arc;

use serde_json::Value;

use self::local::{Local, LocalWatch};
use self::remote::{Remote, RemoteWatch};
pub use self::remote::{Transport, WatchEvents};
use crate::gvr::Gvr;
use crate::status::ApiError;
use crate::store::Store;

/// Field manager of writes through a handle.
const MANAGER: &str = "devcluster";

/// Access to the objects. Clones share them.
#[derive(Clone, Debug)]
pub struct StoreHandle(Backend);

#[derive(Clone, Debug)]
enum Backend {
    Local(Local),
    Remote(Remote),
}

/// A change of an object.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object is new to the watch.
    Added(Value),
    /// The object changed.
    Modified(Value),
    /// The object has been deleted; its last state.
    Deleted(Value),
}

impl WatchEvent {
    /// The object of the event.
    pub fn object(&self) -> &Value {
        match self {
            Self::Added(object) | Self::Modified(object) | Self::Deleted(object) => object,
        }
    }
}

/// A watch on the objects of one resource.
#[derive(Debug)]
pub struct StoreWatch(WatchBackend);

#[derive(Debug)]
enum WatchBackend {
    Local(Box<LocalWatch>),
    Remote(RemoteWatch),
}

impl StoreHandle {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(Backend::Local(Local::new(store)))
    }

    /// The objects of the API server behind `transport`.
    pub fn remote(transport: Arc<dyn Transport>) -> Self {
        Self(Backend::Remote(Remote::new(transport)))
    }

    /// Applies `manifest` (server-side apply, forced), including its status. Creates a missing namespace; a namespaced
    /// manifest without one goes to `default`.
    pub async fn apply(&self, manifest: Value) -> Result<Value, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.apply(manifest),
            Backend::Remote(remote) => remote.apply(manifest).await,
        }
    }

    /// Creates an object. Fails with 409 if an object of this name exists.
    pub async fn create(&self, gvr: &Gvr, namespace: &str, manifest: Value) -> Result<Value, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.create(gvr, namespace, manifest),
            Backend::Remote(remote) => remote.create(gvr, namespace, &manifest).await,
        }
    }

    /// The object, or `None` if there is none.
    pub async fn get(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.get(gvr, namespace, name),
            Backend::Remote(remote) => remote.get(gvr, namespace, name).await,
        }
    }

    /// All objects of a resource. An empty namespace means all namespaces.
    pub async fn list(&self, gvr: &Gvr, namespace: &str) -> Result<Vec<Value>, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.list(gvr, namespace),
            Backend::Remote(remote) => Ok(remote.list(gvr, namespace).await?.0),
        }
    }

    /// Watches a resource: first every object as added, then changes. An empty namespace means all namespaces.
    pub async fn watch(&self, gvr: &Gvr, namespace: &str) -> Result<StoreWatch, ApiError> {
        Ok(StoreWatch(match &self.0 {
            Backend::Local(local) => WatchBackend::Local(Box::new(local.watch(gvr, namespace)?)),
            Backend::Remote(remote) => WatchBackend::Remote(remote.watch(gvr, namespace).await?),
        }))
    }

    /// Patches an object with a JSON merge patch.
    pub async fn merge(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.merge(gvr, namespace, name, patch),
            Backend::Remote(remote) => remote.merge(gvr, namespace, name, patch).await,
        }
    }

    /// Replaces the status of an object. A `resourceVersion` in `object` must be the current one.
    pub async fn replace_status(&self, gvr: &Gvr, object: Value) -> Result<Value, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.replace_status(gvr, object),
            Backend::Remote(remote) => remote.replace_status(gvr, &object).await,
        }
    }

    /// Deletes an object. False if there is none. A dev cluster also deletes its dependents; a remote API server
    /// leaves them to its garbage collector.
    pub async fn delete(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<bool, ApiError> {
        match &self.0 {
            Backend::Local(local) => local.delete(gvr, namespace, name),
            Backend::Remote(remote) => remote.delete(gvr, namespace, name).await,
        }
    }
}

impl StoreWatch {
    /// Waits for the next event. `None` if the watch fell behind or the connection broke: start another watch.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        match &mut self.0 {
            WatchBackend::Local(watch) => watch.next().await,
            WatchBackend::Remote(watch) => watch.next().await,
        }
    }
}
