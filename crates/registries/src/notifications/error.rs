/// Why a request is not a notification of the format. All of these are errors of the sender.
///
/// The messages name headers and fields, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// The header that names the event is missing, occurs more than once or is no text.
    #[error("the header {0} is missing or malformed")]
    Header(&'static str),
    /// The form does not have the field exactly once.
    #[error("the form does not hold the field {0} exactly once")]
    Form(&'static str),
    /// The text is not JSON.
    #[error("the notification is not JSON, at line {line} column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// The text is JSON of another shape: a field is missing, occurs twice, is of another type, or is a list
    /// of more than is read.
    #[error("the notification does not have the shape of its format, at line {line} column {column}")]
    UnexpectedJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// It reports a push, but a field that names the image is missing or malformed.
    #[error("the field {0} of the notification is missing or malformed")]
    Field(&'static str),
}

impl From<serde_json::Error> for NotificationError {
    /// Only the place is taken over: the message of the parser quotes the body.
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::UnexpectedJson { line, column } } else { Self::NotJson { line, column } }
    }
}
