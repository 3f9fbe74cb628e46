//! When which run is looked at: after a change of it or of one of its CustomRuns, and when its time has come.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::custom_run::owner;
use super::visit::visit;
use super::{custom_run_resource, pipeline_resource, run_resource};
use crate::{RETRY, SimulationOptions};
use trigger_devcluster::{ApiError, StoreHandle, StoreWatch};

/// Namespace and name of a PipelineRun.
type Key = (String, String);

/// Runs every PipelineRun of a namespace, or of all where it is empty, for as long as the store lives.
pub(crate) async fn pipeline_runs(store: StoreHandle, namespace: String, options: SimulationOptions) {
    loop {
        if let Ok((runs, custom_runs)) = begin(&store, &namespace).await {
            Controller { store: &store, options, due: BTreeMap::new() }.follow(runs, custom_runs).await;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// The watches on runs and CustomRuns, once all three kinds are served.
async fn begin(store: &StoreHandle, namespace: &str) -> Result<(StoreWatch, StoreWatch), ApiError> {
    store.watch(&pipeline_resource(), namespace).await?;
    Ok((
        store.watch(&run_resource(), namespace).await?,
        store.watch(&custom_run_resource(), namespace).await?,
    ))
}

/// Looks at one run at a time, so that nothing of a run happens twice.
struct Controller<'a> {
    store: &'a StoreHandle,
    options: SimulationOptions,
    /// When runs have to be looked at without a change.
    due: BTreeMap<Key, Timestamp>,
}

impl Controller<'_> {
    /// Until one of the watches falls behind.
    async fn follow(&mut self, mut runs: StoreWatch, mut custom_runs: StoreWatch) {
        loop {
            let key = tokio::select! {
                event = runs.next() => match event {
                    Some(event) => Some(place(&event.object()["metadata"], event.object())),
                    None => return,
                },
                event = custom_runs.next() => match event {
                    Some(event) => owner(event.object()).map(|owner| place(owner, event.object())),
                    None => return,
                },
                key = self.next_due() => Some(key),
            };
            if let Some(key) = key {
                self.look_at(key).await;
            }
        }
    }

    async fn look_at(&mut self, key: Key) {
        self.due.remove(&key);
        match visit(self.store, self.options, &key.0, &key.1).await {
            Ok(Some(time)) => drop(self.due.insert(key, time)),
            Ok(None) => {}
            // The run is gone, or it was changed meanwhile and the watch will bring it again.
            Err(error) if matches!(error.code, 404 | 409) => {}
            Err(error) => tracing::warn!(%error, run = %key.1, "a pipeline run could not be simulated"),
        }
    }

    /// The run whose time comes first, when it has come.
    async fn next_due(&self) -> Key {
        let Some((key, time)) = self.due.iter().min_by_key(|(_, time)| **time) else {
            return std::future::pending().await;
        };
        let left = time.duration_since(Timestamp::now());
        tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        key.clone()
    }
}

/// The run that `named` names, in the namespace of `object`.
fn place(named: &Value, object: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&object["metadata"]["namespace"]), text(&named["name"]))
}
