//! Scenarios 15 to 18 and 22: Builds as custom tasks of Tekton. Builds are simulated, so these run on the dev
//! cluster only.

mod cancelling;
mod faults;
mod in_a_pipeline;
mod installing;
mod killing;
mod retries;
mod running;
mod scene;

pub use scene::{FOREVER, by_name};
