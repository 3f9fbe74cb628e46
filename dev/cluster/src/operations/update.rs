//! Replacing objects, and the loop that every change of an existing object goes through.

use std::sync::Arc;

use serde_json::Value;

use super::{Target, WriteOptions, Written, admit, collect, imagined, reconcile};
use crate::patch::Managers;
use crate::status::{ApiError, Cause};
use crate::store::{Expect, Object, Refused, Store, Write};

/// How often a change is computed anew because somebody else was faster.
pub(super) const ATTEMPTS: usize = 64;

/// Replaces an object by `body`. A `resourceVersion` in it must be the current one; most kinds want one.
pub(crate) fn update(
    store: &Store,
    target: &Target,
    mut body: Value,
    options: &WriteOptions,
) -> Result<Written, ApiError> {
    admit::identify(target, &mut body)?;
    for _ in 0..ATTEMPTS {
        let current = current(store, target)?;
        if !target.resource.is_updated_unconditionally() && says_no_version(&body) {
            let detail = "must be specified for an update";
            let cause = Cause::invalid("metadata.resourceVersion", &Value::from(0), detail);
            return Err(ApiError::invalid(&target.resource, &target.name, &[cause]));
        }
        check_preconditions(target, &current, &body)?;
        if let Some(written) = settle(store, target, &current, body.clone(), None, options)? {
            return Ok(written);
        }
    }
    Err(ApiError::modified(&target.resource, &target.name))
}

fn says_no_version(body: &Value) -> bool {
    matches!(body["metadata"]["resourceVersion"].as_str(), None | Some("" | "0"))
}

pub(super) fn current(store: &Store, target: &Target) -> Result<Arc<Object>, ApiError> {
    store
        .get(&target.resource.collection(), &target.key())
        .ok_or_else(|| ApiError::not_found(&target.resource, &target.name))
}

/// Compares the uid and the version that a client believes in with the current ones.
pub(super) fn check_preconditions(target: &Target, current: &Object, wanted: &Value) -> Result<(), ApiError> {
    let metadata = &wanted["metadata"];
    if let Some(uid) = metadata["uid"].as_str().filter(|uid| !uid.is_empty() && *uid != current.uid()) {
        let detail =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", current.uid());
        return Err(ApiError::conflict(&target.resource, &target.name, &detail));
    }
    match metadata["resourceVersion"].as_str() {
        None | Some("" | "0") => Ok(()),
        Some(version) if version == current.revision.to_string() => Ok(()),
        Some(_) => Err(ApiError::modified(&target.resource, &target.name)),
    }
}

/// Commits `candidate` in place of `current`. `None` if `current` is not current any more.
pub(super) fn settle(
    store: &Store,
    target: &Target,
    current: &Arc<Object>,
    candidate: Value,
    managers: Option<Managers>,
    options: &WriteOptions,
) -> Result<Option<Written>, ApiError> {
    let (next, warnings) = reconcile::next(target, current, candidate, managers, options)?;
    let Some(next) = next else {
        return Ok(Some(Written { object: Arc::clone(current), created: false, warnings }));
    };
    if options.dry_run {
        let object = imagined(next, current.revision);
        return Ok(Some(Written { object, created: false, warnings }));
    }
    let expect = Expect::At(current.revision);
    match store.commit(&target.resource.collection(), &target.key(), expect, Write::Put(next)) {
        Ok(object) => {
            let last = collect::after_change(store, target, &object);
            Ok(Some(Written { object: last.unwrap_or(object), created: false, warnings }))
        }
        Err(Refused::Stale) => Ok(None),
        Err(_) => Err(ApiError::unknown_resource()),
    }
}
