//! The objects of this process, through the same operations as HTTP requests but without faults and counters.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{MANAGER, WatchEvent};
use crate::gvr::Gvr;
use crate::operations::{
    self, DeleteOptions, FieldValidation, ListOptions, Subresource, Target, WriteOptions,
};
use crate::patch::PatchKind;
use crate::selector::Selection;
use crate::status::ApiError;
use crate::store::{Cursor, Delta, DeltaKind, Store};

/// Access to the objects of a dev cluster.
#[derive(Clone, Debug)]
pub(super) struct Local {
    store: Arc<Store>,
}

/// A watch on the objects of one resource.
#[derive(Debug)]
pub(super) struct LocalWatch {
    store: Arc<Store>,
    target: Target,
    cursor: Cursor,
    pending: VecDeque<Delta>,
}

impl Local {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    fn target(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<Target, ApiError> {
        let registry = self.store.registry();
        let resource = registry
            .served(&gvr.group, &gvr.version, &gvr.resource)
            .ok_or_else(ApiError::unknown_resource)?;
        let namespace = if resource.namespaced { namespace } else { "" };
        Ok(Target {
            resource: Arc::clone(resource),
            version: gvr.version.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: Subresource::None,
        })
    }

    pub(super) fn apply(&self, manifest: Value) -> Result<Value, ApiError> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let registry = self.store.registry();
        let (resource, version) =
            registry.of_kind(text("/apiVersion"), text("/kind")).ok_or_else(ApiError::unknown_resource)?;
        let namespace = match text("/metadata/namespace") {
            _ if !resource.namespaced => "",
            "" => "default",
            named => named,
        };
        if resource.namespaced {
            self.ensure_namespace(namespace)?;
        }
        let gvr = Gvr::new(resource.name.group.as_str(), version, resource.name.plural.as_str());
        let target = self.target(&gvr, namespace, text("/metadata/name"))?;
        if target.name.is_empty() {
            return Ok(presented(
                &target,
                operations::create(&self.store, &target, manifest, &options())?.object.value.clone(),
            ));
        }
        let mut written = operations::patch(&self.store, &target, PatchKind::Apply, &manifest, &options())?;
        let has_status = target.resource.version(&target.version).is_some_and(|v| v.status);
        if has_status && target.resource.is_custom() && manifest.get("status").is_some() {
            let target = Target { subresource: Subresource::Status, ..target.clone() };
            written = operations::patch(&self.store, &target, PatchKind::Apply, &manifest, &options())?;
        }
        Ok(presented(&target, written.object.value.clone()))
    }

    pub(super) fn create(&self, gvr: &Gvr, namespace: &str, manifest: Value) -> Result<Value, ApiError> {
        let target = self.target(gvr, namespace, "")?;
        let written = operations::create(&self.store, &target, manifest, &options())?;
        Ok(presented(&target, written.object.value.clone()))
    }

    fn ensure_namespace(&self, name: &str) -> Result<(), ApiError> {
        let target = self.target(&Gvr::new("", "v1", "namespaces"), "", name)?;
        if operations::get(&self.store, &target).is_ok() {
            return Ok(());
        }
        match operations::create(&self.store, &target, json!({"metadata": {"name": name}}), &options()) {
            Err(error) if error.reason != "AlreadyExists" => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn get(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        let target = self.target(gvr, namespace, name)?;
        match operations::get(&self.store, &target) {
            Ok(object) => Ok(Some(presented(&target, object.value.clone()))),
            Err(error) if error.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn list(&self, gvr: &Gvr, namespace: &str) -> Result<Vec<Value>, ApiError> {
        let target = self.target(gvr, namespace, "")?;
        let listed = operations::list(&self.store, &target, &ListOptions::default())?;
        Ok(listed.objects.iter().map(|object| presented(&target, object.value.clone())).collect())
    }

    pub(super) fn watch(&self, gvr: &Gvr, namespace: &str) -> Result<LocalWatch, ApiError> {
        let target = self.target(gvr, namespace, "")?;
        LocalWatch::begin(Arc::clone(&self.store), target)
    }

    pub(super) fn merge(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        let target = self.target(gvr, namespace, name)?;
        let written = operations::patch(&self.store, &target, PatchKind::Merge, patch, &options())?;
        Ok(presented(&target, written.object.value.clone()))
    }

    pub(super) fn replace_status(&self, gvr: &Gvr, object: Value) -> Result<Value, ApiError> {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let target = Target {
            subresource: Subresource::Status,
            ..self.target(gvr, &text("namespace"), &text("name"))?
        };
        let written = operations::update(&self.store, &target, object, &options())?;
        Ok(presented(&target, written.object.value.clone()))
    }

    pub(super) fn delete(&self, gvr: &Gvr, namespace: &str, name: &str) -> Result<bool, ApiError> {
        let target = self.target(gvr, namespace, name)?;
        match operations::delete(&self.store, &target, &DeleteOptions::default()) {
            Ok(_) => Ok(true),
            Err(error) if error.code == 404 => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A stored object at the target's version.
fn presented(target: &Target, mut stored: Value) -> Value {
    target.resource.present(&target.version, &mut stored);
    stored
}

fn options() -> WriteOptions {
    WriteOptions {
        manager: MANAGER.to_owned(),
        dry_run: false,
        validation: FieldValidation::Ignore,
        force: true,
    }
}

impl LocalWatch {
    fn begin(store: Arc<Store>, target: Target) -> Result<Self, ApiError> {
        let listed = operations::list(&store, &target, &ListOptions::default())?;
        let cursor = store
            .follow(&target.resource.collection(), &target.namespace, Selection::default(), listed.revision)
            .map_err(|_| ApiError::expired("the history was compacted while the watch started"))?;
        let added = |object| Delta { kind: DeltaKind::Added, object };
        let pending = listed.objects.into_iter().map(added).collect();
        Ok(Self { store, target, cursor, pending })
    }

    pub(super) async fn next(&mut self) -> Option<WatchEvent> {
        while self.pending.is_empty() {
            self.cursor.changed().await;
            self.pending.extend(self.cursor.read(&self.store).ok()?);
        }
        let delta = self.pending.pop_front()?;
        let mut object = delta.object.value.clone();
        self.target.resource.present(&self.target.version, &mut object);
        Some(match delta.kind {
            DeltaKind::Added => WatchEvent::Added(object),
            DeltaKind::Modified => WatchEvent::Modified(object),
            DeltaKind::Deleted => WatchEvent::Deleted(object),
        })
    }
}
