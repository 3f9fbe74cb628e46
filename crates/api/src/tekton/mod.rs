//! API group `tekton.dev`: what we read of Tekton Pipelines, and what we write about it.
//!
//! Every type reads leniently: what a newer Tekton writes differently leaves a field out rather than making
//! the object unreadable.

mod custom_run;
mod pipeline_run;
mod run;
mod triggered_builds;

pub use custom_run::{CustomRun, CustomRunSpec, EmbeddedTask, Param, TaskFields, TaskReference};
pub use pipeline_run::PipelineRun;
pub use run::{Run, RunSpec};
pub use triggered_builds::{RecordedReference, TriggeredBuild, TriggeredBuilds};

/// The API group.
pub const GROUP: &str = "tekton.dev";
/// The version of PipelineRuns that we ask a cluster for.
pub const PIPELINE_RUN_VERSION: &str = "v1";
/// Label of Tekton on a PipelineRun and everything below it: the name of the Pipeline.
pub const LABEL_PIPELINE: &str = "tekton.dev/pipeline";
/// Label of Tekton on everything below a PipelineRun: its name.
pub const LABEL_PIPELINE_RUN: &str = "tekton.dev/pipelineRun";
/// Label of Tekton on what carries out a task of a Pipeline: the name of the task.
pub const LABEL_PIPELINE_TASK: &str = "tekton.dev/pipelineTask";
/// Annotations of Tekton in which it notes the trace of what it does, that of a task before that of its PipelineRun:
/// JSON such as `{"traceparent": "00-…"}`. What stands on a PipelineRun it copies to its tasks.
pub const SPAN_CONTEXTS: [&str; 3] =
    ["tekton.dev/customrunSpanContext", "tekton.dev/taskrunSpanContext", "tekton.dev/pipelinerunSpanContext"];
/// Annotation on a PipelineRun: the trace that it is to go on with, a `traceparent` of W3C Trace Context.
pub const DELIVERY_TRACE_PARENT: &str = "tekton.dev/deliveryTraceparent";
