//! The BuildRuns of tasks as their watch shows them, so that they need not be read.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use serde_json::Value;
use tokio::time::Instant;
use tracing::warn;
use trigger_api::annotations;
use trigger_core::ObjectKey;
use trigger_tasks::{Attempt, RunState};

use crate::triggered_condition::SeenConditions;
use crate::watch::Unread;

/// The number of BuildRuns that are remembered, at about half a kilobyte each. Others are read when they are needed.
pub(crate) const MAX_WATCHED_RUNS: usize = 10_000;
/// A BuildRun without a change for so long is read: its watch may hang.
const BELIEVED_FOR: Duration = Duration::from_mins(5);

/// The BuildRuns that have not ended. What ends a task is read from the API server, which a watch lags behind.
#[derive(Default)]
pub(super) struct WatchedRuns(Mutex<HashMap<ObjectKey, WatchedRun>>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct WatchedRun {
    pub(super) attempt: Attempt,
    pub(super) conditions: SeenConditions,
    /// When its version last changed.
    pub(super) changed: Instant,
}

impl WatchedRun {
    /// A BuildRun as it is now.
    pub(super) fn new(run: &DynamicObject) -> Self {
        // What came as JSON can be written as JSON.
        Self::of(&run.metadata, &serde_json::to_value(run).unwrap_or_default())
    }

    /// The same of its JSON.
    pub(super) fn of(metadata: &ObjectMeta, run: &Value) -> Self {
        Self {
            attempt: Attempt::read(run),
            conditions: SeenConditions::read(metadata, run.get("status")),
            changed: Instant::now(),
        }
    }
}

impl WatchedRuns {
    /// Takes an event of the watch, or its failure, after which changes may be missed. Returns the failure, or the BuildRun that
    /// has changed: without its content, and with the annotation that names its task.
    pub(super) fn take(
        &self,
        event: Result<watcher::Event<Unread<DynamicObject>>, watcher::Error>,
    ) -> Option<Result<DynamicObject, watcher::Error>> {
        let (run, is_there) = match event {
            Ok(watcher::Event::InitApply(run) | watcher::Event::Apply(run)) => (run, true),
            Ok(watcher::Event::Delete(run)) => (run, false),
            Ok(watcher::Event::InitDone) => return None,
            Ok(watcher::Event::Init) => {
                self.runs().clear();
                return None;
            }
            Err(error) => {
                self.runs().clear();
                return Some(Err(error));
            }
        };
        let key = key(&run);
        let value = match run.value() {
            Ok(value) => value,
            Err(error) => {
                self.runs().remove(&key);
                warn!(run = %key, error = %error, "a BuildRun of a custom task cannot be read and is left out");
                return None;
            }
        };
        if is_there {
            self.apply(key, &run.metadata, &value);
        } else {
            self.runs().remove(&key);
        }
        let mut metadata = run.metadata;
        let task = value["metadata"]["annotations"][annotations::CUSTOM_RUN].as_str();
        metadata.annotations =
            task.map(|task| [(annotations::CUSTOM_RUN.to_owned(), task.to_owned())].into());
        Some(Ok(DynamicObject { types: None, metadata, data: Value::Null }))
    }

    /// The BuildRun of this name, if the watch shows that it is under way.
    pub(super) fn get(&self, key: &ObjectKey) -> Option<WatchedRun> {
        self.runs().get(key).filter(|run| run.changed.elapsed() < BELIEVED_FOR).cloned()
    }

    fn apply(&self, key: ObjectKey, metadata: &ObjectMeta, run: &Value) {
        let watched = WatchedRun::of(metadata, run);
        let goes_on = matches!(watched.attempt.state, RunState::Waiting | RunState::Running);
        let mut runs = self.runs();
        if !goes_on || !run["metadata"]["deletionTimestamp"].is_null() {
            runs.remove(&key);
        } else if runs.len() < MAX_WATCHED_RUNS || runs.contains_key(&key) {
            runs.insert(key, watched);
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<ObjectKey, WatchedRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(run: &Unread<DynamicObject>) -> ObjectKey {
    ObjectKey::new(run.namespace().unwrap_or_default(), run.name_any())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn value(name: &str, status: &str) -> Value {
        let condition = json!({"type": "Succeeded", "status": status, "reason": "Running"});
        let note = json!({annotations::CUSTOM_RUN: "release"});
        json!({
            "metadata": {"namespace": "team-a", "name": name, "resourceVersion": "7", "annotations": note},
            "status": {"conditions": [condition]},
        })
    }

    fn run(name: &str, status: &str) -> Unread<DynamicObject> {
        serde_json::from_value(value(name, status)).unwrap()
    }

    #[test]
    fn runs_are_remembered_while_they_go_on_and_their_watch_works() {
        let runs = WatchedRuns::default();
        let known = |name: &str| runs.get(&ObjectKey::new("team-a", name)).is_some();
        let apply = |name: &str, status: &str| {
            let touched = runs.take(Ok(watcher::Event::Apply(run(name, status)))).unwrap().unwrap();
            assert_eq!(touched.annotations()[annotations::CUSTOM_RUN], "release");
        };
        for name in ["ends", "deleted", "kept"] {
            apply(name, "Unknown");
            assert!(known(name));
        }
        apply("ends", "False");
        assert!(runs.take(Ok(watcher::Event::Delete(run("deleted", "Unknown")))).is_some());
        let mut going = value("kept", "Unknown");
        assert_eq!(["ends", "deleted", "kept"].map(known), [false, false, true]);
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        runs.take(Ok(watcher::Event::Apply(serde_json::from_value(going).unwrap())));
        assert!(!known("kept"));
        apply("kept", "Unknown");
        let failure = Status::failure("words", "Expired").with_code(410).boxed();
        assert!(runs.take(Err(watcher::Error::WatchError(failure))).is_some_and(|told| told.is_err()));
        assert!(!known("kept"), "a change may have been missed");
        apply("kept", "Unknown");
        let mut large = value("kept", "Unknown");
        large["spec"] = vec![json!({"a": 0}); 100_000].into();
        assert!(runs.take(Ok(watcher::Event::Apply(serde_json::from_value(large).unwrap()))).is_none());
        assert!(!known("kept"), "it may have ended");
    }

    #[test]
    fn a_full_memory_has_later_runs_read() {
        let runs = WatchedRuns::default();
        for number in 0..=MAX_WATCHED_RUNS {
            runs.take(Ok(watcher::Event::Apply(run(&format!("run-{number}"), "Unknown"))));
        }
        assert_eq!(runs.runs().len(), MAX_WATCHED_RUNS);
    }
}
