//! Registration of Builds.

use serde_json::Value;
use trigger_devcluster::{ApiError, StoreHandle};

use super::build_resource;

/// Sets `status.registered` of a Build, with the reason.
pub(super) async fn register(store: &StoreHandle, build: &Value) -> Result<(), ApiError> {
    let (registered, reason, message) = match trigger_error(build) {
        Some((reason, message)) => ("False", reason, message),
        None => ("True", "Succeeded", "simulated: all validations succeeded".to_owned()),
    };
    let status = &build["status"];
    if status["registered"] == registered && status["reason"] == reason {
        return Ok(());
    }
    let mut next = build.clone();
    for (key, value) in [("registered", registered), ("reason", reason), ("message", &message)] {
        next["status"][key] = value.into();
    }
    match store.replace_status(&build_resource(), next).await {
        // The Build has changed meanwhile: the watch will deliver it again.
        Err(error) if matches!(error.code, 404 | 409) => Ok(()),
        other => other.map(drop),
    }
}

/// Reason and message if `spec.trigger` is invalid, as the real Build controller checks it.
fn trigger_error(build: &Value) -> Option<(&'static str, String)> {
    let entries = build.pointer("/spec/trigger/when").and_then(Value::as_array)?;
    let is_empty = |value: &Value| value.as_array().is_none_or(Vec::is_empty);
    entries.iter().find_map(|when| {
        let name = when["name"].as_str().unwrap_or_default();
        if name.trim().is_empty() {
            return Some((
                "TriggerNameCanNotBeBlank",
                "simulated: name is not set on when trigger condition".to_owned(),
            ));
        }
        let reason = match when["type"].as_str().unwrap_or_default() {
            "GitHub" => is_empty(&when["github"]["events"]).then_some("TriggerInvalidGitHubWebHook"),
            "Image" => is_empty(&when["image"]["names"]).then_some("TriggerInvalidImage"),
            "Pipeline" => {
                let reference = &when["objectRef"];
                let has_name = reference["name"].as_str().is_some_and(|name| !name.is_empty());
                let has_selector = reference["selector"].as_object().is_some_and(|s| !s.is_empty());
                let is_valid = has_name != has_selector && !is_empty(&reference["status"]);
                (!is_valid).then_some("TriggerInvalidPipeline")
            }
            _ => Some("TriggerInvalidType"),
        };
        reason.map(|reason| (reason, format!("simulated: trigger {name:?} is not valid")))
    })
}
