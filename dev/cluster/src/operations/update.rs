//! Replacing objects, and the commit loop of every change to an existing object.

use std::sync::Arc;

use serde_json::Value;

use super::{Target, WriteOptions, Written, admit, cascade, dry_run_object, next_state};
use crate::patch::Managers;
use crate::status::{ApiError, Cause};
use crate::store::{Expect, Object, Store, StoreError, Write};

/// Attempts to compute a change against concurrent writers.
pub(super) const ATTEMPTS: usize = 64;

/// Replaces an object by `body`. A `resourceVersion` in it must be the current one; most kinds require it.
pub(crate) fn update(
    store: &Store,
    target: &Target,
    mut body: Value,
    options: &WriteOptions,
) -> Result<Written, ApiError> {
    admit::check_identity(target, &mut body)?;
    for _ in 0..ATTEMPTS {
        let current = current(store, target)?;
        if !target.resource.is_updated_unconditionally() && lacks_version(&body) {
            let detail = "must be specified for an update";
            let cause = Cause::invalid("metadata.resourceVersion", &Value::from(0), detail);
            return Err(ApiError::invalid(&target.resource.name, &target.name, &[cause]));
        }
        check_preconditions(target, &current, &body)?;
        if let Some(written) = commit_change(store, target, &current, body.clone(), None, options)? {
            return Ok(written);
        }
    }
    Err(ApiError::modified(&target.resource.name, &target.name))
}

fn lacks_version(body: &Value) -> bool {
    matches!(body["metadata"]["resourceVersion"].as_str(), None | Some("" | "0"))
}

pub(super) fn current(store: &Store, target: &Target) -> Result<Arc<Object>, ApiError> {
    store
        .get(&target.resource.collection(), &target.key())
        .ok_or_else(|| ApiError::not_found(&target.resource.name, &target.name))
}

/// Compares the uid and the resource version in `preconditions` with the current ones.
pub(super) fn check_preconditions(
    target: &Target,
    current: &Object,
    preconditions: &Value,
) -> Result<(), ApiError> {
    let metadata = &preconditions["metadata"];
    if let Some(uid) = metadata["uid"].as_str().filter(|uid| !uid.is_empty() && *uid != current.uid()) {
        let detail =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", current.uid());
        return Err(ApiError::conflict(&target.resource.name, &target.name, &detail));
    }
    match metadata["resourceVersion"].as_str() {
        None | Some("" | "0") => Ok(()),
        Some(version) if version == current.revision.to_string() => Ok(()),
        Some(_) => Err(ApiError::modified(&target.resource.name, &target.name)),
    }
}

/// Commits `candidate` in place of `current`. `None` if another writer has changed the object meanwhile.
pub(super) fn commit_change(
    store: &Store,
    target: &Target,
    current: &Arc<Object>,
    candidate: Value,
    managers: Option<Managers>,
    options: &WriteOptions,
) -> Result<Option<Written>, ApiError> {
    let (next, warnings) = next_state::compute(target, current, candidate, managers, options)?;
    let Some(next) = next else {
        return Ok(Some(Written { object: Arc::clone(current), created: false, warnings }));
    };
    if options.dry_run {
        let object = dry_run_object(next, current.revision);
        return Ok(Some(Written { object, created: false, warnings }));
    }
    let expect = Expect::At(current.revision);
    match store.commit(&target.resource.collection(), &target.key(), expect, Write::Put(next)) {
        Ok(object) => {
            let last = cascade::after_change(store, target, &object);
            Ok(Some(Written { object: last.unwrap_or(object), created: false, warnings }))
        }
        Err(StoreError::Stale) => Ok(None),
        Err(_) => Err(ApiError::unknown_resource()),
    }
}
