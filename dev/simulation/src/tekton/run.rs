//! Reading and changing a PipelineRun.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::SIMULATE;
use super::pipeline::{NamedValue, without_nulls};
use super::run_record::{RECORD, RunRecord};
use crate::go_time::current_time;
use crate::go_time::go_duration;

/// Timeout of a run without one; Tekton's `default-timeout-minutes`.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// `spec.status`, the state that the user requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpecStatus {
    /// Not set: the run starts.
    Run,
    /// `PipelineRunPending`: the run does not start yet.
    Pending,
    /// `Cancelled`: the run ends immediately.
    Cancelled,
    /// `CancelledRunFinally`: tasks are cancelled, then those of `finally` run.
    CancelledRunFinally,
    /// `StoppedRunFinally`: no more tasks start, then those of `finally` run.
    StoppedRunFinally,
}

/// Status of the condition `Succeeded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Succeeded {
    True,
    False,
    Unknown,
}

impl Succeeded {
    /// Status and reason of the condition of `object`; `Unknown` without one.
    pub(super) fn of(object: &Value) -> (Self, &str) {
        let Some(condition) = condition(object) else { return (Self::Unknown, "") };
        let status = match condition["status"].as_str() {
            Some("True") => Self::True,
            Some("False") => Self::False,
            _ => Self::Unknown,
        };
        (status, condition["reason"].as_str().unwrap_or_default())
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

fn condition(object: &Value) -> Option<&Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition["type"] == "Succeeded")
}

/// A copy of a PipelineRun. Setters change only the copy.
#[derive(Clone, Debug)]
pub(super) struct PipelineRun(pub(super) Value);

impl PipelineRun {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    pub(super) fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    pub(super) fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }

    /// The labels or the annotations.
    pub(super) fn metadata(&self, key: &str) -> BTreeMap<String, Value> {
        let map = self.0["metadata"].get(key).and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(super) fn spec_status(&self) -> SpecStatus {
        match self.text("/spec/status") {
            "PipelineRunPending" => SpecStatus::Pending,
            "Cancelled" => SpecStatus::Cancelled,
            "CancelledRunFinally" => SpecStatus::CancelledRunFinally,
            "StoppedRunFinally" => SpecStatus::StoppedRunFinally,
            _ => SpecStatus::Run,
        }
    }

    pub(super) fn has_started(&self) -> bool {
        self.0.pointer("/status/startTime").is_some_and(Value::is_string)
    }

    /// Whether the run has ended or is being deleted.
    pub(super) fn is_over(&self) -> bool {
        let is_terminating = self.0["metadata"].get("deletionTimestamp").is_some();
        is_terminating || Succeeded::of(&self.0).0 != Succeeded::Unknown
    }

    /// A field of the spec that is not null.
    pub(super) fn spec(&self, key: &str) -> Option<&Value> {
        self.0["spec"].get(key).filter(|value| !value.is_null())
    }

    /// A non-empty text of the spec.
    pub(super) fn spec_text(&self, pointer: &str) -> Option<&str> {
        self.0["spec"].pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The parameters of the run.
    pub(super) fn params(&self) -> Result<Vec<NamedValue>, serde_json::Error> {
        self.spec("params").map_or(Ok(Vec::new()), |params| serde_json::from_value(without_nulls(params)))
    }

    /// The binding of a workspace.
    pub(super) fn workspace(&self, name: &str) -> Option<&Value> {
        self.spec("workspaces")?.as_array()?.iter().find(|workspace| workspace["name"] == name)
    }

    /// The time of its timeout, or `None` without one. The error is the message of the run's condition.
    pub(super) fn deadline(&self) -> Result<Option<Timestamp>, String> {
        let timeout = self.spec("timeouts").and_then(|timeouts| timeouts.get("pipeline"));
        let timeout = match timeout.filter(|timeout| !timeout.is_null()) {
            None => DEFAULT_TIMEOUT,
            Some(timeout) => timeout
                .as_str()
                .and_then(go_duration)
                .ok_or_else(|| format!("the timeout of the pipeline is no duration: {timeout}"))?,
        };
        let start = self.record().started.or_else(|| self.text("/status/startTime").parse().ok());
        let start = start.filter(|_| !timeout.is_zero());
        Ok(start.and_then(|start| start.checked_add(timeout).ok()))
    }

    /// Whether the annotation lists the ordinary task `name` as failing.
    pub(super) fn is_scripted_to_fail(&self, name: &str) -> bool {
        let script = self.0["metadata"]["annotations"].get(SIMULATE).and_then(Value::as_str);
        let names = script.and_then(|script| script.trim().strip_prefix("fail:"));
        names.is_some_and(|names| names.split(',').any(|other| other.trim() == name))
    }

    /// The record in the status; empty if it is missing or invalid.
    pub(super) fn record(&self) -> RunRecord {
        let text = self.0["status"]["annotations"].get(RECORD).and_then(Value::as_str);
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(super) fn set_record(&mut self, record: &RunRecord) {
        map(map(&mut self.0, "status"), "annotations")[RECORD] = json!(record).to_string().into();
    }

    pub(super) fn status(&self, key: &str) -> Option<&Value> {
        self.0.get("status")?.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn set_status(&mut self, key: &str, value: impl Into<Value>) {
        map(&mut self.0, "status")[key] = value.into();
    }

    /// Sets the condition `Succeeded`; conditions of other types stay.
    pub(super) fn set_condition(&mut self, status: Succeeded, reason: &str, message: &str) {
        let message = format!("simulated: {message}");
        let before = condition(&self.0);
        let is_same = before.is_some_and(|c| c["status"] == status.as_str());
        let since = before.and_then(|c| c.get("lastTransitionTime")).filter(|_| is_same).cloned();
        let next = json!({
            "type": "Succeeded", "status": status.as_str(), "reason": reason, "message": message,
            "lastTransitionTime": since.unwrap_or_else(|| current_time().into()),
        });
        let known = self.0["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let others = known.into_iter().filter(|c| c["type"] != "Succeeded");
        self.set_status("conditions", others.chain([next]).collect::<Value>());
    }
}

/// The map at `key` of `object`. Any other value is replaced by an empty map.
fn map<'a>(object: &'a mut Value, key: &str) -> &'a mut Value {
    let value = &mut object[key];
    if !value.is_object() {
        *value = json!({});
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotation_lists_failing_tasks() {
        let cases = [
            ("fail: build, test", true),
            (" fail:test", true),
            ("fail: tests", false),
            ("test", false),
            ("", false),
        ];
        for (script, expected) in cases {
            let run = PipelineRun(json!({"metadata": {"annotations": {SIMULATE: script}}}));
            assert_eq!(run.is_scripted_to_fail("test"), expected, "{script}");
        }
    }

    #[test]
    fn a_condition_keeps_its_transition_time() {
        let mut run = PipelineRun(json!({"status": {"conditions": [
            {"type": "Succeeded", "status": "Unknown", "lastTransitionTime": "2020-01-01T00:00:00Z"},
            {"type": "Other"}]}}));
        run.set_condition(Succeeded::Unknown, "Running", "on its way");
        let (other, own) = (&run.0["status"]["conditions"][0], &run.0["status"]["conditions"][1]);
        assert_eq!(other["type"], "Other");
        assert_eq!(
            (&own["lastTransitionTime"], &own["reason"]),
            (&json!("2020-01-01T00:00:00Z"), &json!("Running"))
        );
        assert_eq!(own["message"], "simulated: on its way");
        run.set_condition(Succeeded::True, "Succeeded", "done");
        assert_ne!(run.0["status"]["conditions"][1]["lastTransitionTime"], "2020-01-01T00:00:00Z");
    }
}
