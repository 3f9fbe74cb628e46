//! Controllers that are played rather than run.
//!
//! A simulation watches the store and writes what the real controller would have written, sooner and without
//! doing the work. Everything it makes says so: the annotation [`SIMULATED`] and messages with `simulated:`.
//! One file or folder per system: Shipwright's builds and Tekton's pipelines.

mod duration;
mod shipwright;
mod tekton;

use std::time::Duration;

use crate::cluster::DevCluster;
use crate::handle::StoreHandle;

/// Annotation on objects whose status was simulated.
pub(crate) const SIMULATED: &str = "dev.shipwright.io/simulated";

/// Pause before a watch begins again, after its resource is missing or the watch fell behind.
const RETRY: Duration = Duration::from_millis(50);

/// How builds and pipelines are simulated.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// How long a build takes from running to succeeded, and an ordinary task of a pipeline.
    pub duration: Duration,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { duration: Duration::from_millis(100) }
    }
}

impl StoreHandle {
    /// Plays the Shipwright build controller in a namespace, or in all where it is empty, once the definitions of
    /// Build and BuildRun exist, for as long as somebody waits for it.
    pub fn simulate_builds(
        &self,
        namespace: &str,
        options: SimulationOptions,
    ) -> impl Future<Output = ()> + Send + 'static {
        let builds = shipwright::builds(self.clone(), namespace.to_owned());
        let runs = shipwright::build_runs(self.clone(), namespace.to_owned(), options);
        async move {
            tokio::join!(builds, runs);
        }
    }

    /// Plays Tekton's PipelineRun controller in a namespace, or in all where it is empty, once the definitions of
    /// Pipeline, PipelineRun and CustomRun exist, for as long as somebody waits for it. The ordinary tasks that the
    /// annotation `dev.shipwright.io/simulate` of a PipelineRun names, as in `fail: build, test`, fail; the others
    /// succeed.
    pub fn simulate_pipelines(
        &self,
        namespace: &str,
        options: SimulationOptions,
    ) -> impl Future<Output = ()> + Send + 'static {
        tekton::pipeline_runs(self.clone(), namespace.to_owned(), options)
    }
}

impl DevCluster {
    /// Plays the Shipwright build controller until the cluster ends; see [`StoreHandle::simulate_builds`].
    pub fn simulate_builds(&self, options: SimulationOptions) {
        self.spawn(self.store().simulate_builds("", options));
    }

    /// Plays Tekton's PipelineRun controller until the cluster ends; see [`StoreHandle::simulate_pipelines`].
    pub fn simulate_pipelines(&self, options: SimulationOptions) {
        self.spawn(self.store().simulate_pipelines("", options));
    }
}
