//! Builds as custom tasks of Tekton.
//!
//! A [`Task`] is a CustomRun or a Run, read. [`step`] is the state machine: from the task, the BuildRun of its
//! current attempt as it was [`ObservedRun`], and the time, to the next [`Step`]. Whoever carries steps out may die
//! between any two of them, or do one twice: the name of a BuildRun follows from task and attempt, and what is
//! written carries the resource version that it was made for.
//!
//! Pure: no I/O, no clock, no Kubernetes client.
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
pub use render::Creation;
pub use status::StatusWrite;
pub use step::{GRACE, ObservedRun, Step, step};
pub use task::{PipelineTask, Task};
pub use timeout::Timeout;
