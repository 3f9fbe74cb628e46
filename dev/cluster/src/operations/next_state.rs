//! Computing the next state of an object from its stored state and a client's candidate.

use serde_json::{Value, json};

use super::create::writer;
use super::{Subresource, Target, WriteOptions, admit};
use crate::patch::{Managers, Operation};
use crate::resources::Strategy;
use crate::status::{ApiError, Cause};
use crate::store::Object;

/// Metadata that clients cannot change.
const IMMUTABLE_METADATA: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
    "selfLink",
];

/// The next state of an object, or `None` if nothing changes, and warnings.
///
/// `candidate` is at the target's version. An apply passes `managers`; other writes are recorded here.
pub(super) fn compute(
    target: &Target,
    current: &Object,
    mut candidate: Value,
    managers: Option<Managers>,
    options: &WriteOptions,
) -> Result<(Option<Value>, Vec<String>), ApiError> {
    let served = target.served()?;
    let mut shown = current.value.clone();
    target.resource.present(&target.version, &mut shown);
    let operation = if managers.is_some() { Operation::Apply } else { Operation::Update };
    let mut managers = managers.unwrap_or_else(|| recorded_managers(&candidate, &current.value));
    let warnings = admit::prune(target, &mut candidate, options.validation)?;
    served.schema.fill_defaults(&mut candidate);
    let mut next = select_fields(target, &shown, candidate);
    restore_metadata(&mut next, &shown);
    check_finalizers(target, current, &next)?;
    admit::validate(target, &next)?;
    target.resource.to_stored(&mut next);
    // The schema is that of the target's version; objects are compared at the storage version.
    let before = &current.value;
    check_immutable(target, before, &next)?;
    if target.resource.strategy == Strategy::Definition && before["spec"] != next["spec"] {
        next["status"] = crate::resources::accepted_status(&next);
    }
    if bumps_generation(target, before, &next) {
        let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
        next["metadata"]["generation"] = (generation + 1).into();
    }
    if operation == Operation::Update {
        managers.record_update(before, &next, &served.schema, &writer(target, options));
    }
    if managers == Managers::of(before) {
        // Unchanged entries keep their times, so a write without effect compares equal.
        restore(&mut next["metadata"], &before["metadata"], "managedFields");
    } else {
        managers.write(&mut next);
    }
    admit::check_size(&next)?;
    Ok(((next != *before).then_some(next), warnings))
}

/// The managers in the candidate if it has the field, else those of the stored object. An empty list resets them.
fn recorded_managers(candidate: &Value, current: &Value) -> Managers {
    match candidate.pointer("/metadata/managedFields") {
        Some(Value::Array(_)) => Managers::of(candidate),
        _ => Managers::of(current),
    }
}

/// The candidate with only the fields that this endpoint writes.
fn select_fields(target: &Target, shown: &Value, mut candidate: Value) -> Value {
    if target.subresource == Subresource::Status {
        let mut next = shown.clone();
        replace(&mut next, "status", candidate.get_mut("status").map(Value::take));
        return next;
    }
    if target.has_status() {
        replace(&mut candidate, "status", shown.get("status").cloned());
    }
    candidate
}

fn replace(object: &mut Value, key: &str, value: Option<Value>) {
    let Some(map) = object.as_object_mut() else { return };
    match value.filter(|v| !v.is_null()) {
        Some(value) => map.insert(key.to_owned(), value),
        None => map.remove(key),
    };
}

fn restore(metadata: &mut Value, from: &Value, key: &str) {
    replace(metadata, key, from.get(key).cloned());
}

fn restore_metadata(next: &mut Value, shown: &Value) {
    if !next["metadata"].is_object() {
        next["metadata"] = json!({});
    }
    for key in IMMUTABLE_METADATA {
        restore(&mut next["metadata"], &shown["metadata"], key);
    }
    restore(&mut next["metadata"], &json!({}), "managedFields");
    admit::drop_empty_fields(&mut next["metadata"]);
}

fn check_finalizers(target: &Target, current: &Object, next: &Value) -> Result<(), ApiError> {
    if !current.is_terminating() {
        return Ok(());
    }
    let known: Vec<&str> = current.finalizers().collect();
    let finalizers = next.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
    let added: Vec<&str> = finalizers.filter_map(Value::as_str).filter(|f| !known.contains(f)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
    );
    let cause = Cause::new("metadata.finalizers", "FieldValueForbidden", message);
    Err(ApiError::invalid(&target.resource.name, &target.name, &[cause]))
}

fn check_immutable(target: &Target, before: &Value, next: &Value) -> Result<(), ApiError> {
    let strategy = target.resource.strategy;
    let is_changed = |key: &&&str| next.get(**key) != before.get(**key);
    let frozen: &[&str] = match strategy {
        Strategy::Secret | Strategy::ConfigMap if before["immutable"] == true => {
            &["data", "binaryData", "immutable"]
        }
        _ => &[],
    };
    let mut causes: Vec<Cause> = frozen
        .iter()
        .filter(is_changed)
        .map(|key| Cause::forbidden(*key, "field is immutable when `immutable` is set"))
        .collect();
    if strategy == Strategy::Secret && next.get("type").is_some() && is_changed(&&"type") {
        causes.push(Cause::invalid("type", &next["type"], "field is immutable"));
    }
    if causes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(&target.resource.name, &target.name, &causes))
    }
}

/// Whether a change increments `generation`. For custom resources, metadata does not count, nor does a status with
/// its own subresource.
fn bumps_generation(target: &Target, before: &Value, next: &Value) -> bool {
    let counts = target.resource.is_custom() || target.resource.strategy == Strategy::Definition;
    if !counts || target.subresource == Subresource::Status {
        return false;
    }
    let ignored = |key: &str| {
        matches!(key, "metadata" | "apiVersion" | "kind") || (key == "status" && target.has_status())
    };
    let (Some(before), Some(next)) = (before.as_object(), next.as_object()) else { return false };
    let keys = before.keys().chain(next.keys());
    keys.filter(|key| !ignored(key)).any(|key| before.get(key) != next.get(key))
}
