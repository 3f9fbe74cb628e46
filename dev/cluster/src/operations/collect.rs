//! What follows from a change: finalized objects go, owned objects go with their owner, emptied namespaces and
//! definitions go.
//!
//! On a real cluster controllers do this a moment later; here it is done before the request is answered.

use std::sync::Arc;

use serde_json::Value;

use super::Target;
use crate::identity;
use crate::resources::{CollectionId, Role};
use crate::store::{Expect, Key, Object, Store, Write};

/// Keeps an owner until its dependents are gone.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Keeps an owner until its dependents have forgotten it.
pub(super) const ORPHAN: &str = "orphan";
/// Keeps a definition until its objects are gone.
pub(super) const CLEAN_UP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// How often one step is tried against concurrent writers.
const ATTEMPTS: usize = 64;

/// Continues a deletion after its object changed. Returns the last state if the object is gone now.
pub(super) fn after_change(store: &Store, target: &Target, object: &Arc<Object>) -> Option<Arc<Object>> {
    if !object.is_terminating() {
        return None;
    }
    release_contents(store, target, object);
    advance(store, &target.resource.collection(), &target.key())
}

/// Begins to delete, or let go of, everything that keeps a terminating object.
fn release_contents(store: &Store, target: &Target, object: &Object) {
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
                    release(store, &id, &key, uid);
                }
            }
            CLEAN_UP if target.resource.role == Role::Definition => {
                let id = defined_by(object);
                for key in store.snapshot(&id).objects.keys() {
                    delete_dependent(store, &id, key, "");
                }
            }
            _ => {}
        }
    }
    if target.resource.role == Role::Namespace {
        for (id, key) in store.in_namespace(&target.name) {
            delete_dependent(store, &id, &key, "");
        }
    }
}

/// The collection that a definition defines.
fn defined_by(definition: &Object) -> CollectionId {
    let text = |pointer| definition.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    builtin(text("/spec/group"), text("/spec/names/plural"))
}

/// Deletes a new object all of whose owners are known to be gone.
pub(super) fn after_creation(store: &Store, object: &Arc<Object>) {
    if owners(object).is_empty() || has_living_owner(store, object) {
        return;
    }
    if let Some((id, key)) = store.locate(object.uid()) {
        delete_dependent(store, &id, &key, "");
    }
}

/// Cleans up after an object that is gone.
pub(super) fn after_removal(store: &Store, gone: &Arc<Object>) {
    for (id, key) in store.dependents(gone.uid()) {
        delete_dependent(store, &id, &key, gone.uid());
    }
    for owner in owners(gone).iter().filter_map(|owner| store.locate(owner["uid"].as_str()?)) {
        advance(store, &owner.0, &owner.1);
    }
    let text = |pointer| gone.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let namespace = text("/metadata/namespace");
    if !namespace.is_empty() {
        advance(store, &builtin("", "namespaces"), &Key::cluster_wide(namespace));
    }
    let registry = store.registry();
    if let Some((resource, _)) =
        registry.of_kind(text("/apiVersion"), text("/kind")).filter(|(r, _)| r.is_custom())
    {
        let definitions = builtin("apiextensions.k8s.io", "customresourcedefinitions");
        advance(store, &definitions, &Key::cluster_wide(resource.qualified()));
    }
}

fn builtin(group: &str, plural: &str) -> CollectionId {
    CollectionId { group: group.to_owned(), plural: plural.to_owned() }
}

fn owners(object: &Object) -> Vec<&Value> {
    let list = object.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    list.into_iter().flatten().collect()
}

/// An owner lives if its uid is known, or if nobody can tell because its kind is not served here.
fn has_living_owner(store: &Store, object: &Object) -> bool {
    let registry = store.registry();
    owners(object).iter().any(|owner| {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        store.locate(text("uid")).is_some() || registry.of_kind(text("apiVersion"), text("kind")).is_none()
    })
}

/// Takes a terminating object one step further if nothing keeps it any more. It deletes nothing else, so that
/// deletions do not nest deeper than owners do. Returns its last state if it is gone now.
fn advance(store: &Store, id: &CollectionId, key: &Key) -> Option<Arc<Object>> {
    for _ in 0..ATTEMPTS {
        let current = store.get(id, key).filter(|object| object.is_terminating())?;
        let registry = store.registry();
        let role = registry.find(&id.group, &id.plural)?.role;
        let mut kept: Vec<&str> = Vec::new();
        for finalizer in current.finalizers() {
            let done = match finalizer {
                FOREGROUND => !is_blocked(store, &current),
                ORPHAN => true,
                CLEAN_UP if role == Role::Definition => {
                    store.snapshot(&defined_by(&current)).objects.is_empty()
                }
                _ => false,
            };
            if !done {
                kept.push(finalizer);
            }
        }
        if role == Role::Namespace && !store.is_namespace_empty(&key.name) {
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

/// Whether an object depends on `owner` in a way that delays its foreground deletion.
fn is_blocked(store: &Store, owner: &Object) -> bool {
    let blocks = |object: &Object| {
        let mut references = owners(object).into_iter().filter(|o| o["uid"] == owner.uid());
        references.any(|o| o["blockOwnerDeletion"] == true)
    };
    let dependents = store.dependents(owner.uid());
    dependents.iter().any(|(id, key)| store.get(id, key).is_some_and(|object| blocks(&object)))
}

/// Deletes an object because `owner` is gone, or only lets go of that owner if another one lives.
fn delete_dependent(store: &Store, id: &CollectionId, key: &Key, owner: &str) {
    for _ in 0..ATTEMPTS {
        let Some(current) = store.get(id, key) else { return };
        let others = owners(&current).into_iter().filter(|o| !owner.is_empty() && o["uid"] != owner);
        if others.into_iter().any(|o| o["uid"].as_str().is_some_and(|uid| store.locate(uid).is_some())) {
            release(store, id, key, owner);
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
fn release(store: &Store, id: &CollectionId, key: &Key, owner: &str) {
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
