//! A PipelineRun, as it stands in the store or is about to.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::SIMULATE;
use super::pipeline::{NamedValue, without_nulls};
use super::record::{RECORD, Record};
use crate::go_time::current_time;
use crate::go_time::go_duration;

/// A run that names no timeout has this long; Tekton's `default-timeout-minutes`.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// What `spec.status` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// To run.
    Run,
    /// Not to begin yet.
    Wait,
    /// To end at once.
    Cancel,
    /// To cancel the tasks, but run those of `finally`.
    CancelThenFinally,
    /// To begin no more tasks, but run those of `finally`.
    StopThenFinally,
}

/// Status of the condition `Succeeded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Succeeded {
    True,
    False,
    Unknown,
}

impl Succeeded {
    /// That of `object` with its reason; `Unknown` if it has no such condition.
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

/// A PipelineRun. Its setters change this copy only.
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

    /// The map of labels or annotations.
    pub(super) fn metadata(&self, key: &str) -> BTreeMap<String, Value> {
        let map = self.0["metadata"].get(key).and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(super) fn request(&self) -> Request {
        match self.text("/spec/status") {
            "PipelineRunPending" => Request::Wait,
            "Cancelled" => Request::Cancel,
            "CancelledRunFinally" => Request::CancelThenFinally,
            "StoppedRunFinally" => Request::StopThenFinally,
            _ => Request::Run,
        }
    }

    pub(super) fn has_started(&self) -> bool {
        self.0.pointer("/status/startTime").is_some_and(Value::is_string)
    }

    /// Whether nobody has to care for it any more.
    pub(super) fn is_over(&self) -> bool {
        let is_terminating = self.0["metadata"].get("deletionTimestamp").is_some();
        is_terminating || Succeeded::of(&self.0).0 != Succeeded::Unknown
    }

    /// A field of the spec, if it says something.
    pub(super) fn spec(&self, key: &str) -> Option<&Value> {
        self.0["spec"].get(key).filter(|value| !value.is_null())
    }

    /// A text of the spec that is not empty.
    pub(super) fn spec_text(&self, pointer: &str) -> Option<&str> {
        self.0["spec"].pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The parameters that it gives.
    pub(super) fn params(&self) -> Result<Vec<NamedValue>, serde_json::Error> {
        self.spec("params").map_or(Ok(Vec::new()), |params| serde_json::from_value(without_nulls(params)))
    }

    /// The workspace that it binds to this name.
    pub(super) fn workspace(&self, name: &str) -> Option<&Value> {
        self.spec("workspaces")?.as_array()?.iter().find(|workspace| workspace["name"] == name)
    }

    /// When it is too late for it; `None` if never. The error is a sentence.
    pub(super) fn deadline(&self) -> Result<Option<Timestamp>, String> {
        let written = self.spec("timeouts").and_then(|timeouts| timeouts.get("pipeline"));
        let timeout = match written.filter(|written| !written.is_null()) {
            None => DEFAULT_TIMEOUT,
            Some(written) => written
                .as_str()
                .and_then(go_duration)
                .ok_or_else(|| format!("the timeout of the pipeline is no duration: {written}"))?,
        };
        let begin = self.record().started.or_else(|| self.text("/status/startTime").parse().ok());
        let begin = begin.filter(|_| !timeout.is_zero());
        Ok(begin.and_then(|begin| begin.checked_add(timeout).ok()))
    }

    /// Whether the ordinary task `name` shall fail.
    pub(super) fn shall_fail(&self, name: &str) -> bool {
        let orders = self.0["metadata"]["annotations"].get(SIMULATE).and_then(Value::as_str);
        let names = orders.and_then(|orders| orders.trim().strip_prefix("fail:"));
        names.is_some_and(|names| names.split(',').any(|other| other.trim() == name))
    }

    /// What is on record beside Tekton's fields. What cannot be read counts as nothing.
    pub(super) fn record(&self) -> Record {
        let text = self.0["status"]["annotations"].get(RECORD).and_then(Value::as_str);
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub(super) fn set_record(&mut self, record: &Record) {
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

/// The map at `key` of `object`; whatever else may stand there gives way to an empty one.
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
    fn orders_to_fail_are_read() {
        let cases = [
            ("fail: build, test", true),
            (" fail:test", true),
            ("fail: tests", false),
            ("test", false),
            ("", false),
        ];
        for (orders, expected) in cases {
            let run = PipelineRun(json!({"metadata": {"annotations": {SIMULATE: orders}}}));
            assert_eq!(run.shall_fail("test"), expected, "{orders}");
        }
    }

    #[test]
    fn a_condition_keeps_the_time_of_its_status() {
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
