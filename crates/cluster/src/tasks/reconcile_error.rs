use crate::api_server_error::ApiServerError;

/// Why a task could not be taken further for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    /// The API server refuses something that it may allow later, or cannot be reached.
    #[error("{doing}: {message}")]
    Api {
        /// What was being done.
        doing: &'static str,
        /// What the API server said.
        message: String,
    },
    /// The API server has not answered in time.
    #[error("the API server does not answer")]
    Slow,
    /// Others change the task all the time.
    #[error("the task keeps changing")]
    Restless,
}

impl ReconcileError {
    pub(super) fn while_doing(doing: &'static str, fault: ApiServerError) -> Self {
        Self::Api { doing, message: fault.message }
    }
}
