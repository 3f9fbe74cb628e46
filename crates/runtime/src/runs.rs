use futures::future::BoxFuture;
use jiff::Timestamp;
use trigger_core::ResourceRef;

/// Reads the current state of runs.
pub trait Runs: Send + Sync + 'static {
    /// Reads the state of a run now. Never fails: a read that fails is [`RunState::Unknown`].
    fn state<'a>(&'a self, run: RunRef<'a>) -> BoxFuture<'a, RunState>;
}

/// The run to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRef<'a> {
    /// The run.
    pub resource: &'a ResourceRef,
    /// `metadata.uid` of the run that was created, where it is known: another run may have the name by now.
    pub uid: Option<&'a str>,
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It was deleted, or another run has its name.
    Gone,
    /// Its controller has not started it yet.
    Waiting,
    /// It is running.
    Running {
        /// The reason its controller gives, one CamelCase word.
        reason: String,
    },
    /// It has finished.
    Ended {
        /// Whether it succeeded.
        succeeded: bool,
        /// The reason its controller gives, one CamelCase word.
        reason: String,
        /// The message its controller gives.
        message: String,
        /// When it finished.
        at: Option<Timestamp>,
    },
    /// Its state could not be read.
    Unknown {
        /// Why, in a sentence.
        reason: String,
    },
}
