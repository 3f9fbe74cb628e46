//! Patching objects: merge, JSON, strategic and server-side apply.

use serde_json::{Value, json};

use super::update::{ATTEMPTS, check_preconditions, commit_change, current};
use super::{Subresource, Target, WriteOptions, Written, admit, create};
use crate::patch::{self, Conflict, Managers, Operation, PatchKind};
use crate::status::{ApiError, Cause};
use crate::store::Store;

/// Patches an object. An apply creates a missing one.
pub(crate) fn patch(
    store: &Store,
    target: &Target,
    kind: PatchKind,
    patch: &Value,
    options: &WriteOptions,
) -> Result<Written, ApiError> {
    if kind == PatchKind::Strategic && target.resource.is_custom() {
        let accepted =
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        return Err(ApiError::unsupported_media("application/strategic-merge-patch+json", accepted));
    }
    if kind == PatchKind::Apply {
        return apply(store, target, patch, options);
    }
    for _ in 0..ATTEMPTS {
        let current = current(store, target)?;
        let mut shown = current.value.clone();
        target.resource.present(&target.version, &mut shown);
        patch::change(kind, &mut shown, patch)?;
        admit::check_identity(target, &mut shown)?;
        let uid = shown["metadata"]["uid"].as_str().unwrap_or_default();
        if !uid.is_empty() && uid != current.uid() {
            let cause = Cause::invalid("metadata.uid", &uid.into(), "field is immutable");
            return Err(ApiError::invalid(&target.resource.name, &target.name, &[cause]));
        }
        check_preconditions(target, &current, &shown)?;
        if let Some(written) = commit_change(store, target, &current, shown, None, options)? {
            return Ok(written);
        }
        if patch.pointer("/metadata/resourceVersion").is_some() {
            break;
        }
    }
    Err(ApiError::modified(&target.resource.name, &target.name))
}

fn apply(
    store: &Store,
    target: &Target,
    config: &Value,
    options: &WriteOptions,
) -> Result<Written, ApiError> {
    let mut config = config.clone();
    for key in ["apiVersion", "kind"] {
        if config.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(ApiError::bad_request(format!("invalid object type: {key} must be set")));
        }
    }
    if config.pointer("/metadata/managedFields").is_some_and(|m| !m.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    admit::check_identity(target, &mut config)?;
    let warnings = admit::prune(target, &mut config, options.validation)?;
    let served = target.served()?;
    let writer = create::writer(target, options);
    // A manager owns only fields that this endpoint writes.
    let mut owned = config.clone();
    if let Some(map) = owned.as_object_mut() {
        match target.subresource {
            Subresource::Status => {
                map.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "status"));
            }
            Subresource::None if target.has_status() => drop(map.remove("status")),
            Subresource::None => {}
        }
    }
    for _ in 0..ATTEMPTS {
        let found = store.get(&target.resource.collection(), &target.key());
        let mut managers = found.as_ref().map(|object| Managers::of(&object.value)).unwrap_or_default();
        let mut live = found.as_ref().map_or_else(|| json!({}), |object| object.value.clone());
        if found.is_some() {
            target.resource.present(&target.version, &mut live);
        }
        let merged = managers
            .apply(&live, &owned, &served.schema, &writer, options.force)
            .map_err(|conflicts| Conflict::error(&conflicts))?;
        let Some(current) = found else {
            if target.subresource == Subresource::Status {
                return Err(ApiError::not_found(&target.resource.name, &target.name));
            }
            let created =
                create::insert(store, target, merged, managers, Operation::Apply, options, warnings.clone());
            match created {
                Err(error) if error.reason == "AlreadyExists" => continue,
                other => return other,
            }
        };
        check_preconditions(target, &current, &config)?;
        if let Some(mut written) = commit_change(store, target, &current, merged, Some(managers), options)? {
            written.warnings = warnings;
            return Ok(written);
        }
    }
    Err(ApiError::modified(&target.resource.name, &target.name))
}
