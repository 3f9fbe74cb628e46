//! Controllers that are played rather than run.
//!
//! A simulation watches the store and writes what the real controller would have written, sooner and without
//! doing the work. Everything it makes says so: the annotation [`SIMULATED`] and messages with `simulated:`.
//! One folder per system; Shipwright's builds so far.

mod shipwright;

use std::time::Duration;

use crate::cluster::DevCluster;

/// Annotation on objects whose status was simulated.
pub(crate) const SIMULATED: &str = "dev.shipwright.io/simulated";

/// How builds are simulated.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// How long a build takes from running to succeeded.
    pub duration: Duration,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { duration: Duration::from_millis(100) }
    }
}

impl DevCluster {
    /// Plays the Shipwright build controller, once the definitions of Build and BuildRun exist, until the
    /// cluster ends.
    pub fn simulate_builds(&self, options: SimulationOptions) {
        let store = self.store().clone();
        self.spawn(shipwright::builds(store.clone()));
        self.spawn(shipwright::build_runs(store, options));
    }
}
