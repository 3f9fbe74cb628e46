use std::fmt;
use std::time::Duration;

use trigger_egress::{EgressError, EgressErrorKind};

/// A tag could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    /// The kind of the error.
    pub kind: ResolveErrorKind,
    /// The error and its remedy, in a sentence. Contains no secret and no control character.
    message: String,
    /// `Retry-After` of the registry; at most an hour.
    pub retry_after: Option<Duration>,
}

/// The kinds of [`ResolveError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResolveErrorKind {
    /// The registry has no such repository or tag, or hides it from this credential.
    NotFound,
    /// The registry or its token service requires a credential, or another one.
    Unauthorized,
    /// The credential is valid and lacks the right to pull.
    Forbidden,
    /// The registry limits the rate of requests.
    TooManyRequests,
    /// The registry fails (5xx).
    Unavailable,
    /// There is no response: name resolution, connection, TLS or timeout.
    Unreachable,
    /// The outbound rules of this program forbid the request: a private address, or plain HTTP.
    Refused,
    /// The response cannot be used: no digest, another media type, truncated, or too long.
    Garbled,
}

impl ResolveError {
    pub(crate) fn new(kind: ResolveErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    /// The error of a resolution during which the program panicked.
    #[must_use]
    pub fn panicked() -> Self {
        let message = "the program panicked while it asked, which is a bug: please report it";
        Self::new(ResolveErrorKind::Garbled, message)
    }

    pub(crate) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// The same error with another possible cause appended.
    #[must_use]
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.message.push_str("; ");
        self.message.push_str(hint);
        self
    }

    /// The error and its remedy, in a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<EgressError> for ResolveError {
    fn from(error: EgressError) -> Self {
        let kind = match error.kind {
            EgressErrorKind::Refused => ResolveErrorKind::Refused,
            EgressErrorKind::Unreachable | EgressErrorKind::TimedOut => ResolveErrorKind::Unreachable,
            EgressErrorKind::TooLarge | EgressErrorKind::Interrupted => ResolveErrorKind::Garbled,
        };
        Self::new(kind, error.message())
    }
}

impl ResolveErrorKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::NotFound,
        Self::Unauthorized,
        Self::Forbidden,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::Unreachable,
        Self::Refused,
        Self::Garbled,
    ];

    /// The machine name, for metrics and the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooManyRequests => "too-many-requests",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Garbled => "garbled",
        }
    }

    /// Whether a person has to act. Other errors may pass by themselves.
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::NotFound | Self::Unauthorized | Self::Forbidden | Self::Refused)
    }
}

impl fmt::Display for ResolveErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
