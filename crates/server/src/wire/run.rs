use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decision::is_first;
use super::{DateTime, ResourceRef};

/// A run that a delivery started, or failed to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// The run.
    pub run: ResourceRef,
    /// The position in the delivery of the event that started the run, from 0; absent if 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub event: u32,
    /// `metadata.uid` of the run, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whether the run existed already because an earlier attempt created it.
    pub existed: bool,
    /// Why the API server did not create the run, in the API server's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The current state of the run; absent if the run was not created or its state was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
}

/// The current state of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "phase", rename_all = "camelCase")]
pub enum RunState {
    /// The run was deleted, or another run has its name now.
    Gone,
    /// No controller has started the run.
    Waiting,
    /// The run is in progress.
    Running {
        /// The reason of its condition: one CamelCase word.
        reason: String,
    },
    /// The run has ended.
    Ended {
        /// Whether the run succeeded.
        succeeded: bool,
        /// The reason of its condition: one CamelCase word.
        reason: String,
        /// The message of its condition.
        message: String,
        /// When the run ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<DateTime>")]
        at: Option<Timestamp>,
    },
    /// The run could not be read.
    Unknown {
        /// Why, in a sentence.
        reason: String,
    },
}

impl From<trigger_runtime::RunState> for RunState {
    fn from(state: trigger_runtime::RunState) -> Self {
        use trigger_runtime::RunState as Read;
        match state {
            Read::Gone => Self::Gone,
            Read::Waiting => Self::Waiting,
            Read::Running { reason } => Self::Running { reason },
            Read::Ended { succeeded, reason, message, at } => Self::Ended { succeeded, reason, message, at },
            Read::Unknown { reason } => Self::Unknown { reason },
        }
    }
}
