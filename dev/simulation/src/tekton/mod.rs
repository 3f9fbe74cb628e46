//! Tekton's controllers of PipelineRuns and TaskRuns, simulated.
//!
//! Order, names and reasons are those of the real controller. An ordinary task only takes time. A custom task becomes
//! a CustomRun, as in Tekton, and the controller of its kind decides its result. All state is in the objects, so a
//! restarted simulation continues.
//!
//! Missing: TaskRuns of pipelines, resolvers, `matrix`, `onError`, CEL in `when`, retries of ordinary tasks, pipelines in
//! pipelines, `timeouts.tasks` and `timeouts.finally`.

mod controller;
mod custom_run;
mod pipeline;
mod progress;
mod reconcile;
mod reference;
mod run;
mod run_record;
mod stop_reason;
mod task_run;
mod tasks;
mod variables;

pub(super) use controller::pipeline_runs;
pub(super) use task_run::task_runs;

use trigger_devcluster::Gvr;

/// On a PipelineRun: the ordinary tasks that fail, as in `fail: build, test`.
const SIMULATE: &str = "dev.shipwright.io/simulate";

/// kubectl's own annotation, which Tekton does not propagate.
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
