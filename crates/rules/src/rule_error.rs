use std::fmt;
use std::sync::Arc;

use crate::limits::{LONGEST_ERROR, LONGEST_RULE_NAME, MOST_ERRORS};
use crate::text::{cut, quoted};

/// An error in a rule that disables it, or a part of it; or a hint that it does not do what it seems to say. Each kind of
/// trigger and of owner makes its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// A reason in the style of Kubernetes conditions and Events, such as `TriggerInvalidImage`.
    reason: &'static str,
    /// Shared: one error of an owner can break each of its rules.
    message: Arc<str>,
    is_hint: bool,
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

/// The errors of an owner. Their number is bounded: an object can hold thousands.
#[derive(Debug, Default)]
pub(crate) struct OwnerErrors {
    kept: Vec<OwnerError>,
    /// Apart, so that hints never take the place of an error.
    hints: Vec<OwnerError>,
    left_out: usize,
}

impl RuleError {
    /// An error with a reason for Kubernetes Events, and a message with the remedy. A long message is cut.
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: cut(message.into(), LONGEST_ERROR).into(), is_hint: false }
    }

    /// A hint: the rule is valid and in force, and is likely a mistake.
    pub(crate) fn hint(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_hint: true, ..Self::new(reason, message) }
    }

    /// The value of an annotation has no meaning, so that `assumed` is taken in its place.
    pub(crate) fn annotation(key: &str, value: &str, expected: &str, assumed: &str) -> Self {
        let value = quoted(value);
        let message =
            format!("the annotation `{key}` is {value}, expected one of {expected}; taken as {assumed}");
        Self::new("TriggerInvalidAnnotation", message)
    }

    /// The object is not in the form of its kind, or is too large to be read. `why` is a part of a sentence.
    pub(crate) fn unreadable(why: impl fmt::Display) -> Self {
        Self::new("TriggerUnreadableObject", format!("the object cannot be read: {why}"))
    }

    /// There are more things than the bound permits.
    pub(crate) fn too_many(reason: &'static str, subject: &str, count: usize, most: usize) -> Self {
        let message =
            format!("{count} {subject}, at most {most} are allowed; use fewer, or a further rule or Build");
        Self::new(reason, message)
    }

    /// A text is longer than the bound permits.
    pub(crate) fn too_long(reason: &'static str, subject: &str, text: &str, most: usize) -> Self {
        let (length, text) = (text.len(), quoted(text));
        let message =
            format!("the {subject} {text} has {length} bytes, at most {most} are allowed; shorten it");
        Self::new(reason, message)
    }

    /// No Secret can have the name that `field` has. It is never requested.
    pub(crate) fn secret_name(field: &str, name: &str) -> Self {
        let name = quoted(name);
        let message = format!(
            "{field} has the name {name}, which no Secret can have: use lower-case letters, digits, `-` and `.`"
        );
        Self::new("TriggerInvalidSecretName", message)
    }

    /// A reason in the style of Kubernetes conditions and Events.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whether the rule is in force all the same.
    pub fn is_hint(&self) -> bool {
        self.is_hint
    }
}

/// Takes what is wrong with each entry of a list, as warnings. If no entry can match, the first is an error of the list.
pub(crate) fn take_mistakes(
    found: Vec<Option<RuleError>>,
    warnings: &mut Vec<RuleError>,
) -> Result<(), RuleError> {
    let is_never = |mistake: &Option<RuleError>| mistake.as_ref().is_some_and(|error| !error.is_hint());
    let is_useless = found.iter().all(is_never);
    let mut mistakes = found.into_iter().flatten();
    if is_useless && let Some(first) = mistakes.next() {
        return Err(first);
    }
    warnings.extend(mistakes);
    Ok(())
}

impl OwnerError {
    /// An error about the owner itself.
    pub(crate) fn of_owner(error: RuleError) -> Self {
        Self { rule: None, error }
    }

    /// An error about the rule at a place, from 0.
    pub(crate) fn of_rule(index: usize, name: &str, error: RuleError) -> Self {
        let name = name[..name.floor_char_boundary(LONGEST_RULE_NAME)].to_owned();
        Self { rule: Some((index, name)), error }
    }
}

impl OwnerErrors {
    /// Adds an error, unless it is there already.
    pub(crate) fn push(&mut self, error: OwnerError) {
        let kept = if error.error.is_hint { &mut self.hints } else { &mut self.kept };
        if kept.contains(&error) {
            return;
        }
        if kept.len() < MOST_ERRORS {
            kept.push(error);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds those of another list behind its own.
    pub(crate) fn append(&mut self, others: Self) {
        self.left_out += others.left_out;
        for error in others.kept.into_iter().chain(others.hints) {
            self.push(error);
        }
    }

    /// The errors, then the hints. The last entry counts those that were left out.
    pub(crate) fn into_boxed_slice(mut self) -> Box<[OwnerError]> {
        let room = MOST_ERRORS.saturating_sub(self.kept.len());
        self.left_out += self.hints.len().saturating_sub(room);
        self.kept.extend(self.hints.into_iter().take(room));
        if self.left_out > 0 {
            let message = format!("{} further errors are left out; correct these first", self.left_out);
            self.kept.push(OwnerError::of_owner(RuleError::new("TriggerTooManyErrors", message)));
        }
        self.kept.into_boxed_slice()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_the_number_of_errors_are_bounded() {
        assert!(RuleError::new("R", "é".repeat(5000)).to_string().len() <= LONGEST_ERROR);
        let mut errors = OwnerErrors::default();
        for place in 0..5000 {
            errors.push(OwnerError::of_rule(place, &"n".repeat(5000), RuleError::new("R", "wrong")));
            errors.push(OwnerError::of_owner(RuleError::new("R", "once")));
        }
        let errors = errors.into_boxed_slice();
        assert_eq!(errors.len(), MOST_ERRORS + 1);
        let last = errors.last().unwrap();
        assert_eq!(last.error.reason(), "TriggerTooManyErrors");
        assert_eq!(last.to_string(), "4969 further errors are left out; correct these first");
        let named = errors[0].rule.as_ref().unwrap();
        assert_eq!(named.1.len(), LONGEST_RULE_NAME);
    }

    #[test]
    fn hints_follow_the_errors_and_take_no_place_of_one() {
        let mut errors = OwnerErrors::default();
        for place in 0..100 {
            errors.push(OwnerError::of_rule(place, "n", RuleError::hint("H", "perhaps")));
        }
        errors.push(OwnerError::of_owner(RuleError::new("R", "wrong")));
        let errors = errors.into_boxed_slice();
        assert_eq!(errors.len(), MOST_ERRORS + 1);
        assert_eq!(errors.iter().filter(|error| error.error.is_hint()).count(), MOST_ERRORS - 1);
        assert!(!errors[0].error.is_hint() && !errors[MOST_ERRORS].error.is_hint());
        assert_eq!(errors[MOST_ERRORS].to_string(), "69 further errors are left out; correct these first");
    }
}
