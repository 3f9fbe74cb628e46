//! Tekton's PipelineRun controller, simulated.
//!
//! Order, names and reasons are those of the real controller; nothing runs. An ordinary task only takes its time;
//! a custom task becomes a CustomRun, as in earnest, and whoever serves its kind decides what becomes of it.
//! What is known of a run stands in its objects, so a restart goes on where the last process stopped.
//!
//! Not played: TaskRuns, resolvers, `matrix`, `onError`, CEL in `when`, retries of ordinary tasks, pipelines in
//! pipelines, `timeouts.tasks` and `timeouts.finally`.

mod controller;
mod custom_run;
mod ending;
mod pipeline;
mod progress;
mod record;
mod reference;
mod run;
mod variables;
mod visit;
mod work;

pub(super) use controller::pipeline_runs;

use trigger_devcluster::Gvr;

/// Names the ordinary tasks of a PipelineRun that shall fail: `fail: build, test`.
const SIMULATE: &str = "dev.shipwright.io/simulate";

/// What kubectl keeps for itself; Tekton passes it on to nobody.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn pipeline_resource() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelines")
}

fn run_resource() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelineruns")
}

fn custom_run_resource() -> Gvr {
    Gvr::new("tekton.dev", "v1beta1", "customruns")
}
