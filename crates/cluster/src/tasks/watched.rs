//! The BuildRuns of tasks as their watch shows them, so that they need not be read.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use tokio::time::Instant;
use trigger_core::ObjectKey;
use trigger_tasks::{Attempt, RunState};

use crate::triggered_condition::SeenConditions;

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
        Self {
            // What came as JSON can be written as JSON.
            attempt: Attempt::read(&serde_json::to_value(run).unwrap_or_default()),
            conditions: SeenConditions::read(&run.metadata, run.data.get("status")),
            changed: Instant::now(),
        }
    }
}

impl WatchedRuns {
    /// Takes an event of the watch, or its failure, after which changes may be missed.
    pub(super) fn take(&self, event: &Result<watcher::Event<DynamicObject>, watcher::Error>) {
        match event {
            Ok(watcher::Event::Init) | Err(_) => self.runs().clear(),
            Ok(watcher::Event::InitApply(run) | watcher::Event::Apply(run)) => self.apply(run),
            Ok(watcher::Event::Delete(run)) => drop(self.runs().remove(&key(run))),
            Ok(watcher::Event::InitDone) => {}
        }
    }

    /// The BuildRun of this name, if the watch shows that it is under way.
    pub(super) fn get(&self, key: &ObjectKey) -> Option<WatchedRun> {
        self.runs().get(key).filter(|run| run.changed.elapsed() < BELIEVED_FOR).cloned()
    }

    fn apply(&self, run: &DynamicObject) {
        let (key, watched) = (key(run), WatchedRun::new(run));
        let goes_on = matches!(watched.attempt.state, RunState::Waiting | RunState::Running);
        let mut runs = self.runs();
        if !goes_on || run.metadata.deletion_timestamp.is_some() {
            runs.remove(&key);
        } else if runs.len() < MAX_WATCHED_RUNS || runs.contains_key(&key) {
            runs.insert(key, watched);
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<ObjectKey, WatchedRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(run: &DynamicObject) -> ObjectKey {
    ObjectKey::new(run.namespace().unwrap_or_default(), run.name_any())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn run(name: &str, status: &str) -> DynamicObject {
        let condition = json!({"type": "Succeeded", "status": status, "reason": "Running"});
        serde_json::from_value(json!({
            "metadata": {"namespace": "team-a", "name": name, "resourceVersion": "7"},
            "status": {"conditions": [condition]},
        }))
        .unwrap()
    }

    #[test]
    fn runs_are_remembered_while_they_go_on_and_their_watch_works() {
        let runs = WatchedRuns::default();
        let known = |name: &str| runs.get(&ObjectKey::new("team-a", name)).is_some();
        let apply = |name: &str, status: &str| runs.take(&Ok(watcher::Event::Apply(run(name, status))));
        for name in ["ends", "deleted", "kept"] {
            apply(name, "Unknown");
            assert!(known(name));
        }
        apply("ends", "False");
        runs.take(&Ok(watcher::Event::Delete(run("deleted", "Unknown"))));
        let mut going = run("kept", "Unknown");
        assert_eq!(["ends", "deleted", "kept"].map(known), [false, false, true]);
        going.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        runs.take(&Ok(watcher::Event::Apply(going)));
        assert!(!known("kept"));
        apply("kept", "Unknown");
        let failure = Status::failure("words", "Expired").with_code(410).boxed();
        runs.take(&Err(watcher::Error::WatchError(failure)));
        assert!(!known("kept"), "a change may have been missed");
    }

    #[test]
    fn a_full_memory_has_later_runs_read() {
        let runs = WatchedRuns::default();
        for number in 0..=MAX_WATCHED_RUNS {
            runs.take(&Ok(watcher::Event::Apply(run(&format!("run-{number}"), "Unknown"))));
        }
        assert_eq!(runs.runs().len(), MAX_WATCHED_RUNS);
    }
}
