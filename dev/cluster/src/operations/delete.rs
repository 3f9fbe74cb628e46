//! Deleting objects: preconditions, finalizers, propagation.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::read::{ListOptions, list};
use super::update::{ATTEMPTS, check_preconditions, current};
use super::{Target, cascade};
use crate::identity;
use crate::resources::Strategy;
use crate::status::ApiError;
use crate::store::{Expect, Object, Store, StoreError, Write};

/// Deletion of dependents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Propagation {
    /// After the owner.
    #[default]
    Background,
    /// Before the owner.
    Foreground,
    /// Dependents stay, without the reference to the owner.
    Orphan,
}

/// The body of a deletion, `DeleteOptions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DeleteOptions {
    pub(crate) propagation_policy: Option<Propagation>,
    pub(crate) orphan_dependents: Option<bool>,
    pub(crate) preconditions: Option<Value>,
    pub(crate) dry_run: Vec<String>,
}

/// The result of a deletion.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The object has been deleted; its last state.
    Gone(Arc<Object>),
    /// The object waits for its finalizers.
    Terminating(Arc<Object>),
}

/// Deletes an object.
pub(crate) fn delete(store: &Store, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
    let preconditions = json!({"metadata": options.preconditions});
    let id = target.resource.collection();
    for _ in 0..ATTEMPTS {
        let current = current(store, target)?;
        check_preconditions(target, &current, &preconditions)?;
        check_protected(target)?;
        let terminating = terminating(target, &current, options.policy());
        if !options.dry_run.is_empty() {
            return Ok(terminating.map_or(Deleted::Gone(Arc::clone(&current)), |value| {
                Deleted::Terminating(super::dry_run_object(value, current.revision))
            }));
        }
        let write = match terminating {
            Some(value) if value == current.value => return Ok(Deleted::Terminating(current)),
            Some(value) => Write::Put(value),
            None => Write::Remove,
        };
        let removed = matches!(write, Write::Remove);
        match store.commit(&id, &target.key(), Expect::At(current.revision), write) {
            Ok(object) if removed => {
                cascade::after_removal(store, &object);
                return Ok(Deleted::Gone(object));
            }
            Ok(object) => {
                let last = cascade::after_change(store, target, &object);
                return Ok(last.map_or(Deleted::Terminating(object), Deleted::Gone));
            }
            Err(StoreError::Stale) => {}
            Err(_) => return Err(ApiError::unknown_resource()),
        }
    }
    Err(ApiError::modified(&target.resource.name, &target.name))
}

/// Deletes and returns all objects that a list with these options returns.
pub(crate) fn delete_collection(
    store: &Store,
    target: &Target,
    selected: &ListOptions,
    options: &DeleteOptions,
) -> Result<Vec<Arc<Object>>, ApiError> {
    let listed = list(store, target, selected)?;
    for object in &listed.objects {
        let text = |key: &str| object.value["metadata"][key].as_str().unwrap_or_default().to_owned();
        let each = Target { namespace: text("namespace"), name: text("name"), ..target.clone() };
        match delete(store, &each, options) {
            Err(error) if error.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(listed.objects)
}

impl DeleteOptions {
    fn policy(&self) -> Propagation {
        let orphan = self.orphan_dependents == Some(true);
        self.propagation_policy.unwrap_or(if orphan { Propagation::Orphan } else { Propagation::Background })
    }
}

fn check_protected(target: &Target) -> Result<(), ApiError> {
    if target.resource.strategy == Strategy::Namespace
        && matches!(target.name.as_str(), "default" | "kube-system")
    {
        return Err(ApiError::forbidden(
            &target.resource.name,
            &target.name,
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}

/// The object with a deletion timestamp, or `None` if no finalizer keeps it.
fn terminating(target: &Target, current: &Object, policy: Propagation) -> Option<Value> {
    let mut value = current.value.clone();
    let mut finalizers: Vec<String> = current.finalizers().map(str::to_owned).collect();
    let add = match policy {
        Propagation::Background => None,
        Propagation::Foreground => Some(cascade::FOREGROUND),
        Propagation::Orphan => Some(cascade::ORPHAN),
    };
    finalizers.extend(
        add.filter(|name| !current.is_terminating() && !current.finalizers().any(|f| f == *name))
            .map(str::to_owned),
    );
    if target.resource.strategy == Strategy::Definition && !finalizers.iter().any(|f| f == cascade::CLEAN_UP)
    {
        finalizers.push(cascade::CLEAN_UP.to_owned());
    }
    let is_namespace = target.resource.strategy == Strategy::Namespace;
    if finalizers.is_empty() && !is_namespace {
        return None;
    }
    if !current.is_terminating() {
        value["metadata"]["deletionTimestamp"] = identity::now().into();
        value["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        if let Some(generation) = current.value["metadata"]["generation"].as_i64() {
            value["metadata"]["generation"] = (generation + 1).into();
        }
    }
    if !finalizers.is_empty() {
        value["metadata"]["finalizers"] = finalizers.into();
    }
    if is_namespace {
        value["status"]["phase"] = "Terminating".into();
    }
    Some(value)
}
