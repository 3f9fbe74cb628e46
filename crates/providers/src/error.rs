use http::StatusCode;

/// Why a request is not a delivery of the provider. All of these are the sender's fault.
///
/// The messages name headers and fields, never what the sender wrote into them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The header that names the event is missing.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A header occurs more than once, so that two readers could pick different ones.
    #[error("the header {0} occurs more than once")]
    RepeatedHeader(&'static str),
    /// A header is not what the provider would send.
    #[error("the header {0} is malformed")]
    MalformedHeader(&'static str),
    /// The body is neither JSON nor a form, or does not say what it is.
    #[error("the content type is neither application/json nor application/x-www-form-urlencoded")]
    UnsupportedMediaType,
    /// The body is not UTF-8 text.
    #[error("the body is not UTF-8 text")]
    NotText,
    /// The form does not have the field exactly once.
    #[error("the form does not hold the field {0} exactly once")]
    Form(&'static str),
    /// The text is not JSON.
    #[error("the payload is not JSON, at line {line} column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// The text is JSON of another shape than the event has: a field is missing, occurs twice or is of
    /// another type.
    #[error("the payload does not have the shape of the event, at line {line} column {column}")]
    UnexpectedJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// A field holds a text that cannot be what it should be, for example a branch with a space.
    #[error("the field {0} of the payload is malformed")]
    Field(&'static str),
    /// The event belongs to a repository, but the payload gives no address of it that we can read.
    #[error("the payload names no repository")]
    NoRepository,
}

/// Why a sender presents nothing that could be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There is no signature. Only where the operator allows unsigned deliveries may the server go on, with
    /// [`trigger_core::Credential::Nothing`].
    #[error("the delivery is not signed")]
    Missing,
    /// The signature is not written as the provider writes it.
    #[error("the signature is malformed")]
    Malformed,
    /// There is only a signature of a kind that is no longer accepted (SHA-1).
    #[error("the delivery is only signed with SHA-1, which is not accepted")]
    Weak,
    /// There is more than one signature.
    #[error("the delivery has more than one signature")]
    Repeated,
}

impl PayloadError {
    /// The status that tells the sender.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MissingHeader(_)
            | Self::RepeatedHeader(_)
            | Self::MalformedHeader(_)
            | Self::NotText
            | Self::Form(_)
            | Self::NotJson { .. }
            | Self::UnexpectedJson { .. }
            | Self::Field(_)
            | Self::NoRepository => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<serde_json::Error> for PayloadError {
    /// Only the place is taken over: the message of the parser quotes the payload.
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::UnexpectedJson { line, column } } else { Self::NotJson { line, column } }
    }
}
