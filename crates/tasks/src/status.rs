//! What is written to the status of a task.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::progress::StatedCondition;
use crate::task::Task;

/// A merge patch for the status of a task. It carries the resource version of the task that it was made for, so
/// that the API server refuses it if the task has changed since.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusWrite {
    /// The patch.
    pub patch: Value,
    /// What it says.
    pub said: StatedCondition,
}

/// RFC 3339 in whole seconds, as Kubernetes writes times.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn condition(said: &StatedCondition, now: Timestamp) -> Value {
    json!({
        "type": "Succeeded",
        "status": said.status,
        "reason": said.reason,
        "message": said.message,
        "lastTransitionTime": seconds(now),
    })
}

fn said(status: &str, reason: &str, message: String) -> StatedCondition {
    StatedCondition { status: status.to_owned(), reason: reason.to_owned(), message }
}

impl Task {
    /// The task goes on, with this BuildRun if one exists. `None` if its status says so already.
    pub(crate) fn going_on(
        &self,
        run: Option<&str>,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) -> Option<StatusWrite> {
        let said = said("Unknown", reason, self.numbered(message));
        let known = &self.progress;
        let is_linked = run.is_none() || known.run.as_ref().map(|known| &*known.name) == run;
        if known.said.as_ref() == Some(&said)
            && known.start.is_some()
            && is_linked
            && known.generation == self.generation
        {
            return None;
        }
        let mut status = self.begun(run, now);
        status.insert("conditions".to_owned(), json!([condition(&said, now)]));
        Some(self.write(said, status))
    }

    /// The task has come to its end. A success has results.
    pub(crate) fn finished(
        &self,
        run: Option<&str>,
        outcome: Result<&[Value], (&str, &str)>,
        now: Timestamp,
    ) -> StatusWrite {
        let (said, results) = match outcome {
            Ok(results) => {
                let message = format!("BuildRun {} has succeeded", run.unwrap_or_default());
                (said("True", crate::reason::SUCCEEDED, self.numbered(&message)), results)
            }
            Err((reason, message)) => (said("False", reason, self.numbered(message)), [].as_slice()),
        };
        let mut status = self.ended(run, &said, now);
        if !results.is_empty() {
            status.insert("results".to_owned(), json!(results));
        }
        self.write(said, status)
    }

    /// The attempt has failed and another follows. The condition stays `Unknown`: Tekton takes `False` for the
    /// end.
    pub(crate) fn again(
        &self,
        run: Option<&str>,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) -> StatusWrite {
        let failed = said("False", reason, self.numbered(message));
        let failed = self.ended(run, &failed, now);
        let mut attempts = self.progress.attempts.clone();
        attempts.push(Value::Object(failed));
        let (next, all) = (attempts.len() + 1, self.retries.saturating_add(1));
        let message = format!("attempt {next} of {all} follows; the one before failed ({reason}): {message}");
        let said = said("Unknown", crate::reason::STARTED, message);
        let mut status = Map::new();
        status.insert("conditions".to_owned(), json!([condition(&said, now)]));
        status.insert("retriesStatus".to_owned(), attempts.into());
        status.insert("startTime".to_owned(), seconds(now).into());
        status.insert("observedGeneration".to_owned(), json!(self.generation));
        for gone in ["completionTime", "extraFields", "results"] {
            status.insert(gone.to_owned(), Value::Null);
        }
        self.write(said, status)
    }

    fn begun(&self, run: Option<&str>, now: Timestamp) -> Map<String, Value> {
        let mut status = Map::new();
        let start = self.progress.start.unwrap_or(now);
        status.insert("startTime".to_owned(), seconds(start).into());
        if let Some(generation) = self.generation {
            status.insert("observedGeneration".to_owned(), generation.into());
        }
        if let Some(name) = run {
            // Upstream's names.
            let link = json!({"buildRunName": name, "buildRunNamespace": &*self.key.namespace});
            status.insert("extraFields".to_owned(), link);
        }
        status
    }

    fn ended(&self, run: Option<&str>, said: &StatedCondition, now: Timestamp) -> Map<String, Value> {
        let mut status = self.begun(run, now);
        status.insert("completionTime".to_owned(), seconds(now).into());
        status.insert("conditions".to_owned(), json!([condition(said, now)]));
        status
    }

    fn write(&self, said: StatedCondition, status: Map<String, Value>) -> StatusWrite {
        let mut patch = json!({"metadata": {"resourceVersion": self.resource_version}});
        patch["status"] = Value::Object(status);
        StatusWrite { patch, said }
    }

    /// The message, with the number of the attempt if there may be several.
    fn numbered(&self, message: &str) -> String {
        if self.retries == 0 {
            return message.to_owned();
        }
        format!("attempt {} of {}: {message}", self.attempt() + 1, self.retries.saturating_add(1))
    }
}
