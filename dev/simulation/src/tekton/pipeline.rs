//! The spec of a Pipeline, validated as Tekton's webhook does.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::reference::{self, Reference};
use crate::go_time::go_duration;
use trigger_devcluster::names::label_error;

/// The spec of a Pipeline. Every task comes after the tasks that it depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pipeline {
    pub(super) params: Vec<ParamSpec>,
    pub(super) workspaces: Vec<WorkspaceSpec>,
    pub(super) tasks: Vec<PipelineTask>,
    pub(super) finally: Vec<PipelineTask>,
    pub(super) results: Vec<NamedValue>,
}

/// A parameter of a Pipeline.
#[derive(Debug, Deserialize)]
pub(super) struct ParamSpec {
    pub(super) name: String,
    pub(super) default: Option<Value>,
}

/// A workspace of a Pipeline.
#[derive(Debug, Deserialize)]
pub(super) struct WorkspaceSpec {
    pub(super) name: String,
    #[serde(default)]
    pub(super) optional: bool,
}

/// The value of a parameter or a result.
#[derive(Debug, Deserialize)]
pub(super) struct NamedValue {
    pub(super) name: String,
    #[serde(default = "empty_text")]
    pub(super) value: Value,
}

/// The default of an absent value, as in Go.
fn empty_text() -> Value {
    Value::String(String::new())
}

/// A task of a Pipeline.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PipelineTask {
    pub(super) name: String,
    task_ref: Option<Value>,
    task_spec: Option<Value>,
    #[serde(default)]
    pub(super) params: Vec<NamedValue>,
    #[serde(default)]
    pub(super) run_after: Vec<String>,
    #[serde(default)]
    pub(super) when: Vec<WhenExpression>,
    #[serde(default)]
    pub(super) retries: u32,
    pub(super) timeout: Option<String>,
    #[serde(default)]
    pub(super) workspaces: Vec<TaskWorkspace>,
}

/// A condition for running a task.
#[derive(Debug, Deserialize)]
pub(super) struct WhenExpression {
    /// A text, possibly with references.
    pub(super) input: Value,
    pub(super) operator: Operator,
    /// Texts, possibly with references.
    pub(super) values: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Operator {
    In,
    NotIn,
}

/// A workspace of a task, bound to one of the Pipeline.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskWorkspace {
    pub(super) name: String,
    pub(super) workspace: Option<String>,
    pub(super) sub_path: Option<String>,
}

/// The kind of a task, which decides who runs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TaskKind {
    /// Tekton runs it in a pod.
    Ordinary,
    /// The controller of the referenced kind runs it; `customRef` of a CustomRun.
    CustomRef(Value),
    /// The controller of the embedded kind runs it; `customSpec` of a CustomRun.
    CustomSpec(Value),
}

impl PipelineTask {
    /// The kind of the task. Any API version makes it custom, also one of Tekton's own (tektoncd/pipeline#6457).
    pub(super) fn kind(&self) -> TaskKind {
        let is_custom = |value: &&Value| text(value, "apiVersion").is_some();
        let take = |value: &Value, keys: &[&str]| -> Value {
            let known = keys.iter().filter_map(|key| Some(((*key).to_owned(), value.get(key)?.clone())));
            known.collect()
        };
        if let Some(reference) = self.task_ref.as_ref().filter(is_custom) {
            return TaskKind::CustomRef(take(reference, &["apiVersion", "kind", "name"]));
        }
        match self.task_spec.as_ref().filter(is_custom) {
            Some(spec) => TaskKind::CustomSpec(take(spec, &["apiVersion", "kind", "metadata", "spec"])),
            None => TaskKind::Ordinary,
        }
    }

    /// The results of other tasks that it uses, as task and result.
    pub(super) fn needed_results(&self) -> BTreeSet<(&str, &str)> {
        let mut found = BTreeSet::new();
        let params = self.params.iter().map(|param| &param.value);
        let when = self.when.iter().flat_map(|when| [&when.input, &when.values]);
        for value in params.chain(when) {
            reference::each(value, &mut |reference| {
                if let Reference::Result { task, name, .. } = reference {
                    found.insert((task, name));
                }
            });
        }
        found
    }

    /// The tasks that must end before it starts.
    pub(super) fn dependencies(&self) -> BTreeSet<&str> {
        let order = self.run_after.iter().map(String::as_str);
        order.chain(self.needed_results().into_iter().map(|(task, _)| task)).collect()
    }

    fn validation_error(&self) -> Option<String> {
        let name = &self.name;
        if let Some(error) = label_error(name) {
            return Some(format!("the name of task {name:?} is not valid: {error}"));
        }
        if self.task_ref.is_some() == self.task_spec.is_some() {
            return Some(format!("task {name:?} needs one of taskRef and taskSpec"));
        }
        let error = match self.kind() {
            TaskKind::Ordinary if self.task_spec.is_none() => {
                let reference = self.task_ref.as_ref();
                let is_named = reference.is_some_and(|r| text(r, "name").or(text(r, "resolver")).is_some());
                (!is_named).then_some("its taskRef names no task")
            }
            TaskKind::Ordinary => None,
            TaskKind::CustomRef(custom) | TaskKind::CustomSpec(custom) => {
                text(&custom, "kind").is_none().then_some("a custom task needs a kind")
            }
        };
        let timeout = self.timeout.as_deref().is_some_and(|timeout| go_duration(timeout).is_none());
        let error = error.or(timeout.then_some("its timeout is not a duration"))?;
        Some(format!("task {name:?} is not valid: {error}"))
    }
}

impl Pipeline {
    /// Parses and validates a spec. The error is the message of the run's condition.
    pub(super) fn parse(spec: &Value) -> Result<Self, String> {
        let mut pipeline: Self = serde_json::from_value(without_nulls(spec))
            .map_err(|error| format!("the pipeline cannot be read: {error}"))?;
        if pipeline.tasks.is_empty() {
            return Err("the pipeline has no tasks".to_owned());
        }
        let mut names = BTreeSet::new();
        for task in pipeline.all_tasks() {
            if let Some(error) = task.validation_error() {
                return Err(error);
            }
            if !names.insert(task.name.as_str()) {
                return Err(format!("two tasks have the name {:?}", task.name));
            }
        }
        let known: BTreeSet<&str> = pipeline.tasks.iter().map(|task| task.name.as_str()).collect();
        for task in pipeline.all_tasks() {
            if let Some(unknown) = task.dependencies().into_iter().find(|other| !known.contains(other)) {
                return Err(format!("task {:?} waits for {unknown:?}, which is no task", task.name));
            }
        }
        if let Some(task) = pipeline.finally.iter().find(|task| !task.run_after.is_empty()) {
            return Err(format!("task {:?} is among finally and cannot have runAfter", task.name));
        }
        pipeline.tasks = sort_by_dependencies(pipeline.tasks)?;
        Ok(pipeline)
    }

    /// The tasks, followed by those of `finally`.
    pub(super) fn all_tasks(&self) -> impl Iterator<Item = &PipelineTask> {
        self.tasks.iter().chain(&self.finally)
    }
}

/// Sorts tasks so that every task comes after its dependencies.
fn sort_by_dependencies(mut waiting: Vec<PipelineTask>) -> Result<Vec<PipelineTask>, String> {
    let mut ordered: Vec<PipelineTask> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_placed = |name: &str| ordered.iter().any(|task| task.name == name);
        let next = waiting.iter().position(|task| task.dependencies().into_iter().all(is_placed));
        let Some(next) = next else {
            let names: Vec<&str> = waiting.iter().map(|task| task.name.as_str()).collect();
            return Err(format!("tasks wait for each other in a cycle: {}", names.join(", ")));
        };
        ordered.push(waiting.remove(next));
    }
    Ok(ordered)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// `value` without null fields, which Go treats as absent.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let present = fields.iter().filter(|(_, field)| !field.is_null());
            present.map(|(key, field)| (key.clone(), without_nulls(field))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(pipeline: &Pipeline) -> Vec<&str> {
        pipeline.tasks.iter().map(|task| task.name.as_str()).collect()
    }

    #[test]
    fn tasks_come_after_their_dependencies() {
        let spec = json!({"finally": null, "tasks": [
            {"name": "c", "taskRef": {"name": "t"}, "when": [
                {"input": "$(tasks.b.results.r)", "operator": "in", "values": ["x"]}]},
            {"name": "b", "taskRef": {"name": "t"}, "params": [{"name": "p", "value": ["$(tasks.a.results.r)"]}]},
            {"name": "d", "taskSpec": {"steps": []}, "runAfter": ["c"]},
            {"name": "a", "taskRef": {"name": "t"}}]});
        assert_eq!(names(&Pipeline::parse(&spec).unwrap()), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_task_with_an_api_version_is_custom() {
        let spec = json!({"tasks": [
            {"name": "a", "taskRef": {"apiVersion": "x/v1", "kind": "Thing", "name": "n"}},
            {"name": "b", "taskSpec": {"apiVersion": "x/v1", "kind": "Thing", "spec": {"k": 1}}},
            {"name": "c", "taskRef": {"kind": "Task", "name": "n"}},
            {"name": "d", "taskSpec": {"steps": []}}]});
        let pipeline = Pipeline::parse(&spec).unwrap();
        let kinds: Vec<_> = pipeline.tasks.iter().map(PipelineTask::kind).collect();
        let expected = [
            TaskKind::CustomRef(json!({"apiVersion": "x/v1", "kind": "Thing", "name": "n"})),
            TaskKind::CustomSpec(json!({"apiVersion": "x/v1", "kind": "Thing", "spec": {"k": 1}})),
            TaskKind::Ordinary,
            TaskKind::Ordinary,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn the_error_names_what_is_invalid() {
        let task = |name: &str, more: Value| {
            let mut task = json!({"name": name, "taskRef": {"name": "t"}});
            task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            task
        };
        let plain = |name: &str| task(name, json!({}));
        let cases = [
            (json!({}), "no tasks"),
            (json!({"tasks": "many"}), "cannot be read"),
            (json!({"tasks": [plain("A b")]}), "not valid"),
            (json!({"tasks": [plain("a"), plain("a")]}), "two tasks"),
            (json!({"tasks": [plain("a")], "finally": [plain("a")]}), "two tasks"),
            (json!({"tasks": [{"name": "a"}]}), "one of taskRef and taskSpec"),
            (json!({"tasks": [task("a", json!({"taskRef": {}}))]}), "names no task"),
            (json!({"tasks": [task("a", json!({"taskRef": {"apiVersion": "x/v1"}}))]}), "a kind"),
            (json!({"tasks": [task("a", json!({"timeout": "soon"}))]}), "not a duration"),
            (json!({"tasks": [task("a", json!({"runAfter": ["b"]}))]}), "no task"),
            (json!({"tasks": [task("a", json!({"when": [{"cel": "1 == 1"}]}))]}), "cannot be read"),
            (
                json!({"tasks": [plain("a")], "finally": [task("f", json!({"runAfter": ["a"]}))]}),
                "cannot have runAfter",
            ),
            (
                json!({"tasks": [task("a", json!({"runAfter": ["b"]})), task("b", json!({"runAfter": ["a"]}))]}),
                "cycle",
            ),
            (json!({"tasks": [task("a", json!({"runAfter": ["a"]}))]}), "cycle"),
        ];
        for (spec, expected) in cases {
            let error = Pipeline::parse(&spec).unwrap_err();
            assert!(error.contains(expected), "{spec}: {error}");
        }
    }
}
