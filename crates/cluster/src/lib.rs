//! The only crate that talks to a Kubernetes API server.
//!
//! [`watch_builds`] feeds the inventory, [`PipelineRunFollowers`] and [`ImageFollowers`]
//! the journal. [`SharedReads`] reads Secrets on
//! demand, [`KubeLauncher`] creates runs, [`KubeRuns`] looks after them, [`Reporter`] writes Events about
//! Builds, [`Campaign`] seeks to lead among replicas, [`Reviews`] asks who may do what, [`carry_out_tasks`] runs Builds as custom tasks of Tekton.
//! Everything else meets these through the traits of `trigger-dispatch`; no other crate names a Kubernetes
//! client.
#![forbid(unsafe_code)]

mod access;
mod builds;
mod client;
mod counting;
mod fault;
mod images;
mod launcher;
mod leader;
mod marks;
mod metrics;
mod notes;
mod pipeline_runs;
mod reporter;
mod runs;
mod secrets;
mod tasks;
mod triggered;
mod watching;
mod way;
mod writing;

pub use access::Reviews;
pub use builds::{BuildWatch, Scope, list_builds, watch_builds};
pub use client::{ClientError, Connection, connect};
pub use images::ImageFollowers;
pub use launcher::KubeLauncher;
pub use leader::{Campaign, LeasePlace, PUT_DOWN_WITHIN};
pub use metrics::Metrics;
pub use pipeline_runs::PipelineRunFollowers;
pub use reporter::{Report, Reporter};
pub use runs::KubeRuns;
pub use secrets::SharedReads;
pub use tasks::carry_out_tasks;
pub use way::is_loopback;

/// Our name towards the API server: field manager of what we write, reporter of our Events.
pub const MANAGER: &str = "shipwright-trigger";
