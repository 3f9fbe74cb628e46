//! How the tasks of a run stand, and which may be started.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pipeline::{Operator, Pipeline, PipelineTask};
use super::variables::Variables;

/// How the tasks stand, by name.
pub(super) type States = BTreeMap<String, TaskState>;

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TaskState {
    /// It waits for others.
    Waiting,
    /// It may be started.
    Ready,
    /// It is under way.
    Running,
    /// It ended well.
    Succeeded(Results),
    /// It ended badly.
    Failed {
        /// The reason that it gave.
        reason: String,
    },
    /// It was cancelled.
    Cancelled,
    /// It is not run.
    Skipped(Skip),
}

/// The results of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Results {
    /// Those of an ordinary task, which did nothing: it has whatever is asked for.
    Invented,
    /// Those that a CustomRun told.
    Told(BTreeMap<String, String>),
}

/// Why a task is not run; Tekton's `skippedTasks[].reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// Its `when` does not hold.
    When,
    /// A task whose result it needs gave none.
    Results,
    /// A task that it comes after was skipped, for another reason than its `when`.
    Parent,
    /// Another task failed.
    Stopping,
    /// `CancelledRunFinally` was asked for.
    GracefullyCancelled,
    /// `StoppedRunFinally` was asked for.
    GracefullyStopped,
}

/// A result that a task which ended well does not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("task {needy:?} needs result {result:?} of task {task:?}, which has none of this name")]
pub(super) struct MissingResult {
    needy: String,
    task: String,
    result: String,
}

impl Skip {
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
    /// Whether nothing more will become of it.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready | Self::Running)
    }

    /// The result `name`. A text that reads as a JSON array of texts is one.
    pub(super) fn result(&self, name: &str) -> Option<Value> {
        match self {
            Self::Succeeded(Results::Invented) => Some(format!("simulated-{name}").into()),
            Self::Succeeded(Results::Told(results)) => {
                let text = results.get(name)?;
                let list: Option<Vec<String>> = serde_json::from_str(text).ok();
                let list = list.filter(|list| !list.is_empty());
                Some(list.map_or_else(|| text.as_str().into(), |list| json!(list)))
            }
            _ => None,
        }
    }

    /// `$(tasks.t.status)`.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "Succeeded",
            Self::Failed { .. } | Self::Cancelled => "Failed",
            _ => "None",
        }
    }
}

/// How the tasks of a run stand, those of `finally` too.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    pipeline: &'a Pipeline,
    /// The states of `tasks` and `finally`.
    pub(super) states: States,
}

/// How many tasks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    pub(super) cancelled: usize,
    pub(super) skipped: usize,
    pub(super) incomplete: usize,
}

impl<'a> Progress<'a> {
    /// Judges the tasks that were not begun by those that were, `observed`. With `stop`, none but those of
    /// `finally` is begun any more.
    pub(super) fn judge(
        pipeline: &'a Pipeline,
        observed: &States,
        variables: &Variables,
        stop: Option<Skip>,
    ) -> Result<Self, MissingResult> {
        let is_bad = |task: &PipelineTask| {
            matches!(observed.get(&task.name), Some(TaskState::Failed { .. } | TaskState::Cancelled))
        };
        let stop = stop.or_else(|| pipeline.tasks.iter().any(is_bad).then_some(Skip::Stopping));
        let mut states = States::new();
        for task in &pipeline.tasks {
            let state = match observed.get(&task.name) {
                Some(state) => state.clone(),
                None => judge_task(task, &states, variables, stop)?,
            };
            states.insert(task.name.clone(), state);
        }
        let are_over = states.values().all(TaskState::is_over);
        let of_finally = pipeline.finally.iter().map(|task| {
            let state = match observed.get(&task.name) {
                Some(state) => state.clone(),
                None if are_over => judge_final(task, &states, variables),
                None => TaskState::Waiting,
            };
            (task.name.clone(), state)
        });
        let of_finally: Vec<_> = of_finally.collect();
        // What a task of `finally` asks for is how the others stand, not its siblings.
        states.extend(of_finally);
        Ok(Self { pipeline, states })
    }

    /// The tasks to start now, with whether they belong to `finally`.
    pub(super) fn ready(&self) -> Vec<(&'a PipelineTask, bool)> {
        let tasks = self.pipeline.tasks.iter().map(|task| (task, false));
        let all = tasks.chain(self.pipeline.finally.iter().map(|task| (task, true)));
        all.filter(|(task, _)| self.states.get(&task.name) == Some(&TaskState::Ready)).collect()
    }

    /// The states of the tasks without those of `finally`.
    pub(super) fn of_tasks(&self) -> States {
        let is_task = |name: &str| self.pipeline.tasks.iter().any(|task| task.name == name);
        self.states
            .iter()
            .filter(|(name, _)| is_task(name))
            .map(|(name, state)| (name.clone(), state.clone()))
            .collect()
    }

    /// Whether a task failed while others are under way.
    pub(super) fn is_stopping(&self) -> bool {
        let of_tasks = self.of_tasks();
        let is_bad = |state: &TaskState| matches!(state, TaskState::Failed { .. } | TaskState::Cancelled);
        of_tasks.values().any(is_bad) && !of_tasks.values().all(TaskState::is_over)
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

    /// A sentence about each task that failed.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = |(name, state): (&String, &TaskState)| match state {
            TaskState::Failed { reason } => Some(format!("task {name:?} failed: {reason}")),
            _ => None,
        };
        self.states.iter().filter_map(failed).collect()
    }
}

fn judge_task(
    task: &PipelineTask,
    states: &States,
    variables: &Variables,
    stop: Option<Skip>,
) -> Result<TaskState, MissingResult> {
    let waits_for: Vec<_> = task.waits_for().into_iter().filter_map(|name| states.get(name)).collect();
    let is_passed = |state: &&TaskState| matches!(state, TaskState::Succeeded(_) | TaskState::Skipped(_));
    if !waits_for.iter().all(is_passed) {
        return Ok(stop.map_or(TaskState::Waiting, TaskState::Skipped));
    }
    let is_skipped = |name: &str| matches!(states.get(name), Some(TaskState::Skipped(_)));
    if task.needs().into_iter().any(|(other, _)| is_skipped(other)) {
        return Ok(TaskState::Skipped(stop.unwrap_or(Skip::Results)));
    }
    if waits_for.iter().any(|state| matches!(state, TaskState::Skipped(skip) if *skip != Skip::When)) {
        return Ok(TaskState::Skipped(stop.unwrap_or(Skip::Parent)));
    }
    let missing = missing_result(task, states);
    if missing.is_none() && !holds(task, states, variables) {
        return Ok(TaskState::Skipped(Skip::When));
    }
    match (stop, missing) {
        (Some(skip), _) => Ok(TaskState::Skipped(skip)),
        (None, Some(missing)) => Err(missing),
        (None, None) => Ok(TaskState::Ready),
    }
}

/// A task of `finally` begins when the others are over, however they ended.
fn judge_final(task: &PipelineTask, states: &States, variables: &Variables) -> TaskState {
    if missing_result(task, states).is_some() {
        TaskState::Skipped(Skip::Results)
    } else if holds(task, states, variables) {
        TaskState::Ready
    } else {
        TaskState::Skipped(Skip::When)
    }
}

fn missing_result(task: &PipelineTask, states: &States) -> Option<MissingResult> {
    let has = |other: &str, name: &str| states.get(other).is_some_and(|state| state.result(name).is_some());
    let (other, result) = task.needs().into_iter().find(|(other, name)| !has(other, name))?;
    Some(MissingResult { needy: task.name.clone(), task: other.to_owned(), result: result.to_owned() })
}

/// Whether all of its `when` hold.
fn holds(task: &PipelineTask, states: &States, variables: &Variables) -> bool {
    task.when.iter().all(|when| {
        let input = variables.fill_in(&when.input, states);
        let values = variables.fill_in(&when.values, states);
        let is_among = values.as_array().is_some_and(|values| values.contains(&input));
        is_among == (when.operator == Operator::In)
    })
}
