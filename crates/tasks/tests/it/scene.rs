//! Tasks and BuildRuns as the API server would give them, and steps as one line of text.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use trigger_tasks::{Attempt, CancelCause, NamedBuild, ObservedRun, Step, Task};

pub const CREATED: &str = "2026-01-02T03:00:00Z";

/// So many seconds after the task was created.
pub fn at(seconds: i64) -> Timestamp {
    CREATED.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// The fields of `more` laid over those of `base`.
pub fn with(mut base: Value, more: &Value) -> Value {
    json_patch::merge(&mut base, more);
    base
}

/// A CustomRun that asks for the Build `web`, changed by a merge patch.
pub fn custom_run(change: &Value) -> Value {
    let base = json!({
        "metadata": {
            "name": "release-image", "namespace": "team-a", "uid": "uid-1", "resourceVersion": "7",
            "generation": 1, "creationTimestamp": CREATED,
        },
        "spec": {"customRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web"}},
    });
    with(base, change)
}

/// The same as a Run.
pub fn run(change: &Value) -> Value {
    let mut base = custom_run(&json!({}));
    let spec = base["spec"].as_object_mut().unwrap();
    let reference = spec.remove("customRef").unwrap();
    spec.insert("ref".to_owned(), reference);
    with(base, change)
}

pub fn read(custom_run: &Value) -> Option<Task> {
    Task::of_custom_run(&serde_json::from_value(custom_run.clone()).unwrap())
}

pub fn read_run(run: &Value) -> Option<Task> {
    Task::of_run(&serde_json::from_value(run.clone()).unwrap())
}

/// The BuildRun of the task's current attempt, with this condition, changed by a merge patch.
pub fn build_run(task: &Task, condition: Option<(&str, &str)>, change: &Value) -> Value {
    let mut object = task.creation(&NamedBuild::default()).unwrap().object;
    if let Some((status, reason)) = condition {
        let condition =
            json!({"type": "Succeeded", "status": status, "reason": reason, "message": "says it"});
        object["status"]["conditions"] = json!([{"type": "Triggered", "status": "True"}, condition]);
    }
    with(object, change)
}

pub fn seen(run: &Value) -> ObservedRun {
    ObservedRun::There(Attempt::read(run))
}

/// A step in one line: what is written, and which attempts had failed by then.
pub fn tell(step: &Step) -> String {
    match step {
        Step::Done => "leave".to_owned(),
        Step::Create => "create".to_owned(),
        Step::Adopt(_) => "adopt".to_owned(),
        Step::Cancel(CancelCause::Task, _) => "cancel for the task".to_owned(),
        Step::Cancel(CancelCause::Timeout, _) => "cancel for its time".to_owned(),
        Step::Wait(None) => "wait".to_owned(),
        Step::Wait(Some(until)) => format!("wait {}s", until.duration_since(at(0)).as_secs()),
        Step::Requeue => "look again".to_owned(),
        Step::Write(write) => {
            let failed = write.patch["status"]["retriesStatus"].as_array();
            let failed = failed.map(|failed| {
                let reasons = failed.iter().map(|status| status["conditions"][0]["reason"].as_str().unwrap());
                format!(" after {}", reasons.collect::<Vec<_>>().join(", "))
            });
            format!("{}/{}{}", write.said.status, write.said.reason, failed.unwrap_or_default())
        }
    }
}
