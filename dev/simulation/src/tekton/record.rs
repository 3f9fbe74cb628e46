//! What is known of a run beside what Tekton's fields say: when it began, to the millisecond, and how its ordinary
//! tasks stand, which in earnest would be TaskRuns.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Key of the record in `status.annotations`, a field that Tekton has for such things. In the status it is not
/// taken along when somebody makes a new run of the metadata and spec of an old one.
pub(super) const RECORD: &str = "dev.shipwright.io/simulated-tasks";

/// The record of one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// When the run began; `status.startTime` has whole seconds only.
    pub(super) started: Option<Timestamp>,
    /// The ordinary tasks that were begun.
    #[serde(default)]
    pub(super) tasks: BTreeMap<String, Entry>,
}

/// How an ordinary task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// When it ends, or has ended.
    pub(super) end: Timestamp,
    /// What becomes of it then.
    pub(super) outcome: Outcome,
}

/// What becomes of an ordinary task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    Cancelled,
}

impl Record {
    /// Cancels the tasks among `names` that are under way.
    pub(super) fn cancel<'a>(&mut self, names: impl Iterator<Item = &'a str>, now: Timestamp) {
        for name in names {
            if let Some(entry) = self.tasks.get_mut(name).filter(|entry| entry.end > now) {
                *entry = Entry { end: now, outcome: Outcome::Cancelled };
            }
        }
    }

    /// When the next task ends.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.tasks.values().map(|entry| entry.end).filter(|end| *end > now).min()
    }
}
