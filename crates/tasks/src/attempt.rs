use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::annotations;
use trigger_targets::{RunStatus, build_run};

use crate::kind::TaskKind;
use crate::results;
use crate::status::seconds;
use crate::task::Task;

/// The BuildRun of an attempt, as far as its task is concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its name.
    pub name: String,
    /// `metadata.uid` of the task that it carries out: by its label, else by its owner.
    pub task_uid: Option<String>,
    /// Whether it has that label. Other controllers of custom tasks set none.
    pub has_label: bool,
    /// How it stands.
    pub state: RunState,
    /// Why and when we have cancelled it, if we have.
    pub canceled: Option<(CancelCause, Timestamp)>,
}

/// How a BuildRun stands.
#[derive(Debug, Clone, PartialEq)]
pub enum RunState {
    /// Its controller has not begun with it.
    Waiting,
    /// It runs.
    Running,
    /// It has made its image.
    Succeeded {
        /// The results of the task.
        results: Vec<Value>,
    },
    /// It has not, and will not.
    Failed {
        /// The reason of its condition.
        reason: String,
        /// The message of its condition.
        message: String,
    },
}

/// Why we cancel a BuildRun. It is written on it, since what follows depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelCause {
    /// Its task was cancelled.
    Task,
    /// Its attempt took too long.
    Timeout,
}

impl CancelCause {
    fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Timeout => "timeout",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Task, Self::Timeout].into_iter().find(|cause| cause.name() == name)
    }

    /// The merge patch that cancels a BuildRun (`spec.state`, one L, is the Build project's).
    pub(crate) fn patch(self, now: Timestamp) -> Value {
        json!({
            "metadata": {"annotations": {
                annotations::CANCELED_FOR: self.name(),
                annotations::CANCELED_AT: seconds(now),
            }},
            "spec": {"state": "BuildRunCanceled"},
        })
    }
}

impl Attempt {
    /// The merge patch that marks a BuildRun as that of this task, as [`Task::creation`] does.
    pub(crate) fn adoption(task: &Task) -> Value {
        json!({"metadata": {
            "labels": {annotations::LABEL_CUSTOM_RUN_UID: task.uid},
            "annotations": {annotations::CUSTOM_RUN: task.key.name},
        }})
    }

    /// The attempt that a BuildRun is.
    pub fn read(run: &Value) -> Self {
        let metadata = &run["metadata"];
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let note = |key: &str| metadata["annotations"][key].as_str();
        let label = text(&metadata["labels"][annotations::LABEL_CUSTOM_RUN_UID]);
        let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
        let mut tasks = owners.filter(|owner| {
            [TaskKind::CustomRun, TaskKind::Run].iter().any(|kind| owner["kind"] == kind.name())
        });
        let cause = note(annotations::CANCELED_FOR).and_then(CancelCause::parse);
        let at = note(annotations::CANCELED_AT).and_then(|at| at.parse().ok());
        Self {
            name: text(&metadata["name"]).unwrap_or_default(),
            has_label: label.is_some(),
            task_uid: label.or_else(|| text(&tasks.next()?["uid"])),
            state: RunState::read(run),
            canceled: cause.zip(at),
        }
    }
}

impl RunState {
    fn read(run: &Value) -> Self {
        match build_run::status(run) {
            RunStatus::Running { reason } if !matches!(reason.as_str(), "" | "Pending") => Self::Running,
            RunStatus::Waiting | RunStatus::Running { .. } => Self::Waiting,
            RunStatus::Ended { succeeded: true, .. } => Self::Succeeded { results: results::of(run) },
            RunStatus::Ended { reason, message, .. } => Self::Failed { reason, message },
        }
    }
}
