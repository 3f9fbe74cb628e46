//! The loop between journal, rules and cluster: claim a delivery, decide every candidate rule, launch what fires, settle.
//!
//! - [`Dispatcher`]: the loop. `attempt` is one round of it for one delivery.
//! - `sources/`: where deliveries come from, a file each, and how their events are read.
//! - `facts`: what rules cannot decide from the payload alone; [`FactSource`] answers.
//! - [`InlineDecision`], [`preview`]: decisions without launches, for intake and for the admin API.
//! - [`Launcher`]: what the loop needs of a cluster.
//! - [`run_pruner`]: retention.
//!
//! Invariants. Retries and back-off of deliveries live here only. No Kubernetes client, no HTTP server. What an earlier
//! attempt has launched is not launched again. Facts are stored before anything is launched with them.
#![forbid(unsafe_code)]

mod attempt;
mod dispatcher;
mod facts;
mod inline;
mod launcher;
mod metrics;
mod namespace_limiter;
mod preview;
mod pruner;
mod record;
mod sources;

pub use dispatcher::{Dispatcher, Settings};
pub use facts::{FactSource, NoCredentials};
pub use inline::{DecisionCounts, InlineDecision};
pub use launcher::{LaunchError, Launched, Launcher, Retry};
pub use metrics::Metrics;
pub use preview::preview;
pub use pruner::run_pruner;
pub use sources::{PipelineRunChange, TEKTON};
