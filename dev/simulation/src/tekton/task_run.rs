//! TaskRuns of their own. Ordinary tasks of a pipeline have none here.

use std::collections::HashSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use trigger_devcluster::{ApiError, Gvr, StoreHandle, StoreWatch, WatchEvent};

use crate::go_time::current_time;
use crate::run_status::{Condition, is_finished, key, mark, update_status};
use crate::{RETRY, SimulationOptions};

fn resource() -> Gvr {
    Gvr::new("tekton.dev", "v1", "taskruns")
}

/// Runs every TaskRun of a namespace, or of all namespaces if it is empty. Never returns.
pub(crate) async fn task_runs(store: StoreHandle, namespace: String, options: SimulationOptions) {
    loop {
        if let Ok(watch) = store.watch(&resource(), &namespace).await {
            follow(&store, watch, options).await;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Runs TaskRuns until the watch falls behind. Those under way then begin again with the next watch.
async fn follow(store: &StoreHandle, mut watch: StoreWatch, options: SimulationOptions) {
    let mut under_way = HashSet::new();
    let mut tasks = JoinSet::new();
    while let Some(event) = watch.next().await {
        let run = event.object();
        let uid = run["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        if is_finished(run) || matches!(event, WatchEvent::Deleted(_)) {
            under_way.remove(&(uid.clone(), false));
            under_way.remove(&(uid, true));
        } else if under_way.insert((uid, is_cancelled(run))) {
            let (store, run) = (store.clone(), run.clone());
            tasks.spawn(async move {
                match simulate(&store, &run, options).await {
                    // The run was deleted during the simulation.
                    Err(error) if error.code == 404 => {}
                    Err(error) => {
                        tracing::warn!(%error, run = %run["metadata"]["name"], "cannot simulate a TaskRun");
                    }
                    Ok(()) => {}
                }
            });
        }
        while tasks.try_join_next().is_some() {}
    }
}

/// Takes a run to its end, or a cancelled one to its cancellation.
async fn simulate(store: &StoreHandle, run: &Value, options: SimulationOptions) -> Result<(), ApiError> {
    if is_cancelled(run) {
        return finish(store, run, &Condition::failed("TaskRunCancelled", "the run was cancelled")).await;
    }
    let seen = mark(store, &resource(), run).await?;
    let running = Condition::unknown("Running", "not all steps have finished");
    let started = json!({"startTime": current_time()});
    update_status(store, &resource(), run, Some(seen), &running, &started).await?;
    tokio::time::sleep(options.duration).await;
    finish(store, run, &Condition::succeeded("all steps have completed")).await
}

async fn finish(store: &StoreHandle, run: &Value, condition: &Condition<'_>) -> Result<(), ApiError> {
    let (namespace, name) = key(run);
    let current = store.get(&resource(), namespace, name).await?;
    // The cancellation of the run ends it.
    if condition.status == "True" && current.is_some_and(|current| is_cancelled(&current)) {
        return Ok(());
    }
    mark(store, &resource(), run).await?;
    let completed = json!({"completionTime": current_time()});
    update_status(store, &resource(), run, None, condition, &completed).await.map(drop)
}

fn is_cancelled(run: &Value) -> bool {
    run["spec"]["status"] == "TaskRunCancelled"
}
