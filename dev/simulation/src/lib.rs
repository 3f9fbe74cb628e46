//! Simulated controllers: Shipwright's for builds and Tekton's for pipelines.
//!
//! - [`simulate_builds`]: Builds are registered and BuildRuns end.
//! - [`simulate_pipelines`]: PipelineRuns start CustomRuns for their custom tasks and end. TaskRuns end.
//! - Retention: limits count the runs with the label of a Build, when a run by name ends; times to live are those of the run
//!   or of the spec in its status. Both as the real controllers do.
//!
//! A simulation watches the objects behind a [`StoreHandle`] and writes the statuses that the real controller would
//! write. It clones, builds, pushes and runs nothing. It works on a dev cluster and, over a
//! [`Transport`](trigger_devcluster::Transport), on any API server.
//!
//! # Invariants
//!
//! - Reasons, names and their order are those of the real controllers.
//! - Simulated objects are marked: by the annotation `dev.shipwright.io/simulated`, and by messages that begin with
//!   `simulated:`.
//! - State is in the objects. After a restart, PipelineRuns continue with their times; BuildRuns start over.
//! - This crate shares no constants with the product, so a wrong one there fails a test.

mod go_time;
mod run_status;
mod shipwright;
mod tekton;

use std::time::Duration;

use trigger_devcluster::StoreHandle;

/// Annotation on objects whose status was simulated.
const SIMULATED: &str = "dev.shipwright.io/simulated";

/// Pause before a watch starts again, after its resource was missing or the watch fell behind.
const RETRY: Duration = Duration::from_millis(50);

/// Settings of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// Time that a build, a TaskRun or an ordinary task of a pipeline takes from start to end.
    pub duration: Duration,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { duration: Duration::from_millis(100) }
    }
}

/// Simulates Shipwright's Build and BuildRun controllers in a namespace, or in all if it is empty. Waits until the
/// kinds Build and BuildRun are served. The future never ends; dropping it ends the simulation.
///
/// Annotations of a Build script its runs: `dev.shipwright.io/simulate` lists the reasons with which they end, such as
/// `Failed, Succeeded`; `dev.shipwright.io/simulate-duration` is the time that they take, such as `5s`.
pub fn simulate_builds(
    store: &StoreHandle,
    namespace: &str,
    options: SimulationOptions,
) -> impl Future<Output = ()> + Send + 'static {
    let builds = shipwright::builds(store.clone(), namespace.to_owned());
    let runs = shipwright::build_runs(store.clone(), namespace.to_owned(), options);
    async move {
        tokio::join!(builds, runs);
    }
}

/// Simulates Tekton's PipelineRun and TaskRun controllers in a namespace, or in all if it is empty. The first waits until
/// the kinds Pipeline, PipelineRun and CustomRun are served, the second for TaskRun. The future never ends; dropping it
/// ends the simulation.
///
/// The annotation `dev.shipwright.io/simulate` of a PipelineRun names the ordinary tasks that fail, as in
/// `fail: build, test`. The others succeed, and so do TaskRuns.
pub fn simulate_pipelines(
    store: &StoreHandle,
    namespace: &str,
    options: SimulationOptions,
) -> impl Future<Output = ()> + Send + 'static {
    let pipeline_runs = tekton::pipeline_runs(store.clone(), namespace.to_owned(), options);
    let task_runs = tekton::task_runs(store.clone(), namespace.to_owned(), options);
    async move {
        tokio::join!(pipeline_runs, task_runs);
    }
}
