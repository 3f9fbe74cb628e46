//! The only crate that talks to a Kubernetes API server.
//!
//! [`watch_builds`] feeds the inventory, [`PipelineRunFollowers`] and [`ImageFollowers`]
//! the journal. [`CoalescingSecretReader`] reads Secrets on
//! demand, [`KubeLauncher`] creates runs, [`KubeRuns`] looks after them, [`EventRecorder`] writes Events about
//! Builds, [`LeaseElector`] seeks to lead among replicas, [`AccessReviewer`] asks who may do what, [`carry_out_tasks`] runs Builds as custom tasks of Tekton.
//! Everything else meets these through the traits of `trigger-dispatch`; no other crate names a Kubernetes
//! client.
#![forbid(unsafe_code)]

mod access;
mod api_server_error;
mod builds;
mod client;
mod connector;
mod event_recorder;
mod images;
mod launcher;
mod leader;
mod metrics;
mod metrics_layer;
mod patch;
mod pipeline_run_annotations;
mod pipeline_runs;
mod runs;
mod secrets;
mod tasks;
mod triggered_condition;
mod watch_backoff;
mod watermarks;

pub use access::AccessReviewer;
pub use builds::{BuildWatch, Scope, list_builds, watch_builds};
pub use client::{ClientError, Connection, connect};
pub use connector::is_loopback;
pub use event_recorder::{EventRecorder, ObjectEvent};
pub use images::ImageFollowers;
pub use launcher::KubeLauncher;
pub use leader::{LeaseElector, LeasePlace, STEP_DOWN_GRACE};
pub use metrics::Metrics;
pub use pipeline_runs::PipelineRunFollowers;
pub use runs::KubeRuns;
pub use secrets::CoalescingSecretReader;
pub use tasks::carry_out_tasks;

/// Our name towards the API server: field manager of what we write, reporter of our Events.
pub const MANAGER: &str = "shipwright-trigger";
