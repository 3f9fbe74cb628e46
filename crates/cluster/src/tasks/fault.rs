use trigger_dispatch::with_causes;

/// Why a task could not be taken further for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
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

/// What the API server, or the way to it, says against a request.
pub(super) struct Fault {
    /// In words.
    pub(super) message: String,
    /// Whether it would say so again.
    pub(super) lasting: bool,
}

impl Fault {
    pub(super) fn of(error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self { message: with_causes(error), lasting: false };
        };
        // Conflicts (a quota being updated), lapsed credentials, overload and outages may pass.
        let lasting = !matches!(status.code, 401 | 408 | 409 | 429 | 500..=599);
        let message = match status.message.as_str() {
            "" => format!("the API server answered {}", status.code),
            message => message.to_owned(),
        };
        Self { message, lasting }
    }

    pub(super) fn while_doing(self, doing: &'static str) -> Trouble {
        Trouble::Api { doing, message: self.message }
    }
}

pub(super) fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

pub(super) fn already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}
