use futures::future::BoxFuture;
use trigger_targets::{FollowUp, Plan, Subject};

/// Creates objects on the cluster.
pub trait Launcher: Send + Sync + 'static {
    /// Creates the object of a plan as the identity that the plan names, or finds that it is there already. Its condition
    /// is written later, from the record of the launch.
    fn launch<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>>;

    /// Whether an object still exists that runs are created for, as the one that it was.
    fn exists<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<bool, LaunchError>>;

    /// Writes records of what was started on the object that they are about; all are about one object. People read them;
    /// an error is logged.
    fn follow_up<'a>(&'a self, records: &'a [&'a FollowUp]) -> BoxFuture<'a, ()>;
}

/// An object that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// Whether it was there already: an earlier attempt had created it.
    pub existed: bool,
    /// `metadata.uid` of the object, where it is known.
    pub uid: Option<String>,
}

/// Why an object could not be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LaunchError {
    /// The API server's words, or the transport's.
    pub message: String,
    /// Whether another try may help.
    pub retry: Retry,
}

/// Whether another try may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It may: the server is away, busy or out of step.
    Later,
    /// It will not: the request itself is refused.
    Never,
}
