use futures::future::BoxFuture;
use trigger_targets::Plan;

use crate::Note;

/// Creates runs on the cluster.
pub trait Launcher: Send + Sync + 'static {
    /// Creates the object of a plan, or finds that it is there already, and gives it its condition.
    fn launch<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>>;

    /// Notes on a PipelineRun what it has started. It is for people; what goes wrong is logged.
    fn note<'a>(&'a self, note: &'a Note) -> BoxFuture<'a, ()>;
}

/// A run that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// Whether it was there already: an earlier attempt had created it.
    pub existed: bool,
    /// `metadata.uid` of the run, where it is known.
    pub uid: Option<String>,
}

/// Why a run could not be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LaunchError {
    /// The API server's words, or the transport's.
    pub message: String,
    /// Whether trying again may help.
    pub retry: Retry,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It may: the server is away, busy or out of step.
    Later,
    /// It will not: the request itself is refused.
    Never,
}
