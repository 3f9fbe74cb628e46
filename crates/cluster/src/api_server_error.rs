use trigger_runtime::error_chain;

/// What the API server, or the way to it, says against a request.
pub(crate) struct ApiServerError {
    /// In words.
    pub(crate) message: String,
    /// Whether it would say so again.
    pub(crate) lasting: bool,
}

impl ApiServerError {
    pub(crate) fn of(error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self { message: error_chain(error), lasting: false };
        };
        // Conflicts (a quota being updated), lapsed credentials, overload and outages may pass.
        let lasting = !matches!(status.code, 401 | 408 | 409 | 429 | 500..=599);
        let message = match status.message.as_str() {
            "" => format!("the API server answered {}", status.code),
            message => message.to_owned(),
        };
        Self { message, lasting }
    }
}

pub(crate) fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

pub(crate) fn already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}
