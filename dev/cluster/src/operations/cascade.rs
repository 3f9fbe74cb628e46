//! Cascading deletion: finalized objects, dependents of deleted owners, contents of namespaces and definitions.
//!
//! On a real cluster controllers do this after the response; here it happens before the response.

use std::sync::Arc;

use serde_json::Value;

use super::Target;
use crate::identity;
use crate::resources::{CollectionId, Strategy};
use crate::store::{Expect, Key, Object, Store, Write};

/// Finalizer that keeps an owner until its dependents are deleted.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer that keeps an owner until its dependents no longer refer to it.
pub(super) const ORPHAN: &str = "orphan";
/// Finalizer that keeps a definition until its objects are deleted.
pub(super) const CLEAN_UP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Attempts of one step against concurrent writers.
const ATTEMPTS: usize = 64;

/// Continues a deletion after its object changed. Returns the last state if the object has been deleted.
pub(super) fn after_change(store: &Store, target: &Target, object: &Arc<Object>) -> Option<Arc<Object>> {
    if !object.is_terminating() {
        return None;
    }
    delete_contents(store, target, object);
    finalize(store, &target.resource.collection(), &target.key())
}

/// Deletes or orphans the objects that block the deletion of a terminating object.
fn delete_contents(store: &Store, target: &Target, object: &Object) {
    let uid = object.uid();
    for finalizer in object.finalizers() {
        match finalizer {
            FOREGROUND => {
                for (id, key) in store.dependents(uid) {
                    delete_dependent(store, &id, &key, uid);
                }
            }
            ORPHAN => {
                for (id, key) in store.dependents(uid) {
                    remove_owner(store, &id, &key, uid);
                }
            }
            CLEAN_UP if target.resource.strategy == Strategy::Definition => {
                let id = collection_of(object);
                for key in store.snapshot(&id).objects.keys() {
                    delete_dependent(store, &id, key, "");
                }
            }
            _ => {}
        }
    }
    if target.resource.strategy == Strategy::Namespace {
        for (id, key) in store.in_namespace(&target.name) {
            delete_dependent(store, &id, &key, "");
        }
    }
}

/// The collection of a definition's objects.
fn collection_of(definition: &Object) -> CollectionId {
    let text = |pointer| definition.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    builtin(text("/spec/group"), text("/spec/names/plural"))
}

/// Deletes a new object if all of its owners have been deleted.
pub(super) fn after_creation(store: &Store, object: &Arc<Object>) {
    if owners(object).is_empty() || has_existing_owner(store, object) {
        return;
    }
    if let Some((id, key)) = store.locate(object.uid()) {
        delete_dependent(store, &id, &key, "");
    }
}

/// Cleans up after a deleted object.
pub(super) fn after_removal(store: &Store, deleted: &Arc<Object>) {
    for (id, key) in store.dependents(deleted.uid()) {
        delete_dependent(store, &id, &key, deleted.uid());
    }
    for owner in owners(deleted).iter().filter_map(|owner| store.locate(owner["uid"].as_str()?)) {
        finalize(store, &owner.0, &owner.1);
    }
    let text = |pointer| deleted.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let namespace = text("/metadata/namespace");
    if !namespace.is_empty() {
        finalize(store, &builtin("", "namespaces"), &Key::cluster_wide(namespace));
    }
    let registry = store.registry();
    if let Some((resource, _)) =
        registry.of_kind(text("/apiVersion"), text("/kind")).filter(|(r, _)| r.is_custom())
    {
        let definitions = builtin("apiextensions.k8s.io", "customresourcedefinitions");
        finalize(store, &definitions, &Key::cluster_wide(resource.name.qualified()));
    }
}

fn builtin(group: &str, plural: &str) -> CollectionId {
    CollectionId { group: group.to_owned(), plural: plural.to_owned() }
}

fn owners(object: &Object) -> Vec<&Value> {
    let list = object.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    list.into_iter().flatten().collect()
}

/// Whether an owner exists. An owner of a kind that is not served counts as existing.
fn has_existing_owner(store: &Store, object: &Object) -> bool {
    let registry = store.registry();
    owners(object).iter().any(|owner| {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        store.locate(text("uid")).is_some() || registry.of_kind(text("apiVersion"), text("kind")).is_none()
    })
}

/// Removes the finalizers of a terminating object that are done, or the object if none is left. It deletes no other
/// object, so deletions nest no deeper than owners. Returns the object's last state if it has been deleted.
fn finalize(store: &Store, id: &CollectionId, key: &Key) -> Option<Arc<Object>> {
    for _ in 0..ATTEMPTS {
        let current = store.get(id, key).filter(|object| object.is_terminating())?;
        let registry = store.registry();
        let strategy = registry.find(&id.group, &id.plural)?.strategy;
        let mut kept: Vec<&str> = Vec::new();
        for finalizer in current.finalizers() {
            let done = match finalizer {
                FOREGROUND => !is_blocked(store, &current),
                ORPHAN => true,
                CLEAN_UP if strategy == Strategy::Definition => {
                    store.snapshot(&collection_of(&current)).objects.is_empty()
                }
                _ => false,
            };
            if !done {
                kept.push(finalizer);
            }
        }
        if strategy == Strategy::Namespace && !store.is_namespace_empty(&key.name) {
            return None;
        }
        let write = if kept.is_empty() {
            Write::Remove
        } else if kept.len() == current.finalizers().count() {
            return None;
        } else {
            let mut value = current.value.clone();
            value["metadata"]["finalizers"] = kept.into();
            Write::Put(value)
        };
        let removed = matches!(write, Write::Remove);
        if let Ok(object) = store.commit(id, key, Expect::At(current.revision), write) {
            if removed {
                after_removal(store, &object);
                return Some(object);
            }
            return None;
        }
    }
    None
}

/// Whether a dependent blocks the foreground deletion of `owner`.
fn is_blocked(store: &Store, owner: &Object) -> bool {
    let blocks = |object: &Object| {
        let mut references = owners(object).into_iter().filter(|o| o["uid"] == owner.uid());
        references.any(|o| o["blockOwnerDeletion"] == true)
    };
    let dependents = store.dependents(owner.uid());
    dependents.iter().any(|(id, key)| store.get(id, key).is_some_and(|object| blocks(&object)))
}

/// Deletes an object whose `owner` has been deleted, or only the reference to it if another owner exists.
fn delete_dependent(store: &Store, id: &CollectionId, key: &Key, owner: &str) {
    for _ in 0..ATTEMPTS {
        let Some(current) = store.get(id, key) else { return };
        let others = owners(&current).into_iter().filter(|o| !owner.is_empty() && o["uid"] != owner);
        if others.into_iter().any(|o| o["uid"].as_str().is_some_and(|uid| store.locate(uid).is_some())) {
            remove_owner(store, id, key, owner);
            return;
        }
        if current.is_terminating() {
            return;
        }
        let write = if current.finalizers().next().is_none() {
            Write::Remove
        } else {
            let mut value = current.value.clone();
            value["metadata"]["deletionTimestamp"] = identity::now().into();
            value["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            Write::Put(value)
        };
        let removed = matches!(write, Write::Remove);
        if let Ok(object) = store.commit(id, key, Expect::At(current.revision), write) {
            if removed {
                after_removal(store, &object);
            }
            return;
        }
    }
}

/// Removes the reference to `owner` from an object.
fn remove_owner(store: &Store, id: &CollectionId, key: &Key, owner: &str) {
    for _ in 0..ATTEMPTS {
        let Some(current) = store.get(id, key) else { return };
        let mut value = current.value.clone();
        if let Some(references) = value["metadata"]["ownerReferences"].as_array_mut() {
            references.retain(|reference| reference["uid"] != owner);
        }
        if store.commit(id, key, Expect::At(current.revision), Write::Put(value)).is_ok() {
            return;
        }
    }
}
