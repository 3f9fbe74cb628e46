use futures::future::BoxFuture;
use jiff::Timestamp;
use trigger_journal::LaunchRecord;

/// Looks after runs that were launched.
pub trait Runs: Send + Sync + 'static {
    /// How the run stands now.
    fn look<'a>(&'a self, launch: &'a LaunchRecord) -> BoxFuture<'a, RunState>;
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It is not there any more, or another run bears its name.
    Gone,
    /// Nobody has begun to carry it out.
    Waiting,
    /// It is being carried out.
    Running {
        /// The reason its controller gives, one CamelCase word.
        reason: String,
    },
    /// It has ended.
    Ended {
        /// Whether it succeeded.
        succeeded: bool,
        /// The reason its controller gives, one CamelCase word.
        reason: String,
        /// What its controller says about it.
        message: String,
        /// When it ended.
        at: Option<Timestamp>,
    },
    /// It could not be looked after.
    Unknown {
        /// Why, in a sentence.
        reason: String,
    },
}
