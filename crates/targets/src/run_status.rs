use jiff::Timestamp;

/// The state of a run, as its controller writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunStatus {
    /// Its controller has not begun with it.
    Waiting,
    /// It runs.
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
        /// The message its controller gives.
        message: String,
        /// When it ended, where its controller says so.
        at: Option<Timestamp>,
    },
}
