use jiff::Timestamp;
use serde_json::Value;
use trigger_core::ObjectKey;

/// How far a task has come, as its status tells. What cannot be read there was not written by us and counts as
/// absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// When the current attempt began.
    pub start: Option<Timestamp>,
    /// When the task came to its end.
    pub end: Option<Timestamp>,
    /// What its condition `Succeeded` says.
    pub said: Option<StatedCondition>,
    /// The statuses of the attempts that failed and were repeated.
    pub attempts: Vec<Value>,
    /// The BuildRun that it names.
    pub run: Option<ObjectKey>,
    /// The generation that it was written for.
    pub generation: Option<i64>,
}

/// A condition `Succeeded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedCondition {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One CamelCase word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

impl Progress {
    pub(crate) fn read(status: &Value) -> Self {
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let succeeded = conditions.into_iter().find(|condition| condition["type"] == "Succeeded");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let said = succeeded.map(|condition| StatedCondition {
            status: text(&condition["status"]),
            reason: text(&condition["reason"]),
            message: text(&condition["message"]),
        });
        let extra = &status["extraFields"];
        let run = match (extra["buildRunNamespace"].as_str(), extra["buildRunName"].as_str()) {
            (Some(namespace), Some(name)) if !name.is_empty() => Some(ObjectKey::new(namespace, name)),
            _ => None,
        };
        Self {
            start: time(&status["startTime"]),
            end: time(&status["completionTime"]),
            said,
            attempts: status["retriesStatus"].as_array().cloned().unwrap_or_default(),
            run,
            generation: status["observedGeneration"].as_i64(),
        }
    }

    /// Whether the task has ended, after which its status is final.
    pub fn is_done(&self) -> bool {
        self.said.as_ref().is_some_and(|said| matches!(said.status.as_str(), "True" | "False"))
    }

    /// Whether it has come to an end that is no success.
    pub(crate) fn has_failed(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.status == "False")
    }

    /// When the first attempt began.
    pub(crate) fn first_start(&self) -> Option<Timestamp> {
        match self.attempts.first() {
            Some(first) => time(&first["startTime"]),
            None => self.start,
        }
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_that_nobody_can_read_is_as_good_as_none() {
        for status in [
            Value::Null,
            json!("odd"),
            json!([]),
            json!({"conditions": "odd", "startTime": 5, "retriesStatus": {"a": 1}, "extraFields": "odd"}),
            json!({"conditions": [null, 5, {"type": "Ready", "status": "True"}], "extraFields": {"buildRunName": 5}}),
        ] {
            assert_eq!(Progress::read(&status), Progress::default(), "{status}");
        }
    }

    #[test]
    fn it_is_done_when_the_condition_says_so() {
        for (status, expected) in [("Unknown", false), ("", false), ("True", true), ("False", true)] {
            let status = json!({"conditions": [{"type": "Succeeded", "status": status}]});
            assert_eq!(Progress::read(&status).is_done(), expected, "{status}");
        }
    }
}
