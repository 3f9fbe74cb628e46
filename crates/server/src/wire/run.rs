use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_runtime::RunState;

use super::{Moment, ObjectName};

/// One run that was started, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// The kind of the run, such as `BuildRun`.
    pub kind: String,
    /// The run.
    pub run: ObjectName,
    /// `metadata.uid` of the run, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whether it had been there already: an earlier attempt had created it.
    pub existed: bool,
    /// Why it could not be created, in the API server's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// How it stands now; absent if it was not created or was not looked after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<RunNow>,
}

/// How a run stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum RunNow {
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<Moment>")]
        at: Option<Timestamp>,
    },
    /// It could not be looked after.
    Unknown {
        /// Why, in a sentence.
        reason: String,
    },
}

impl From<RunState> for RunNow {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Gone => Self::Gone,
            RunState::Waiting => Self::Waiting,
            RunState::Running { reason } => Self::Running { reason },
            RunState::Ended { succeeded, reason, message, at } => {
                Self::Ended { succeeded, reason, message, at }
            }
            RunState::Unknown { reason } => Self::Unknown { reason },
        }
    }
}
