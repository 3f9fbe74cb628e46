//! The condition with the reason why a run exists, beside those that its controller writes.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DynamicObject, Patch};
use serde_json::{Value, json};
use trigger_journal::ConditionRecord;
use trigger_targets::build_run::TRIGGERED;

use crate::api_server_error::{ApiServerError, is_absent};
use crate::patch::patch_status;

/// A controller that has written nothing for so long has done its first writes, which come within a second.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

/// The conditions of a run as they were seen in one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenConditions {
    /// `metadata.resourceVersion`.
    pub(crate) version: String,
    /// Whether the condition is there already.
    pub(crate) is_triggered: bool,
    /// Whether the run's controller has written its condition: it has begun.
    pub(crate) has_begun: bool,
    /// Whether the run has ended: its controller writes no more.
    pub(crate) has_ended: bool,
    list: List,
}

/// How much of `status.conditions` exists. A JSON patch adds to what exists only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    NoStatus,
    NoConditions,
    Exists,
}

/// The result of a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    /// The condition is there.
    Added,
    /// The run has changed since it was seen. Nothing was written.
    Changed,
    /// The run has been deleted.
    Gone,
    /// The API server refuses the write, in these words.
    Refused(String),
}

impl SeenConditions {
    pub(crate) fn read(metadata: &ObjectMeta, status: Option<&Value>) -> Self {
        let list = status.and_then(|status| status.get("conditions")).and_then(Value::as_array);
        let conditions = || list.into_iter().flatten();
        let succeeded = conditions().find(|condition| condition["type"] == "Succeeded");
        Self {
            version: metadata.resource_version.clone().unwrap_or_default(),
            is_triggered: conditions().any(|condition| condition["type"] == TRIGGERED),
            has_begun: succeeded.is_some(),
            has_ended: succeeded.is_some_and(|it| it["status"] == "True" || it["status"] == "False"),
            list: match (status, list) {
                (_, Some(_)) => List::Exists,
                (Some(Value::Object(_)), None) => List::NoConditions,
                _ => List::NoStatus,
            },
        }
    }

    /// The JSON patch that adds the condition to exactly this version.
    ///
    /// Upstream's list of conditions has no merge key, so an apply or a merge patch would replace it as a whole. A JSON patch
    /// appends one, and its test of the version keeps two writers from both appending.
    fn patch(&self, condition: &ConditionRecord) -> Value {
        // RFC 3339 in whole seconds, as Kubernetes writes times.
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = json!({
            "type": condition.kind,
            "status": "True",
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": now,
        });
        let (path, value) = match self.list {
            List::NoStatus => ("/status", json!({"conditions": [condition]})),
            List::NoConditions => ("/status/conditions", json!([condition])),
            List::Exists => ("/status/conditions/-", condition),
        };
        json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": self.version},
            {"op": "add", "path": path, "value": value},
        ])
    }
}

/// Adds `condition` to the status of a run, if it is still as it was seen. One request.
pub(crate) async fn add_condition(
    runs: &Api<DynamicObject>,
    name: &str,
    seen: &SeenConditions,
    condition: &ConditionRecord,
) -> Result<Addition, kube::Error> {
    let patch = serde_json::from_value(seen.patch(condition)).map_err(kube::Error::SerdeError)?;
    match patch_status(runs, name, &Patch::Json(patch)).await {
        Ok(()) => Ok(Addition::Added),
        Err(error) if is_absent(&error) => Ok(Addition::Gone),
        // A test that fails is 422.
        Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => Ok(Addition::Changed),
        Err(error) => {
            let answer = ApiServerError::of(&error);
            if answer.is_permanent() { Ok(Addition::Refused(answer.message)) } else { Err(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_is_added_to_what_exists_of_the_status() {
        let condition = ConditionRecord {
            kind: TRIGGERED.to_owned(),
            reason: "GitHub".to_owned(),
            message: "a push".to_owned(),
        };
        let running = json!({"type": "Succeeded", "status": "Unknown"});
        let ended = json!({"type": "Succeeded", "status": "False"});
        for (status, path, [triggered, begun, has_ended]) in [
            (None, "/status", [false, false, false]),
            (Some(json!({"buildSpec": {}})), "/status/conditions", [false, false, false]),
            (Some(json!({"conditions": [running]})), "/status/conditions/-", [false, true, false]),
            (Some(json!({"conditions": [ended]})), "/status/conditions/-", [false, true, true]),
            (
                Some(json!({"conditions": [{"type": "Triggered", "status": "True"}]})),
                "/status/conditions/-",
                [true, false, false],
            ),
        ] {
            let metadata = ObjectMeta { resource_version: Some("7".to_owned()), ..ObjectMeta::default() };
            let seen = SeenConditions::read(&metadata, status.as_ref());
            assert_eq!([seen.is_triggered, seen.has_begun, seen.has_ended], [triggered, begun, has_ended]);
            let mut object = json!({"metadata": {"resourceVersion": "7"}});
            if let Some(status) = &status {
                object["status"] = status.clone();
            }
            let patch = seen.patch(&condition);
            assert_eq!((&patch[0]["value"], patch[1]["path"].as_str()), (&json!("7"), Some(path)));
        }
    }
}
