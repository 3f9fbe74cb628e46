//! The only crate that talks to a Kubernetes API server.
//!
//! - `feeds/`: watches that keep the inventory equal to the owners of rules.
//! - `pipeline_runs/`, `images/`: watches that bring deliveries.
//! - [`KubeLauncher`], `discovery`, `triggered_condition`, `follow_up`: create objects and write what belongs to it.
//! - [`CoalescingSecretReader`], [`AccessReviewer`], [`KubeRuns`]: the ports of the other crates.
//! - `leader/`: the election by a Lease. `tasks/`: the controller of custom tasks.
//! - [`EventRecorder`]: Kubernetes Events.
//! - `client`, `connector`, `metrics_layer`, `watch_backoff`: the connection.
//!
//! Invariants. No other crate names a Kubernetes client. Secrets are read by GET, one at a time, never listed or watched,
//! never kept. Tokens are not kept either: answers about one are filed under its hash. An absent CRD is waited for.
#![forbid(unsafe_code)]

mod access;
mod api_server_error;
mod client;
mod connector;
mod discovery;
mod event_recorder;
mod feeds;
mod follow_up;
mod images;
mod launcher;
mod leader;
mod metrics;
mod metrics_layer;
mod patch;
mod pipeline_runs;
mod runs;
mod secrets;
mod tasks;
mod triggered_condition;
mod watch_backoff;
mod watermarks;

pub use access::AccessReviewer;
pub use client::{ClientError, Connection, connect};
pub use connector::is_loopback;
pub use event_recorder::{EventRecorder, ObjectEvent};
pub use feeds::{BuildWatch, Scope, list_builds, watch_builds};
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
