use crate::api_server_error::ApiServerError;

/// A reconciliation failed and is retried.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    /// The API server refuses a request that it may accept later, or cannot be reached.
    #[error("{doing}: {message}")]
    Api {
        /// The failed action.
        doing: &'static str,
        /// The API server's message.
        message: String,
    },
    /// The API server did not answer in time.
    #[error("the API server does not answer")]
    Slow,
    /// Other clients change the task all the time.
    #[error("the task keeps changing")]
    Restless,
}

impl ReconcileError {
    pub(super) fn while_doing(doing: &'static str, fault: ApiServerError) -> Self {
        Self::Api { doing, message: fault.message }
    }
}
