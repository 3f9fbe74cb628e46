//! The states of a run's tasks, and the tasks that can start.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pipeline::{Operator, Pipeline, PipelineTask};
use super::variables::Variables;

/// The states of tasks, by name.
pub(super) type States = BTreeMap<String, TaskState>;

/// The state of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TaskState {
    /// It waits for other tasks.
    Waiting,
    /// It can start.
    Ready,
    /// It has started and not ended.
    Running,
    /// It succeeded.
    Succeeded(Results),
    /// It failed.
    Failed {
        /// The reason that it reported.
        reason: String,
    },
    /// It was cancelled.
    Cancelled,
    /// It does not run.
    Skipped(SkipReason),
}

/// The results of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Results {
    /// An ordinary task runs nothing, so it has a placeholder for every name.
    Placeholders,
    /// The results that a CustomRun reported.
    Reported(BTreeMap<String, String>),
}

/// The reason for skipping a task; Tekton's `skippedTasks[].reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SkipReason {
    /// Its `when` is false.
    When,
    /// A result that it uses is missing.
    Results,
    /// A dependency was skipped, but not for its `when`.
    Parent,
    /// Another task failed.
    Stopping,
    /// The run has `CancelledRunFinally`.
    GracefullyCancelled,
    /// The run has `StoppedRunFinally`.
    GracefullyStopped,
}

/// A task uses a result that a succeeded task does not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("task {consumer:?} needs result {result:?} of task {task:?}, which has none of this name")]
pub(super) struct MissingResultError {
    consumer: String,
    task: String,
    result: String,
}

impl SkipReason {
    fn reason(self) -> &'static str {
        match self {
            Self::When => "When Expressions evaluated to false",
            Self::Results => "Results were missing",
            Self::Parent => "Parent Tasks were skipped",
            Self::Stopping => "PipelineRun was stopping",
            Self::GracefullyCancelled => "PipelineRun was gracefully cancelled",
            Self::GracefullyStopped => "PipelineRun was gracefully stopped",
        }
    }
}

impl TaskState {
    /// Whether the state is final.
    pub(super) fn is_final_state(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready | Self::Running)
    }

    /// The result `name`. A text that is a JSON array of texts becomes an array.
    pub(super) fn result(&self, name: &str) -> Option<Value> {
        match self {
            Self::Succeeded(Results::Placeholders) => Some(format!("simulated-{name}").into()),
            Self::Succeeded(Results::Reported(results)) => {
                let text = results.get(name)?;
                let list: Option<Vec<String>> = serde_json::from_str(text).ok();
                let list = list.filter(|list| !list.is_empty());
                Some(list.map_or_else(|| text.as_str().into(), |list| json!(list)))
            }
            _ => None,
        }
    }

    /// `$(tasks.t.status)`.
    pub(super) fn status_text(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "Succeeded",
            Self::Failed { .. } | Self::Cancelled => "Failed",
            _ => "None",
        }
    }
}

/// The states of all tasks of a run.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    pipeline: &'a Pipeline,
    /// The states of `tasks` and `finally`.
    pub(super) states: States,
}

/// The number of tasks per state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    pub(super) cancelled: usize,
    pub(super) skipped: usize,
    pub(super) incomplete: usize,
}

impl<'a> Progress<'a> {
    /// Evaluates the tasks that have not started by those that have, `observed`. With `stop`, only tasks of `finally`
    /// can still start.
    pub(super) fn evaluate(
        pipeline: &'a Pipeline,
        observed: &States,
        variables: &Variables,
        stop: Option<SkipReason>,
    ) -> Result<Self, MissingResultError> {
        let has_failed = |task: &PipelineTask| {
            matches!(observed.get(&task.name), Some(TaskState::Failed { .. } | TaskState::Cancelled))
        };
        let stop = stop.or_else(|| pipeline.tasks.iter().any(has_failed).then_some(SkipReason::Stopping));
        let mut states = States::new();
        for task in &pipeline.tasks {
            let state = match observed.get(&task.name) {
                Some(state) => state.clone(),
                None => evaluate_task(task, &states, variables, stop)?,
            };
            states.insert(task.name.clone(), state);
        }
        let are_all_final = states.values().all(TaskState::is_final_state);
        let of_finally = pipeline.finally.iter().map(|task| {
            let state = match observed.get(&task.name) {
                Some(state) => state.clone(),
                None if are_all_final => evaluate_final(task, &states, variables),
                None => TaskState::Waiting,
            };
            (task.name.clone(), state)
        });
        let of_finally: Vec<_> = of_finally.collect();
        // A task of `finally` sees the states of `tasks`, not of its siblings.
        states.extend(of_finally);
        Ok(Self { pipeline, states })
    }

    /// The tasks that can start, and whether they belong to `finally`.
    pub(super) fn ready(&self) -> Vec<(&'a PipelineTask, bool)> {
        let tasks = self.pipeline.tasks.iter().map(|task| (task, false));
        let all = tasks.chain(self.pipeline.finally.iter().map(|task| (task, true)));
        all.filter(|(task, _)| self.states.get(&task.name) == Some(&TaskState::Ready)).collect()
    }

    /// The states of `tasks`, without those of `finally`.
    pub(super) fn of_tasks(&self) -> States {
        let is_task = |name: &str| self.pipeline.tasks.iter().any(|task| task.name == name);
        self.states
            .iter()
            .filter(|(name, _)| is_task(name))
            .map(|(name, state)| (name.clone(), state.clone()))
            .collect()
    }

    /// Whether a task has failed while others are running.
    pub(super) fn is_stopping(&self) -> bool {
        let of_tasks = self.of_tasks();
        let has_failed = |state: &TaskState| matches!(state, TaskState::Failed { .. } | TaskState::Cancelled);
        of_tasks.values().any(has_failed) && !of_tasks.values().all(TaskState::is_final_state)
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for state in self.states.values() {
            match state {
                TaskState::Succeeded(_) => counts.succeeded += 1,
                TaskState::Failed { .. } => counts.failed += 1,
                TaskState::Cancelled => counts.cancelled += 1,
                TaskState::Skipped(_) => counts.skipped += 1,
                TaskState::Waiting | TaskState::Ready | TaskState::Running => counts.incomplete += 1,
            }
        }
        counts
    }

    /// `status.skippedTasks`.
    pub(super) fn skipped(&self) -> Vec<Value> {
        let skipped = |task: &PipelineTask| match self.states.get(&task.name) {
            Some(TaskState::Skipped(skip)) => Some(json!({"name": task.name, "reason": skip.reason()})),
            _ => None,
        };
        self.pipeline.all_tasks().filter_map(skipped).collect()
    }

    /// A message for each failed task.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = |(name, state): (&String, &TaskState)| match state {
            TaskState::Failed { reason } => Some(format!("task {name:?} failed: {reason}")),
            _ => None,
        };
        self.states.iter().filter_map(failed).collect()
    }
}

fn evaluate_task(
    task: &PipelineTask,
    states: &States,
    variables: &Variables,
    stop: Option<SkipReason>,
) -> Result<TaskState, MissingResultError> {
    let dependencies: Vec<_> = task.dependencies().into_iter().filter_map(|name| states.get(name)).collect();
    let is_passed = |state: &&TaskState| matches!(state, TaskState::Succeeded(_) | TaskState::Skipped(_));
    if !dependencies.iter().all(is_passed) {
        return Ok(stop.map_or(TaskState::Waiting, TaskState::Skipped));
    }
    let is_skipped = |name: &str| matches!(states.get(name), Some(TaskState::Skipped(_)));
    if task.needed_results().into_iter().any(|(other, _)| is_skipped(other)) {
        return Ok(TaskState::Skipped(stop.unwrap_or(SkipReason::Results)));
    }
    if dependencies.iter().any(|state| matches!(state, TaskState::Skipped(skip) if *skip != SkipReason::When))
    {
        return Ok(TaskState::Skipped(stop.unwrap_or(SkipReason::Parent)));
    }
    let missing = missing_result(task, states);
    if missing.is_none() && !conditions_hold(task, states, variables) {
        return Ok(TaskState::Skipped(SkipReason::When));
    }
    match (stop, missing) {
        (Some(skip), _) => Ok(TaskState::Skipped(skip)),
        (None, Some(missing)) => Err(missing),
        (None, None) => Ok(TaskState::Ready),
    }
}

/// A task of `finally` starts when all others have ended, with any result.
fn evaluate_final(task: &PipelineTask, states: &States, variables: &Variables) -> TaskState {
    if missing_result(task, states).is_some() {
        TaskState::Skipped(SkipReason::Results)
    } else if conditions_hold(task, states, variables) {
        TaskState::Ready
    } else {
        TaskState::Skipped(SkipReason::When)
    }
}

fn missing_result(task: &PipelineTask, states: &States) -> Option<MissingResultError> {
    let has = |other: &str, name: &str| states.get(other).is_some_and(|state| state.result(name).is_some());
    let (other, result) = task.needed_results().into_iter().find(|(other, name)| !has(other, name))?;
    Some(MissingResultError {
        consumer: task.name.clone(),
        task: other.to_owned(),
        result: result.to_owned(),
    })
}

/// Whether all `when` expressions of a task are true.
fn conditions_hold(task: &PipelineTask, states: &States, variables: &Variables) -> bool {
    task.when.iter().all(|when| {
        let input = variables.substitute(&when.input, states);
        let values = variables.substitute(&when.values, states);
        let is_among = values.as_array().is_some_and(|values| values.contains(&input));
        is_among == (when.operator == Operator::In)
    })
}
