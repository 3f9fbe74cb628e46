//! Why a visit to a run goes no further.

use super::progress::MissingResult;
use super::run::Succeeded;
use trigger_devcluster::ApiError;

/// How a run ends.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) succeeded: Succeeded,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Ending {
    pub(super) fn bad(reason: &'static str, message: impl Into<String>) -> Self {
        Self { succeeded: Succeeded::False, reason, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::bad("PipelineValidationFailed", message)
    }
}

/// Why a visit goes no further.
#[derive(Debug)]
pub(super) enum Halt {
    /// The run ends.
    End(Ending),
    /// The store refuses a step.
    Refused(ApiError),
}

impl From<Ending> for Halt {
    fn from(ending: Ending) -> Self {
        Self::End(ending)
    }
}

impl From<ApiError> for Halt {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<MissingResult> for Halt {
    fn from(missing: MissingResult) -> Self {
        Self::End(Ending::bad("InvalidTaskResultReference", missing.to_string()))
    }
}
