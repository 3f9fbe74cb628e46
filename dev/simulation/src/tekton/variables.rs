//! The values of references.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pipeline::{NamedValue, Pipeline};
use super::progress::{States, TaskState};
use super::reference::{self, Reference};

/// The values that a run has before any task has ended.
#[derive(Debug, Default)]
pub(super) struct Variables {
    params: BTreeMap<String, Value>,
    context: BTreeMap<&'static str, String>,
}

impl Variables {
    /// The variables of a run with these parameters. The error lists the missing ones.
    pub(super) fn new(
        pipeline: &Pipeline,
        given: Vec<NamedValue>,
        context: BTreeMap<&'static str, String>,
    ) -> Result<Self, String> {
        let mut params: BTreeMap<_, _> = given.into_iter().map(|param| (param.name, param.value)).collect();
        let mut missing = Vec::new();
        for param in &pipeline.params {
            match &param.default {
                _ if params.contains_key(&param.name) => {}
                Some(default) => drop(params.insert(param.name.clone(), default.clone())),
                None => missing.push(param.name.as_str()),
            }
        }
        if missing.is_empty() {
            return Ok(Self { params, context });
        }
        Err(format!("the run does not give these parameters: {}", missing.join(", ")))
    }

    /// `value` with all references substituted that have a value in these states.
    pub(super) fn substitute(&self, value: &Value, states: &States) -> Value {
        reference::substitute(value, &|reference| self.look_up(reference, states))
    }

    /// As [`Self::substitute`], but `None` if a result is missing.
    pub(super) fn substitute_complete(&self, value: &Value, states: &States) -> Option<Value> {
        let mut is_complete = true;
        reference::each(value, &mut |reference| {
            let is_result = matches!(reference, Reference::Result { .. });
            is_complete &= !is_result || self.look_up(reference, states).is_some();
        });
        is_complete.then(|| self.substitute(value, states))
    }

    fn look_up(&self, reference: Reference<'_>, states: &States) -> Option<Value> {
        match reference {
            Reference::Param { name, part } => part.of(&self.param(name)?),
            Reference::Result { task, name, part } => part.of(&states.get(task)?.result(name)?),
            Reference::TaskStatus { task } => Some(states.get(task)?.status_text().into()),
            Reference::TasksStatus => Some(overall(states).into()),
            Reference::Context { path } => self.context.get(path).map(|text| text.as_str().into()),
        }
    }

    /// A parameter, or a field of an object parameter.
    fn param(&self, name: &str) -> Option<Value> {
        self.params.get(name).cloned().or_else(|| {
            let (object, key) = name.rsplit_once('.')?;
            self.params.get(object)?.get(key).cloned()
        })
    }
}

/// `$(tasks.status)`, which only tasks of `finally` can use.
fn overall(states: &States) -> &'static str {
    let has_failed = |state: &TaskState| matches!(state, TaskState::Failed { .. } | TaskState::Cancelled);
    if states.values().any(has_failed) {
        "Failed"
    } else if !states.values().all(TaskState::is_final_state) {
        "None"
    } else if states.values().any(|state| matches!(state, TaskState::Skipped(_))) {
        "Completed"
    } else {
        "Succeeded"
    }
}
