//! Shipwright's Build and BuildRun controllers, simulated.
//!
//! Reasons and their order are those of the real controllers. Annotations of a Build script its runs: [`OUTCOMES`] and
//! [`DURATION`].

mod build;
mod build_run;
mod order;
mod output;
mod resolve;
mod retention;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_devcluster::{ApiError, Gvr, StoreHandle, WatchEvent};

use self::order::RunOrder;
use super::run_status::is_finished;
use super::{RETRY, SimulationOptions};

/// On a Build: the reasons with which its runs end, such as `Failed, Failed, Succeeded`. The runs of the same first
/// owner (of the Build, for runs without one) take them in order; the last one repeats.
const OUTCOMES: &str = "dev.shipwright.io/simulate";
/// On a Build: the duration of its runs, such as `5s`.
const DURATION: &str = "dev.shipwright.io/simulate-duration";

/// How many runs the controller works on at a time.
const WORKERS: usize = 10;

fn build_resource() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "builds")
}

fn run_resource() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "buildruns")
}

/// Registers every Build of a namespace, or of all namespaces if it is empty.
pub(super) async fn builds(store: StoreHandle, namespace: String) {
    follow(&store, &build_resource(), &namespace, |build| {
        let store = store.clone();
        async move {
            if let Err(error) = build::register(&store, &build).await {
                tracing::warn!(%error, build = %build["metadata"]["name"], "cannot register a simulated Build");
            }
        }
    })
    .await;
}

/// Runs every BuildRun of a namespace, or of all namespaces if it is empty, each in a task.
pub(super) async fn build_runs(store: StoreHandle, namespace: String, options: SimulationOptions) {
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    let _stop_on_drop = stop.clone().drop_guard();
    let started = StartedRuns::default();
    let order = Arc::new(RunOrder::default());
    let workers = Arc::new(Semaphore::new(WORKERS));
    follow(&store, &run_resource(), &namespace, |run| {
        let (store, stop, tasks, order) = (store.clone(), stop.clone(), tasks.clone(), Arc::clone(&order));
        let workers = Arc::clone(&workers);
        let is_due = started.admit(&run);
        async move {
            if is_finished(&run) {
                tasks.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        result = retention::expire(&store, &run) => log_error(&run, result),
                    }
                });
                return;
            }
            if !is_due {
                return;
            }
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    result = build_run::simulate(&store, &run, options, &order, &workers) => log_error(&run, result),
                }
            });
        }
    })
    .await;
}

/// Runs under simulation, so that a status update does not start a run a second time.
#[derive(Debug, Default)]
struct StartedRuns(Mutex<HashSet<(String, bool)>>);

impl StartedRuns {
    /// Whether `run` has to be started or canceled now.
    fn admit(&self, run: &Value) -> bool {
        let uid = run["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let is_canceled = is_canceled(run);
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_finished(run) {
            started.remove(&(uid.clone(), false));
            started.remove(&(uid, true));
            return false;
        }
        started.insert((uid, is_canceled))
    }
}

fn log_error(run: &Value, result: Result<(), ApiError>) {
    match result {
        // The run was deleted during the simulation.
        Err(error) if error.code == 404 => {}
        Err(error) => tracing::warn!(%error, run = %run["metadata"]["name"], "cannot simulate a BuildRun"),
        Ok(()) => {}
    }
}

/// Calls `act` for every new or changed object. Never returns.
async fn follow<F: Future<Output = ()>>(
    store: &StoreHandle,
    gvr: &Gvr,
    namespace: &str,
    act: impl Fn(Value) -> F,
) {
    loop {
        if let Ok(mut watch) = store.watch(gvr, namespace).await {
            while let Some(event) = watch.next().await {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => act(object).await,
                    WatchEvent::Deleted(_) => {}
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn is_canceled(run: &Value) -> bool {
    run["spec"]["state"] == "BuildRunCanceled"
}
