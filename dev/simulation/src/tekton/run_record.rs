//! State of a run that Tekton's fields lack: the start time in milliseconds, and the states of ordinary tasks, which
//! Tekton keeps in TaskRuns.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Key of the record in `status.annotations`. A client that creates a run from the metadata and spec of another one does
/// not copy the status.
pub(super) const RECORD: &str = "dev.shipwright.io/simulated-tasks";

/// The record of one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunRecord {
    /// The start of the run. `status.startTime` has only whole seconds.
    pub(super) started: Option<Timestamp>,
    /// The ordinary tasks that have started.
    #[serde(default)]
    pub(super) tasks: BTreeMap<String, TaskRecord>,
}

/// An ordinary task that has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    /// The time of its end, in the past or in the future.
    pub(super) end: Timestamp,
    /// The result at its end.
    pub(super) outcome: Outcome,
}

/// The result of an ordinary task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    Cancelled,
}

impl RunRecord {
    /// Cancels the running tasks among `names`.
    pub(super) fn cancel<'a>(&mut self, names: impl Iterator<Item = &'a str>, now: Timestamp) {
        for name in names {
            if let Some(task) = self.tasks.get_mut(name).filter(|task| task.end > now) {
                *task = TaskRecord { end: now, outcome: Outcome::Cancelled };
            }
        }
    }

    /// The end of the next task to end.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.tasks.values().map(|task| task.end).filter(|end| *end > now).min()
    }
}
