use http::StatusCode;

/// Why a request is not a delivery of the provider. All of these are errors of the sender.
///
/// The messages name headers and fields, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The header that names the event is missing.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A header occurs more than once, so that two readers could pick different ones.
    #[error("the header {0} occurs more than once")]
    RepeatedHeader(&'static str),
    /// A header has a value that the provider would not send.
    #[error("the header {0} is malformed")]
    MalformedHeader(&'static str),
    /// The header `Content-Type` is missing, or names a media type that the provider would not send.
    #[error("the content type is not one that the provider sends: set it to application/json at the hook")]
    UnsupportedMediaType,
    /// The body is not UTF-8 text.
    #[error("the body is not UTF-8 text")]
    NotText,
    /// The body is no form that holds this field and nothing else.
    #[error(
        "the body is not a form with the one field {0}: set the content type at the hook to application/json"
    )]
    Form(&'static str),
    /// The text is not JSON.
    #[error("the payload is not JSON, at line {line} column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// Reading the text would take more memory than any payload needs.
    #[error("the payload has too many levels, or a field with too long a name")]
    Shape,
    /// The text is JSON of another shape than the event has: a field is missing, occurs twice or is of
    /// another type.
    #[error("the payload does not have the shape of the event, at line {line} column {column}")]
    UnexpectedJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// A field is missing, or holds a text that is no value of its kind, for example a branch with a space.
    #[error("the field {0} of the payload is missing or malformed")]
    Field(&'static str),
    /// No field names the event, as in the payload of a hook with a template of its own.
    #[error("the payload has no field {0}: remove the custom template from the hook")]
    NoKind(&'static str),
    /// The event belongs to a repository, but the payload holds no address of one.
    #[error("the payload names no repository")]
    NoRepository,
}

impl PayloadError {
    /// The HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MissingHeader(_)
            | Self::RepeatedHeader(_)
            | Self::MalformedHeader(_)
            | Self::NotText
            | Self::Form(_)
            | Self::NotJson { .. }
            | Self::Shape
            | Self::UnexpectedJson { .. }
            | Self::Field(_)
            | Self::NoKind(_)
            | Self::NoRepository => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<serde_json::Error> for PayloadError {
    /// Keeps the line and column only: the message of the parser quotes the payload.
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::UnexpectedJson { line, column } } else { Self::NotJson { line, column } }
    }
}
