use trigger_runtime::error_chain;

/// An error of the API server, or of the connection to it.
pub(crate) struct ApiServerError {
    /// The message of the API server, or the chain of the transport's errors.
    pub(crate) message: String,
    /// Whether a repeated request would fail in the same way.
    pub(crate) lasting: bool,
}

impl ApiServerError {
    pub(crate) fn of(error: &kube::Error) -> Self {
        let status = match error {
            kube::Error::Api(status) => status,
            kube::Error::Discovery(_) => {
                let message = "the API server does not serve this kind; install its CustomResourceDefinition";
                return Self { message: message.to_owned(), lasting: true };
            }
            other => return Self { message: error_chain(other), lasting: false },
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

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::error::DiscoveryError;

    use super::*;

    #[test]
    fn a_kind_that_is_not_served_and_a_refusal_are_lasting_and_outages_are_not() {
        let status = |code| kube::Error::Api(Status::failure("words", "Reason").with_code(code).boxed());
        let unserved = kube::Error::Discovery(DiscoveryError::MissingKind("BuildRun".to_owned()));
        let absent = "the API server does not serve this kind; install its CustomResourceDefinition";
        for (error, message, lasting) in [
            (unserved, absent, true),
            (status(422), "words", true),
            (status(403), "words", true),
            (status(409), "words", false),
            (status(503), "words", false),
            (kube::Error::LinesCodecMaxLineLengthExceeded, "newline", false),
        ] {
            let found = ApiServerError::of(&error);
            assert_eq!(
                (found.lasting, found.message.contains(message)),
                (lasting, true),
                "{error}: {}",
                found.message
            );
        }
    }
}
