//! The objects without HTTP requests of one's own: for setting up scenes and for simulations.
//!
//! They are those of this process, or those of an API server elsewhere to which somebody else holds the [`Link`].

mod local;
mod remote;

use std::sync::Arc;

use serde_json::Value;

use self::local::{Local, LocalWatch};
pub use self::remote::{Link, Objects};
use self::remote::{Remote, RemoteWatch};
use crate::resources::Gvr;
use crate::status::ApiError;
use crate::store::Store;

/// The manager of what is written through a handle.
const MANAGER: &str = "devcluster";

/// Access to the objects. Clones share them.
#[derive(Clone, Debug)]
pub struct StoreHandle(Place);

#[derive(Clone, Debug)]
enum Place {
    Here(Local),
    Elsewhere(Remote),
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object is new to the watcher.
    Added(Value),
    /// The object changed.
    Modified(Value),
    /// The object is gone; this was its last state.
    Deleted(Value),
}

impl WatchEvent {
    /// The object that the event is about.
    pub fn object(&self) -> &Value {
        match self {
            Self::Added(object) | Self::Modified(object) | Self::Deleted(object) => object,
        }
    }
}

/// Follows the objects of one resource.
#[derive(Debug)]
pub struct StoreWatch(Following);

#[derive(Debug)]
enum Following {
    Here(Box<LocalWatch>),
    Elsewhere(RemoteWatch),
}

impl StoreHandle {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(Place::Here(Local::new(store)))
    }

    /// The objects of the API server at the other end of `link`.
    pub fn elsewhere(link: Arc<dyn Link>) -> Self {
        Self(Place::Elsewhere(Remote::new(link)))
    }

    /// Creates or changes an object to agree with `manifest`, its status included. A namespace that is missing
    /// is created; a namespaced manifest without one goes to `default`.
    pub async fn apply(&self, manifest: Value) -> Result<Value, ApiError> {
        match &self.0 {
            Place::Here(local) => local.apply(manifest),
            Place::Elsewhere(remote) => remote.apply(manifest).await,
        }
    }

    /// Creates an object; one of its name that exists is a refusal.
    pub async fn create(&self, gvr: &Gvr, namespace: &str, manifest: Value) -> Result<Value, ApiError> {
        match &self.0 {
            Place::Here(local) => local.create(gvr, namespace, manifest),
            Place::Elsewhere(remote) => remote.create(gvr, namespace, &manifest).await,
        }
    }

    /// The object, or `None` if there is none.
    pub async fn get(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        match &self.0 {
            Place::Here(local) => local.get(gvr, namespace, name),
            Place::Elsewhere(remote) => remote.get(gvr, namespace, name).await,
        }
    }

    /// All objects of a resource; an empty namespace means all namespaces.
    pub async fn list(&self, gvr: &Gvr, namespace: &str) -> Result<Vec<Value>, ApiError> {
        match &self.0 {
            Place::Here(local) => local.list(gvr, namespace),
            Place::Elsewhere(remote) => Ok(remote.list(gvr, namespace).await?.0),
        }
    }

    /// Follows a resource: first every object as added, then what happens. An empty namespace means all.
    pub async fn watch(&self, gvr: &Gvr, namespace: &str) -> Result<StoreWatch, ApiError> {
        Ok(StoreWatch(match &self.0 {
            Place::Here(local) => Following::Here(Box::new(local.watch(gvr, namespace)?)),
            Place::Elsewhere(remote) => Following::Elsewhere(remote.watch(gvr, namespace).await?),
        }))
    }

    /// Changes an object by a JSON merge patch.
    pub async fn merge(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        match &self.0 {
            Place::Here(local) => local.merge(gvr, namespace, name, patch),
            Place::Elsewhere(remote) => remote.merge(gvr, namespace, name, patch).await,
        }
    }

    /// Replaces the status of an object. A `resourceVersion` in `object` must be the current one.
    pub async fn replace_status(&self, gvr: &Gvr, object: Value) -> Result<Value, ApiError> {
        match &self.0 {
            Place::Here(local) => local.replace_status(gvr, object),
            Place::Elsewhere(remote) => remote.replace_status(gvr, &object).await,
        }
    }

    /// Deletes an object, with everything it owns. False if there is none. Elsewhere, what it owns is the
    /// garbage collector's, if there is one.
    pub async fn delete(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<bool, ApiError> {
        match &self.0 {
            Place::Here(local) => local.delete(gvr, namespace, name),
            Place::Elsewhere(remote) => remote.delete(gvr, namespace, name).await,
        }
    }
}

impl StoreWatch {
    /// Waits for the next event. `None` if the watcher was too slow, or the connection broke, and it must begin
    /// again.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        match &mut self.0 {
            Following::Here(watch) => watch.next().await,
            Following::Elsewhere(watch) => watch.next().await,
        }
    }
}
