//! The status of a run of any kind: its condition `Succeeded`, and the mark of a simulated object.

use serde_json::{Value, json};
use trigger_devcluster::{ApiError, Gvr, StoreHandle};

use crate::SIMULATED;
use crate::go_time::current_time;

/// The condition `Succeeded` of a run, without its time.
pub(super) struct Condition<'a> {
    pub(super) status: &'static str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

impl<'a> Condition<'a> {
    pub(super) fn unknown(reason: &'a str, message: &'a str) -> Self {
        Self { status: "Unknown", reason, message }
    }

    pub(super) fn failed(reason: &'a str, message: &'a str) -> Self {
        Self { status: "False", reason, message }
    }

    pub(super) fn succeeded(message: &'a str) -> Self {
        Self { status: "True", reason: "Succeeded", message }
    }
}

/// Namespace and name of an object.
pub(super) fn key(object: &Value) -> (&str, &str) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}

pub(super) fn is_finished(run: &Value) -> bool {
    let conditions = run.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut succeeded = conditions.filter(|condition| condition["type"] == "Succeeded");
    succeeded.next().is_some_and(|condition| condition["status"] == "True" || condition["status"] == "False")
}

/// Adds the annotation that marks simulated objects.
pub(super) async fn mark(store: &StoreHandle, resource: &Gvr, run: &Value) -> Result<Value, ApiError> {
    let (namespace, name) = key(run);
    let patch = json!({"metadata": {"annotations": {SIMULATED: "true"}}});
    store.merge(resource, namespace, name, &patch).await
}

/// Sets the condition `Succeeded` and other status fields, unless the run has finished or was replaced by another of
/// the same name. Conditions of other types stay. Writes over the version that was `seen`, or else over the current
/// one, and returns the new one.
pub(super) async fn update_status(
    store: &StoreHandle,
    resource: &Gvr,
    run: &Value,
    mut seen: Option<Value>,
    condition: &Condition<'_>,
    fields: &Value,
) -> Result<Option<Value>, ApiError> {
    let (namespace, name) = key(run);
    let Condition { status, reason, message } = condition;
    loop {
        let current = match seen.take() {
            Some(seen) => Some(seen),
            None => store.get(resource, namespace, name).await?,
        };
        let Some(mut current) = current else { return Ok(None) };
        if current["metadata"]["uid"] != run["metadata"]["uid"] || is_finished(&current) {
            return Ok(None);
        }
        let succeeded = json!({
            "type": "Succeeded", "status": status, "reason": reason,
            "message": format!("simulated: {message}"), "lastTransitionTime": current_time(),
        });
        let conditions = current["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let others = conditions.into_iter().filter(|other| other["type"] != "Succeeded");
        current["status"]["conditions"] = others.chain([succeeded]).collect();
        for (key, value) in fields.as_object().into_iter().flatten() {
            current["status"][key.as_str()] = value.clone();
        }
        match store.replace_status(resource, current).await {
            Err(error) if error.code == 409 => {}
            other => return other.map(Some),
        }
    }
}
