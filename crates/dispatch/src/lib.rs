//! The loop between journal, rules and cluster: claim a delivery, decide every candidate rule, launch
//! what fires, settle.
//!
//! [`Dispatcher`] is the loop. [`Launcher`] is its port to the cluster;
//! this crate knows neither Kubernetes clients nor HTTP servers. Retries and back-off live here only.
#![forbid(unsafe_code)]

mod attempt;
mod dispatcher;
mod events;
mod inline;
mod launcher;
mod metrics;
mod namespace_limiter;
mod pipeline_runs;
mod preview;
mod pruner;
mod record;

pub use dispatcher::{Dispatcher, Settings};
pub use inline::{DecisionCounts, InlineDecision};
pub use launcher::{LaunchError, Launched, Launcher, Retry};
pub use metrics::Metrics;
pub use pipeline_runs::{Note, PipelineRunChange, TEKTON};
pub use preview::preview;
pub use pruner::run_pruner;
