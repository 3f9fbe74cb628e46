//! The loop between journal, rules and cluster: claim a delivery, decide every candidate rule, launch
//! what fires, settle.
//!
//! [`Dispatcher`] is the loop. [`Launcher`] and [`Secrets`] are what it and the server need of a cluster;
//! this crate knows neither Kubernetes clients nor HTTP servers. Retries and back-off live here only.
#![forbid(unsafe_code)]

mod access;
mod attempt;
mod backoff;
mod dispatcher;
mod error_chain;
mod events;
mod hint;
mod images;
mod inline;
mod launcher;
mod leadership;
mod leaky_buckets;
mod metrics;
mod namespace_limiter;
mod observed;
mod pipeline_runs;
mod preview;
mod pruner;
mod record;
mod runs;
mod secrets;
mod supervisor;

pub use access::{Access, AccessError, Action, User};
pub use backoff::Backoff;
pub use dispatcher::{Dispatcher, Settings};
pub use error_chain::error_chain;
pub use hint::ImageNotifier;
pub use images::{
    IMAGES, ImageError, ImageParts, ImageSettings, ImageStatus, ImageWarnings, Images, Observation,
    ObservationOutcome, image_changes,
};
pub use inline::{DecisionCounts, InlineDecision};
pub use launcher::{LaunchError, Launched, Launcher, Retry};
pub use leadership::{Lead, Leadership};
pub use leaky_buckets::LeakyBuckets;
pub use metrics::Metrics;
pub use observed::append as append_observed;
pub use pipeline_runs::{Note, PipelineRunChange, TEKTON};
pub use preview::preview;
pub use pruner::run_pruner;
pub use runs::{RunState, Runs};
pub use secrets::{SecretData, SecretError, Secrets};
pub use supervisor::{CriticalTasks, restart_on_panic};
