//! What the server asks of objects of built-in kinds beyond their schemas, in the words of the real one.

use serde_json::Value;

use super::Role;
use crate::names::{data_key_fault, key_fault};
use crate::status::Cause;

/// The values of a Secret or a ConfigMap may be this long together.
const DATA_BYTES: usize = 1024 * 1024;
/// The longest reason, action and reporting instance of an Event.
const EVENT_WORD: usize = 128;
/// The longest note of an Event.
const EVENT_NOTE: usize = 1024;

/// Everything wrong with an object of a built-in kind that its schema lets through.
pub(crate) fn builtin_faults(role: Role, object: &Value) -> Vec<Cause> {
    match role {
        Role::Secret => data_faults(object, "stringData", "data", "data"),
        Role::ConfigMap => data_faults(object, "data", "binaryData", "[]"),
        Role::Lease => lease_faults(&object["spec"]),
        _ => Vec::new(),
    }
}

/// Everything wrong with a new Event of `events.k8s.io/v1`. The core API asks for less.
pub(crate) fn new_event_faults(role: Role, event: &Value) -> Vec<Cause> {
    if role != Role::EventsEvent {
        return Vec::new();
    }
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    if event["regarding"]["namespace"].as_str().is_none_or(str::is_empty) {
        let detail = "does not match event.namespace";
        causes.push(Cause::invalid("involvedObject.namespace", &"".into(), detail));
    }
    for key in ["eventTime", "reportingController", "reportingInstance", "action", "reason"] {
        if text(key).is_empty() {
            causes.push(Cause::required(key, ""));
        }
    }
    if let Some(fault) = key_fault(text("reportingController")) {
        causes.push(Cause::invalid("reportingController", &text("reportingController").into(), fault));
    }
    for (key, field, most) in [
        ("reportingInstance", "reportingInstance", EVENT_WORD),
        ("action", "action", EVENT_WORD),
        ("reason", "reason", EVENT_WORD),
        ("note", "message", EVENT_NOTE),
    ] {
        if text(key).len() > most {
            let detail = format!("can have at most {most} characters");
            causes.push(Cause::invalid(field, &"".into(), &detail));
        }
    }
    if !matches!(text("type"), "Normal" | "Warning") {
        causes.push(Cause::invalid("type", &"".into(), &format!("has invalid value: {}", text("type"))));
    }
    causes
}

/// What is wrong with the values that the field `plain` has as text and the field `encoded` has in base64. `whole` is
/// what the server calls both.
fn data_faults(object: &Value, plain: &str, encoded: &str, whole: &str) -> Vec<Cause> {
    let entries = |field: &str| object[field].as_object().into_iter().flatten();
    let mut causes = Vec::new();
    for (key, _) in entries(plain).chain(entries(encoded)) {
        if let Some(fault) = data_key_fault(key) {
            causes.push(Cause::invalid(format!("data[{key}]"), &key.as_str().into(), fault));
        }
    }
    for (key, _) in entries("binaryData").filter(|(key, _)| object["data"].get(key.as_str()).is_some()) {
        let detail = "duplicate of key present in binaryData";
        causes.push(Cause::invalid(format!("data[{key}]"), &key.as_str().into(), detail));
    }
    let length = |(_, value): (_, &Value)| value.as_str().map_or(0, str::len);
    let total =
        entries(plain).map(length).sum::<usize>() + entries(encoded).map(length).sum::<usize>() / 4 * 3;
    if total > DATA_BYTES {
        causes.push(Cause::too_long(whole, DATA_BYTES));
    }
    causes
}

fn lease_faults(spec: &Value) -> Vec<Cause> {
    let least = |key: &str, least: i64, detail: &str| {
        let value = spec[key].as_i64().filter(|value| *value < least)?;
        Some(Cause::invalid(format!("spec.{key}"), &value.into(), detail))
    };
    let duration = least("leaseDurationSeconds", 1, "must be greater than 0");
    duration.into_iter().chain(least("leaseTransitions", 0, "must be greater than or equal to 0")).collect()
}
