//! The reasons to stop reconciling a run.

use super::progress::MissingResultError;
use super::run::Succeeded;
use trigger_devcluster::ApiError;

/// The end of a run: its final condition.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) succeeded: Succeeded,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Completion {
    pub(super) fn failed(reason: &'static str, message: impl Into<String>) -> Self {
        Self { succeeded: Succeeded::False, reason, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::failed("PipelineValidationFailed", message)
    }
}

/// The reason to stop reconciling a run.
#[derive(Debug)]
pub(super) enum StopReason {
    /// The run ends.
    Completed(Completion),
    /// A request to the API server failed.
    Api(ApiError),
}

impl From<Completion> for StopReason {
    fn from(ending: Completion) -> Self {
        Self::Completed(ending)
    }
}

impl From<ApiError> for StopReason {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<MissingResultError> for StopReason {
    fn from(missing: MissingResultError) -> Self {
        Self::Completed(Completion::failed("InvalidTaskResultReference", missing.to_string()))
    }
}
