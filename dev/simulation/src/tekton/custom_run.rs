//! CustomRuns of custom tasks (Tekton docs, customruns.md).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::pipeline::{PipelineTask, TaskKind, TaskWorkspace};
use super::progress::{Results, States, TaskState};
use super::run::{PipelineRun, Succeeded};
use super::variables::Variables;
use super::{LAST_APPLIED, SIMULATE};
use crate::SIMULATED;

/// Limit of a name in bytes: it is also the value of a label.
const NAME_BYTES: usize = 63;

/// The reason for cancelling a CustomRun. Controllers of custom tasks compare the messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum CancelReason {
    Cancelled,
    TimedOut,
}

impl CancelReason {
    fn message(self) -> &'static str {
        match self {
            Self::Cancelled => "CustomRun cancelled as the PipelineRun it belongs_to to has been cancelled.",
            Self::TimedOut => "CustomRun cancelled as the PipelineRun it belongs_to to has timed out.",
        }
    }

    /// The merge patch that cancels.
    pub(super) fn patch(self) -> Value {
        json!({"spec": {"status": "RunCancelled", "statusMessage": self.message()}})
    }
}

/// The name of the CustomRun of a task: `<run>-<task>`; if that is too long, a prefix of it and a hash.
pub(super) fn name(run: &str, task: &str) -> String {
    let whole = format!("{run}-{task}");
    if whole.len() <= NAME_BYTES {
        return whole;
    }
    let hash = format!("{:016x}", fnv(whole.as_bytes()));
    let prefix: String = whole.chars().take(NAME_BYTES - hash.len() - 1).collect();
    format!("{}-{hash}", prefix.trim_end_matches(['-', '.']))
}

/// FNV-1a: a hash that is the same in all versions of the program. A run that continues after a restart must have the
/// same names.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Whether `custom_run` belongs_to to `run`.
pub(super) fn belongs_to(custom_run: &Value, run: &PipelineRun) -> bool {
    owner(custom_run).is_some_and(|owner| owner["uid"] == run.uid())
}

/// The owner reference to the PipelineRun that controls `custom_run`.
pub(super) fn owner(custom_run: &Value) -> Option<&Value> {
    let owners = custom_run.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    owners.iter().find(|owner| owner["controller"] == true && owner["kind"] == "PipelineRun")
}

/// Whether `custom_run` is running and has not been cancelled.
pub(super) fn needs_cancel(custom_run: &Value) -> bool {
    Succeeded::of(custom_run).0 == Succeeded::Unknown && custom_run["spec"]["status"] != "RunCancelled"
}

/// The state of the task of `custom_run`, from the condition `Succeeded`.
pub(super) fn state(custom_run: &Value) -> TaskState {
    match Succeeded::of(custom_run) {
        (Succeeded::Unknown, _) => TaskState::Running,
        (Succeeded::True, _) => TaskState::Succeeded(Results::Reported(results(custom_run))),
        (Succeeded::False, "CustomRunCancelled") => TaskState::Cancelled,
        (Succeeded::False, reason) => TaskState::Failed { reason: reason.to_owned() },
    }
}

fn results(custom_run: &Value) -> BTreeMap<String, String> {
    let results = custom_run.pointer("/status/results").and_then(Value::as_array);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pair = |result: &Value| Some((text(&result["name"])?, text(&result["value"])?));
    results.into_iter().flatten().filter_map(pair).collect()
}

/// An entry of `status.childReferences`.
pub(super) fn reference(custom_run: &Value, task: &str) -> Value {
    json!({
        "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun",
        "name": custom_run["metadata"]["name"], "pipelineTaskName": task,
    })
}

/// The CustomRun for a task, or `None` for a task that is not custom.
pub(super) fn render(
    run: &PipelineRun,
    task: &PipelineTask,
    is_final: bool,
    variables: &Variables,
    states: &States,
) -> Option<Value> {
    let (key, custom) = match task.kind() {
        TaskKind::Ordinary => return None,
        TaskKind::CustomRef(reference) => ("customRef", reference),
        TaskKind::CustomSpec(spec) => ("customSpec", spec),
    };
    let account = run.spec_text("/taskRunTemplate/serviceAccountName").unwrap_or("default");
    let mut spec =
        Map::from_iter([(key.to_owned(), custom.clone()), ("serviceAccountName".to_owned(), account.into())]);
    let mut add = |key: &str, value: Value| drop(spec.insert(key.to_owned(), value));
    if !task.params.is_empty() {
        let substitute = |value| variables.substitute(value, states);
        let params = task.params.iter().map(|p| json!({"name": p.name, "value": substitute(&p.value)}));
        add("params", params.collect());
    }
    if task.retries > 0 {
        add("retries", task.retries.into());
    }
    if let Some(timeout) = &task.timeout {
        add("timeout", timeout.as_str().into());
    }
    let workspaces: Vec<Value> = task.workspaces.iter().filter_map(|w| workspace(run, w)).collect();
    if !workspaces.is_empty() {
        add("workspaces", workspaces.into());
    }
    Some(json!({
        "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun",
        "metadata": {
            "name": name(run.name(), &task.name),
            "namespace": run.namespace(),
            "labels": labels(run, task, is_final, &custom),
            "annotations": annotations(run, &custom),
            "ownerReferences": [{
                "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": run.name(), "uid": run.uid(),
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    }))
}

fn own(custom: &Value, pointer: &str) -> BTreeMap<String, Value> {
    let map = custom.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn labels(run: &PipelineRun, task: &PipelineTask, is_final: bool, custom: &Value) -> BTreeMap<String, Value> {
    let mut labels = run.metadata("labels");
    labels.extend(own(custom, "/metadata/labels"));
    let member_of = if is_final { "finally" } else { "tasks" };
    for (key, value) in [
        ("tekton.dev/pipelineRun", run.name()),
        ("tekton.dev/pipelineRunUID", run.uid()),
        ("tekton.dev/pipelineTask", &task.name),
        ("tekton.dev/memberOf", member_of),
    ] {
        labels.insert(key.to_owned(), value.into());
    }
    labels
}

fn annotations(run: &PipelineRun, custom: &Value) -> BTreeMap<String, Value> {
    let mut annotations = run.metadata("annotations");
    annotations.retain(|key, _| key != LAST_APPLIED && key != SIMULATE);
    annotations.extend(own(custom, "/metadata/annotations"));
    annotations.insert(SIMULATED.to_owned(), "true".into());
    annotations
}

/// The workspace of a task with the binding of the run. An optional one without a binding is omitted.
fn workspace(run: &PipelineRun, workspace: &TaskWorkspace) -> Option<Value> {
    let of_pipeline = workspace.workspace.as_ref().unwrap_or(&workspace.name);
    let mut bound = run.workspace(of_pipeline)?.clone();
    bound["name"] = workspace.name.as_str().into();
    if let Some(below) = &workspace.sub_path {
        let path = bound["subPath"].as_str().filter(|path| !path.is_empty());
        bound["subPath"] = path.map_or_else(|| below.clone(), |path| format!("{path}/{below}")).into();
    }
    let template = bound.as_object_mut().and_then(|bound| bound.remove("volumeClaimTemplate"));
    if template.is_some() {
        // Tekton creates one claim per run and workspace, and passes its name on.
        let claim = format!("pvc-{:016x}", fnv(format!("{}/{of_pipeline}", run.uid()).as_bytes()));
        bound["persistentVolumeClaim"] = json!({"claimName": claim});
    }
    Some(bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trigger_devcluster::names::label_error;

    #[test]
    fn long_names_are_valid_and_distinct() {
        assert_eq!(name("run", "task"), "run-task");
        let run = format!("{}-", "r".repeat(45));
        let long = name(&run, &"t".repeat(40));
        assert_eq!((long.len() <= 63, label_error(&long)), (true, None), "{long}");
        assert_eq!(long, name(&run, &"t".repeat(40)));
        assert_ne!(long, name(&run, &"t".repeat(41)));
        assert!(!long.contains("--"), "{long}");
    }
}
