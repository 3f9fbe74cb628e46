//! Validation of built-in kinds beyond their schemas, with the messages of the real server.

use serde_json::Value;

use super::Strategy;
use crate::names::{data_key_error, key_error};
use crate::status::Cause;

/// Limit of all values of a Secret or a ConfigMap together, in bytes.
const DATA_BYTES: usize = 1024 * 1024;
/// Limit of reason, action and reporting instance of an Event, in bytes.
const MAX_EVENT_FIELD: usize = 128;
/// Limit of the note of an Event, in bytes.
const MAX_EVENT_NOTE: usize = 1024;

/// Errors in an object of a built-in kind that its schema does not find.
pub(crate) fn builtin_causes(strategy: Strategy, object: &Value) -> Vec<Cause> {
    match strategy {
        Strategy::Secret => data_causes(object, "stringData", "data", "data"),
        Strategy::ConfigMap => data_causes(object, "data", "binaryData", "[]"),
        Strategy::Lease => lease_causes(&object["spec"]),
        _ => Vec::new(),
    }
}

/// Errors in a new Event of `events.k8s.io/v1`. The core API has fewer rules.
pub(crate) fn new_event_causes(strategy: Strategy, event: &Value) -> Vec<Cause> {
    if strategy != Strategy::EventsEvent {
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
    if let Some(error) = key_error(text("reportingController")) {
        causes.push(Cause::invalid("reportingController", &text("reportingController").into(), error));
    }
    for (key, field, most) in [
        ("reportingInstance", "reportingInstance", MAX_EVENT_FIELD),
        ("action", "action", MAX_EVENT_FIELD),
        ("reason", "reason", MAX_EVENT_FIELD),
        ("note", "message", MAX_EVENT_NOTE),
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

/// Errors in the values of the fields `plain` (text) and `encoded` (base64). `whole` is the field that the real server
/// names for both together.
fn data_causes(object: &Value, plain: &str, encoded: &str, whole: &str) -> Vec<Cause> {
    let entries = |field: &str| object[field].as_object().into_iter().flatten();
    let mut causes = Vec::new();
    for (key, _) in entries(plain).chain(entries(encoded)) {
        if let Some(error) = data_key_error(key) {
            causes.push(Cause::invalid(format!("data[{key}]"), &key.as_str().into(), error));
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

fn lease_causes(spec: &Value) -> Vec<Cause> {
    let least = |key: &str, least: i64, detail: &str| {
        let value = spec[key].as_i64().filter(|value| *value < least)?;
        Some(Cause::invalid(format!("spec.{key}"), &value.into(), detail))
    };
    let duration = least("leaseDurationSeconds", 1, "must be greater than 0");
    duration.into_iter().chain(least("leaseTransitions", 0, "must be greater than or equal to 0")).collect()
}
