use std::fmt;

/// An error in a rule that disables it, or a part of it. Each kind of trigger and of owner makes its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// A reason in the style of Kubernetes conditions and Events, such as `TriggerInvalidImage`.
    reason: &'static str,
    message: Box<str>,
}

/// An error in the rules of an owner, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct OwnerError {
    /// The rule: its place from 0, and its name. Absent if the error is about the owner itself.
    pub rule: Option<(usize, String)>,
    /// The error.
    #[source]
    pub error: RuleError,
}

impl RuleError {
    /// An error with a reason for Kubernetes Events, and a message with the remedy.
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into().into() }
    }

    /// The value of an annotation has no meaning, so that `assumed` is taken in its place.
    pub(crate) fn annotation(key: &str, value: &str, expected: &str, assumed: &str) -> Self {
        let message =
            format!("the annotation `{key}` is `{value}`, expected one of {expected}; taken as {assumed}");
        Self::new("TriggerInvalidAnnotation", message)
    }

    /// A reason in the style of Kubernetes conditions and Events.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl OwnerError {
    /// An error about the owner itself.
    pub(crate) fn of_owner(error: RuleError) -> Self {
        Self { rule: None, error }
    }
}

impl fmt::Display for OwnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some((index, name)) if name.is_empty() => write!(f, "rule when[{index}]: {}", self.error),
            Some((index, name)) => write!(f, "rule when[{index}] \"{name}\": {}", self.error),
            None => self.error.fmt(f),
        }
    }
}
