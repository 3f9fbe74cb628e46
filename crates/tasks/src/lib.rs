//! Builds as custom tasks of Tekton, as a state machine.
//!
//! A [`Task`] is a CustomRun or a Run, parsed. [`step`] maps the task, the BuildRun of its current attempt as it
//! was observed ([`ObservedRun`]), and the time to the next [`Step`].
//!
//! This is a crate and not a folder of `cluster` so that it stays pure. Each rule of the contract is a row of a
//! table. Random walks through stale caches, late creations, deletions and cancellations take a second.
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock, no Kubernetes client.
//! - The process may die between any two steps, or repeat one. A BuildRun's name follows from the task's UID and
//!   the number of the attempt. A status carries the resource version that it was made for, and exactly one
//!   condition.
//! - After `True` or `False` a status is never written again.
//! - No attempt begins before the one before has ended or was cancelled.
//! - A BuildRun has its task as owner but not as controller, because Shipwright claims that place for
//!   `retention.atBuildDeletion`. A run of such a Build gets no owner from us.
//! - A task that has failed is watched for an hour. A request to create its BuildRun may be carried out late; a
//!   BuildRun that appears then is cancelled.
//!
//! Source of the contract: <https://tekton.dev/docs/pipelines/customruns/>.
#![forbid(unsafe_code)]

mod attempt;
mod build_request;
mod kind;
mod param;
mod progress;
mod reason;
mod render;
mod results;
mod status;
mod step;
mod task;
mod timeout;
mod workspace;

pub use attempt::{Attempt, CancelCause, RunState};
pub use build_request::{BuildChoice, BuildRequest, InvalidTask};
pub use kind::TaskKind;
pub use progress::{Progress, StatedCondition};
pub use render::{Creation, NamedBuild};
pub use status::StatusWrite;
pub use step::{GRACE, ObservedRun, Step, step};
pub use task::{PipelineTask, Task};
pub use timeout::Timeout;
