use std::fmt;
use std::sync::Arc;

use super::ListenerObject;
use crate::rule_error::RuleError;

/// An error in a listener, with the object that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ListenerError {
    /// The EventListener or the Trigger whose triggers it breaks; the object itself if it cannot be read.
    pub object: ListenerObject,
    /// The part of the object, such as `spec.triggers[2]`; empty if it is about the object as a whole.
    pub path: String,
    /// The error.
    #[source]
    pub error: RuleError,
}

/// The errors of an object, after they have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectErrors {
    /// The EventListener or the Trigger; any other object only if it cannot be read.
    pub object: ListenerObject,
    /// All of its errors as they are now. None if it works again.
    pub errors: Arc<[ListenerError]>,
}

impl fmt::Display for ListenerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.error.fmt(f)
    }
}

/// A reference to an object that does not exist, or that cannot be read. `words` are Tekton's.
pub(super) fn missing(words: impl fmt::Display, object: &ListenerObject, is_unreadable: bool) -> RuleError {
    let kind = object.kind.name();
    let message = if is_unreadable {
        format!("{words}: the {object} cannot be read; correct the {kind}")
    } else if object.kind.is_namespaced() {
        let (not_found, namespace) = (object.not_found(), &object.key.namespace);
        format!("{words}: {not_found}; create the {kind} in the namespace {namespace}, or correct its name")
    } else {
        format!("{words}: {}; create the {kind}, or correct its name", object.not_found())
    };
    RuleError::new("TriggerMissingReference", message)
}

/// A reference to an object of a kind that cannot be seen, for a reason that is a sentence. `words` are Tekton's.
pub(super) fn unseen(words: impl fmt::Display, object: &ListenerObject, reason: &str) -> RuleError {
    RuleError::new("TriggerMissingReference", format!("{words}: the {object} is not known: {reason}"))
}

/// A selector that is not valid.
pub(super) fn selector(error: impl fmt::Display) -> RuleError {
    RuleError::new(
        "TriggerInvalidSelector",
        format!("the label selector is invalid: {error}; it selects nothing"),
    )
}

/// The program panicked.
pub(super) fn panicked() -> RuleError {
    let message = "the program panicked while it read the object, which is a bug: please report it with this object; the \
                   object counts for nothing until it is changed";
    RuleError::new("TriggerCompilerPanicked", message)
}
