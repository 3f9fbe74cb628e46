use trigger_core::PullRequestAction;

use super::mistakes;
use super::place::Place;
use crate::limits::{LONGEST_WORD, MOST_PATTERNS};
use crate::rule_error::{RuleError, take_mistakes};

/// The actions on a pull request that a rule fires for: those that change its code, unless the rule names others.
pub(super) struct Actions(Option<Box<[Box<str>]>>);

impl Actions {
    /// Those that change code.
    pub(super) const DEFAULT: Self = Self(None);

    pub(super) fn compile(
        names: &[&str],
        place: Place,
        warnings: &mut Vec<RuleError>,
    ) -> Result<Self, RuleError> {
        if names.len() > MOST_PATTERNS {
            let subject = format!("actions in the {place}");
            return Err(RuleError::too_many("TriggerTooManyPatterns", &subject, names.len(), MOST_PATTERNS));
        }
        if let Some(name) = names.iter().find(|name| name.len() > LONGEST_WORD) {
            return Err(RuleError::too_long("TriggerActionTooLong", "action", name, LONGEST_WORD));
        }
        take_mistakes(names.iter().map(|name| mistakes::in_action(name)).collect(), warnings)?;
        Ok(Self(Some(names.iter().map(|name| (*name).into()).collect())))
    }

    /// Whether the rule names actions itself.
    pub(super) fn are_named(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the rule fires for an action.
    pub(super) fn contains(&self, action: &PullRequestAction) -> bool {
        match &self.0 {
            Some(names) => names.iter().any(|name| **name == *action.name()),
            None => action.changes_code(),
        }
    }

    /// The names, if the rule has any.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(AsRef::as_ref)
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        self.names().map(|name| size_of::<Box<str>>() + name.len()).sum()
    }
}
