//! The work queue: a run is reconciled after a change of it or of one of its CustomRuns, and at its requeue time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::custom_run::owner;
use super::reconcile::reconcile;
use super::{custom_run_resource, pipeline_resource, run_resource};
use crate::{RETRY, SimulationOptions};
use trigger_devcluster::{ApiError, StoreHandle, StoreWatch};

/// Namespace and name of a PipelineRun.
type Key = (String, String);

/// Runs every PipelineRun of a namespace, or of all namespaces if it is empty. Never returns.
pub(crate) async fn pipeline_runs(store: StoreHandle, namespace: String, options: SimulationOptions) {
    loop {
        if let Ok((runs, custom_runs)) = start_watches(&store, &namespace).await {
            Controller { store: &store, options, requeue_at: BTreeMap::new() }
                .follow(runs, custom_runs)
                .await;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Watches on PipelineRuns and CustomRuns. Fails until all three kinds are served.
async fn start_watches(store: &StoreHandle, namespace: &str) -> Result<(StoreWatch, StoreWatch), ApiError> {
    store.watch(&pipeline_resource(), namespace).await?;
    Ok((
        store.watch(&run_resource(), namespace).await?,
        store.watch(&custom_run_resource(), namespace).await?,
    ))
}

/// Reconciles one run at a time, so that no step of a run happens twice.
struct Controller<'a> {
    store: &'a StoreHandle,
    options: SimulationOptions,
    /// Times at which runs are reconciled without a change.
    requeue_at: BTreeMap<Key, Timestamp>,
}

impl Controller<'_> {
    /// Reconciles runs until one of the watches falls behind.
    async fn follow(&mut self, mut runs: StoreWatch, mut custom_runs: StoreWatch) {
        loop {
            let key = tokio::select! {
                event = runs.next() => match event {
                    Some(event) => Some(key_of(&event.object()["metadata"], event.object())),
                    None => return,
                },
                event = custom_runs.next() => match event {
                    Some(event) => owner(event.object()).map(|owner| key_of(owner, event.object())),
                    None => return,
                },
                key = self.next_requeue() => Some(key),
            };
            if let Some(key) = key {
                self.reconcile(key).await;
            }
        }
    }

    async fn reconcile(&mut self, key: Key) {
        self.requeue_at.remove(&key);
        match reconcile(self.store, self.options, &key.0, &key.1).await {
            Ok(Some(time)) => drop(self.requeue_at.insert(key, time)),
            Ok(None) => {}
            // The run was deleted, or has changed meanwhile and the watch will deliver it again.
            Err(error) if matches!(error.code, 404 | 409) => {}
            Err(error) => tracing::warn!(%error, run = %key.1, "cannot simulate a PipelineRun"),
        }
    }

    /// The run with the earliest requeue time, once that time has come.
    async fn next_requeue(&self) -> Key {
        let Some((key, time)) = self.requeue_at.iter().min_by_key(|(_, time)| **time) else {
            return std::future::pending().await;
        };
        let left = time.duration_since(Timestamp::now());
        tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        key.clone()
    }
}

/// The key of the run that `named` names, in the namespace of `object`.
fn key_of(named: &Value, object: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&object["metadata"]["namespace"]), text(&named["name"]))
}
