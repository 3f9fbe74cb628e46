use std::fmt;
use std::time::Duration;

use trigger_egress::{EgressError, EgressErrorKind};

/// Why it is not known what a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    /// What kind of fault it is.
    pub kind: ResolveErrorKind,
    /// For people: what is wrong and what they can do. Holds no secret and no control character.
    message: String,
    /// How long the registry wishes to be left alone; at most an hour.
    pub retry_after: Option<Duration>,
}

/// The kinds of [`ResolveError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResolveErrorKind {
    /// The registry has no such repository or tag, or says so to those who may not see it.
    NotFound,
    /// The registry or its token service wants other credentials, or any.
    Unauthorized,
    /// The registry knows who asks and does not let them.
    Forbidden,
    /// We have asked too often.
    TooManyRequests,
    /// The registry is in trouble (5xx).
    Unavailable,
    /// There is no answer: name, connection, TLS or time.
    Unreachable,
    /// Our own rules forbid to ask: a private address, or plain HTTP.
    Refused,
    /// The answer makes no sense: no digest, another type of content, cut off, or too long.
    Garbled,
}

impl ResolveError {
    pub(crate) fn new(kind: ResolveErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    /// That of a look which the program panicked over.
    #[must_use]
    pub fn panicked() -> Self {
        let message = "the program panicked while it asked, which is a bug: please report it";
        Self::new(ResolveErrorKind::Garbled, message)
    }

    pub(crate) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// The same fault, with what else may be the matter.
    #[must_use]
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.message.push_str("; ");
        self.message.push_str(hint);
        self
    }

    /// What is wrong and what to do, in one sentence.
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
    /// All of them.
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

    /// The machine name, for metrics and answers.
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

    /// Whether a person has to act. Otherwise it may pass by itself.
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::NotFound | Self::Unauthorized | Self::Forbidden | Self::Refused)
    }
}

impl fmt::Display for ResolveErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
