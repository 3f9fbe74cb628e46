/// Why an object of Tekton Triggers cannot be read. Paths are in canonical spelling, such as `spec.triggers[0].name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A value has another type than its field.
    #[error("{path} must be {expected}, not {found}")]
    Type {
        /// The field.
        path: String,
        /// The type that it must have, with its article.
        expected: &'static str,
        /// The value, described and without its text: a text could be a secret.
        found: String,
    },
    /// A value has the right type, but not the form that its field needs.
    #[error("{path} is invalid: {reason}")]
    Form {
        /// The field.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A list or a map has more entries than this program takes.
    #[error("{path} has {found} entries, at most {most} are permitted: split the object")]
    TooMany {
        /// The field.
        path: String,
        /// How many there are.
        found: usize,
        /// How many are permitted.
        most: usize,
    },
    /// A value is larger than this program takes.
    #[error("{path} has {found} bytes, at most {most} are permitted: shorten it")]
    TooLarge {
        /// The field.
        path: String,
        /// Its size in bytes; of JSON, if it is no text.
        found: usize,
        /// The size that is permitted.
        most: usize,
    },
}

impl DecodeError {
    /// The field.
    pub fn path(&self) -> &str {
        match self {
            Self::Type { path, .. }
            | Self::Form { path, .. }
            | Self::TooMany { path, .. }
            | Self::TooLarge { path, .. } => path,
        }
    }
}
