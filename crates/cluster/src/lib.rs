//! The only crate that names a Kubernetes client.
//!
//! - `feeds/`: Builds into the inventory, objects of Tekton Triggers into that of listeners; `pipeline_runs/` into the journal, `images/` into the image tracker.
//! - [`KubeLauncher`] creates objects, whose plural `discovery` finds; `follow_up` annotates what started them.
//!   `launch_gate` has intake go first. `impersonation` sends requests as a service account, and `missing_right` has the
//!   remedy for a right that the account or the program lacks.
//! - `watch/`: watches on one kind. `list_turns`: few of them list at a time.
//! - `conditions/`: [`ConditionWriter`] gives runs their condition later. `triggered_condition` is the write. [`KubeRuns`] reads how a run stands, [`EventRecorder`] writes
//!   Events.
//! - [`CoalescingSecretReader`] reads Secrets, [`AccessReviewer`] asks who may see what.
//! - `leader/`: [`LeaseElector`]; `leader/election.rs` is the election without I/O.
//! - `retention/`: [`keep_limits`] lets runs expire that embed the spec of a Build with limits.
//! - `listener_status/`: [`ListenerStatusWriter`] writes the status of EventListeners, in place of Tekton's controller.
//! - `tasks/`: the controller that observes and does what `trigger-tasks` decides.
//! - `sentence`: errors of the API server as people read them.
//! - `client` and `connector`: the client of kube's own layers, with TCP keep-alive and HTTP proxies.
//!
//! # Invariants
//!
//! - Secrets are read by GET, one at a time, never listed or watched, never kept. Concurrent readers share one
//!   request.
//! - Tokens are not kept. Results of reviews are kept under the token's hash for ten seconds.
//! - An object of a template is created and read with the rights of its service account. Discovery, which gives away
//!   nothing that is secret, uses the program's own.
//! - A kind or a name from a template is checked before it is part of a path, and names are percent-encoded there.
//! - Which answers of the API server may pass is one table (`api_server_error`).
//! - A watch that fails is retried with pauses that grow to minutes, and soon after it could work (`watch/`). A CRD
//!   that is absent is waited for so.
//! - A watch is read no faster than the journal stores.
//! - A PipelineRun's change counts as seen once it is stored. The watermark in the journal says from where a
//!   restart looks again, with ten minutes of overlap. Older runs are over: without that, a lost journal would
//!   rebuild the past.
//! - A change that no rule asks for is dropped after ten seconds. A Build and a PipelineRun that are created
//!   together arrive by two watches.
//! - BuildRuns are watched for pushes from the first rule of type `Image` on, PipelineRuns from the first of type `Pipeline`.
//! - A run gets its condition from the record of its launch, never from its own annotations, which tenants can write.
//!
//! # Why our own election
//!
//! `kube-lease-manager` reports leadership while its requests hang, and compares its clock with others. It takes an
//! expired Lease with a write that ignores a faster rival, and notices a released Lease late.
//!
//! # Why our own client assembly
//!
//! Watches are quiet for minutes, load balancers drop quiet connections, and kube notices that after five minutes.
//! kube compares `NO_PROXY` with the name of the proxy.
#![forbid(unsafe_code)]

mod access;
mod api_server_error;
mod client;
mod conditions;
mod connector;
mod discovery;
mod event_recorder;
mod feeds;
mod follow_up;
mod images;
mod impersonation;
mod launch_gate;
mod launcher;
mod leader;
mod limits;
mod list_turns;
mod listener_status;
mod metrics;
mod metrics_layer;
mod missing_right;
mod names;
mod patch;
mod pipeline_runs;
mod read;
mod retention;
mod runs;
#[cfg(test)]
mod scripted_api;
mod secrets;
mod sentence;
mod tasks;
mod triggered_condition;
mod watch;
mod watermarks;

pub use access::AccessReviewer;
pub use client::{ClientError, Connection, connect};
pub use conditions::ConditionWriter;
pub use connector::is_loopback;
pub use event_recorder::{EventRecorder, ObjectEvent};
pub use feeds::{
    BuildWatch, Listed, ListenerWatch, Scope, list_builds, list_tekton_triggers, watch_builds,
    watch_listeners,
};
pub use images::ImageFollowers;
pub use launcher::KubeLauncher;
pub use leader::{LeaseElector, LeasePlace, LeasePlaceError, STEP_DOWN_GRACE};
pub use limits::LIMITS;
pub use listener_status::ListenerStatusWriter;
pub use metrics::Metrics;
pub use pipeline_runs::PipelineRunFollowers;
pub use retention::keep_limits;
pub use runs::KubeRuns;
pub use secrets::CoalescingSecretReader;
pub use tasks::carry_out_tasks;

/// Our name towards the API server: field manager of what we write, reporter of our Events.
pub const MANAGER: &str = "shipwright-trigger";
