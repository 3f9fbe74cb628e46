use std::sync::Arc;

use trigger_core::{Cause, DeliveryId, Need, ResourceRef, Target};

use crate::limits::LONGEST_CHECK;
use crate::reason::{Predicate, Reason, TARGET_DELETED};
use crate::text::cut;

/// The reason of rules that match a push which another delivery has built.
pub const SAME_PUSH: Reason =
    Reason::new("same-push", "already built for the same push, delivery {found}: another hook sent it too");

/// The reason of rules whose repository has another address now.
pub(crate) const REPOSITORY_MOVED: Reason = Reason::new(
    "repository-moved",
    "the repository {expected} is {found} now: change `spec.source.git.url` of the Build",
);

/// The decision on one rule, and why.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The object that carries the rule.
    pub owner: ResourceRef,
    /// The object that the rule starts.
    pub target: Arc<Target>,
    /// The place of the rule in its owner, from 0.
    pub index: usize,
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The predicates that were checked, in order. If the rule was skipped, the last one failed.
    pub checks: Vec<Check>,
    /// The decision.
    pub outcome: Outcome,
    /// How many further rules of the owner were skipped for the same reason. They have no decisions of their own.
    pub further: usize,
}

/// What was decided about one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It fires. It is the first of its target to do so.
    Fired(Cause),
    /// It matches too, but an earlier rule with the same target fires already.
    AlsoMatched(Cause),
    /// It does not fire.
    Skipped(Reason),
}

/// One predicate of a rule, compared with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which predicate.
    pub predicate: Predicate,
    /// Whether it held.
    pub passed: bool,
    /// The value that the rule expects; a long one is cut.
    pub expected: String,
    /// What the event has; a long one is cut.
    pub found: String,
}

/// Why a rule does not match, or cannot be decided yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unmatched {
    /// A predicate failed.
    Skip(Reason),
    /// A fact has to be gathered first.
    Needs(Need),
}

/// Collects the checks of one rule.
#[derive(Debug, Default)]
pub(crate) struct CheckTrace(Vec<Check>);

impl Decision {
    /// Skips a rule that had matched, because its target does not exist any more.
    pub fn skip_deleted(&mut self) {
        let ResourceRef { kind, key, .. } = &self.target.resource;
        let expected = cut(format!("{kind} {key}"), LONGEST_CHECK);
        self.checks.push(Check {
            predicate: Predicate::TARGET,
            passed: false,
            expected,
            found: "deleted".to_owned(),
        });
        self.outcome = Outcome::Skipped(TARGET_DELETED);
    }

    /// The decision in one sentence, for people.
    pub fn message(&self) -> String {
        match &self.outcome {
            Outcome::Fired(_) => "every condition holds".to_owned(),
            Outcome::AlsoMatched(_) => "it matches too; one run for the event is enough".to_owned(),
            Outcome::Skipped(reason) => {
                let check = self.checks.last();
                let expected = check.map_or("", |check| check.expected.as_str());
                let found = check.map_or("", |check| check.found.as_str());
                reason.sentence(expected, found)
            }
        }
    }
}

impl Decision {
    /// Whether the rule was skipped because its repository has another address now.
    pub fn is_about_moved_repository(&self) -> bool {
        self.outcome == Outcome::Skipped(REPOSITORY_MOVED)
    }

    /// Skips a rule that matches: its target was started for the same push already, for another delivery.
    pub fn skip_same_push(&mut self, delivery: &DeliveryId) {
        if matches!(self.outcome, Outcome::Skipped(_)) {
            return;
        }
        self.outcome = Outcome::Skipped(SAME_PUSH);
        let (expected, found) = ("a push that was not built".to_owned(), delivery.to_string());
        self.checks.push(Check { predicate: Predicate::RUNS, passed: false, expected, found });
    }
}

impl From<Reason> for Unmatched {
    fn from(reason: Reason) -> Self {
        Self::Skip(reason)
    }
}

impl CheckTrace {
    /// Records one predicate. If it does not hold, the rule is skipped for `reason`.
    pub(crate) fn require(
        &mut self,
        predicate: Predicate,
        passed: bool,
        expected: impl Into<String>,
        found: impl Into<String>,
        reason: Reason,
    ) -> Result<(), Unmatched> {
        self.push(Check { predicate, passed, expected: expected.into(), found: found.into() });
        if passed { Ok(()) } else { Err(reason.into()) }
    }

    /// Records a predicate that does not hold: the rule is skipped for `reason`.
    pub(crate) fn fail(
        &mut self,
        predicate: Predicate,
        expected: impl Into<String>,
        found: impl Into<String>,
        reason: Reason,
    ) -> Unmatched {
        self.push(Check { predicate, passed: false, expected: expected.into(), found: found.into() });
        reason.into()
    }

    fn push(&mut self, Check { predicate, passed, expected, found }: Check) {
        let (expected, found) = (cut(expected, LONGEST_CHECK), cut(found, LONGEST_CHECK));
        self.0.push(Check { predicate, passed, expected, found });
    }

    /// The checks, in order.
    pub(crate) fn into_checks(self) -> Vec<Check> {
        self.0
    }
}
