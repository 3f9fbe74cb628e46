use std::any::Any;
use std::fmt;
use std::sync::Arc;

use trigger_core::{Event, Facts, RepoId, ResourceRef, Verification};

use super::build_trigger::BuildTrigger;
use super::{OwnerRules, RuleSet};
use crate::decision::{CheckTrace, Unmatched};
use crate::payload::LazyPayload;
use crate::reason::Reason;
use crate::rule_error::RuleError;
use crate::work::Work;

/// A line in the table of kinds: a thin pointer, since there are many rules.
#[derive(Clone, Copy)]
pub(crate) struct Kind(pub(crate) &'static &'static dyn TriggerKind);

/// The table of kinds.
pub(crate) type Kinds = &'static [&'static dyn TriggerKind];

impl Kind {
    /// All kinds of a table.
    pub(crate) fn all(kinds: Kinds) -> impl Iterator<Item = Self> {
        kinds.iter().map(Self)
    }

    /// The kind itself.
    pub(crate) fn get(self) -> &'static dyn TriggerKind {
        *self.0
    }

    /// The name that decisions, metrics and annotations give it.
    pub(crate) fn name(self) -> &'static str {
        self.get().name()
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The input of a decision.
#[derive(Debug, Clone, Copy)]
pub struct DecisionInput<'a> {
    /// The event.
    pub event: &'a Event,
    /// The verification of the delivery that holds the event.
    pub verification: &'a Verification,
    /// The facts gathered about the delivery so far.
    pub facts: &'a Facts,
    /// The payload of the delivery, for filters.
    pub payload: &'a LazyPayload<'a>,
    /// All rules.
    pub rules: &'a RuleSet,
}

/// A kind of trigger.
pub(crate) trait TriggerKind: Send + Sync {
    /// The folder of the kind here.
    #[cfg(test)]
    fn folder(&self) -> &'static str;

    /// The name that decisions, metrics and annotations give it; of a kind that Builds carry, the value of
    /// `when[].type`.
    fn name(&self) -> &'static str;

    /// Why a rule of this kind can be skipped.
    fn reasons(&self) -> &'static [Reason];

    /// Under which keys the rules that could care about an event are found.
    fn lookup(&self, event: &Event) -> Vec<IndexKey>;

    /// Whether the event applies to an owner found under one of those keys.
    fn applies_to(&self, _event: &Event, _rules: &OwnerRules) -> bool {
        true
    }

    /// Whether its rules are about PipelineRuns, which are watched for them.
    fn is_about_pipeline_runs(&self) -> bool {
        false
    }

    /// Under which keys the rules are found that a webhook about a repository could fire.
    fn lookup_repository(&self, _names: &[RepoId]) -> Vec<IndexKey> {
        Vec::new()
    }

    /// Whether an owner found under one of those keys has rules about the repository.
    fn is_about_repository(&self, _names: &[RepoId], _rules: &OwnerRules) -> bool {
        false
    }

    /// An index of its own, held by each [`RuleSet`]; empty at first.
    fn new_index(&self) -> Box<dyn KindIndex> {
        Box::new(NoIndex)
    }

    /// Errors of an owner that show only among the rules of all others, as they are now.
    fn check_among(&self, _rules: &RuleSet, _owner: &OwnerRules) -> Vec<RuleError> {
        Vec::new()
    }

    /// How Builds carry rules of this kind, if they do.
    fn for_builds(&self) -> Option<&dyn BuildTrigger> {
        None
    }
}

/// The condition of a rule, ready to be compared with events.
pub(crate) trait Matcher: Any + Send + Sync {
    /// Under which keys the rule is found.
    fn keys(&self) -> Vec<IndexKey>;

    /// Compares the rule with an event, predicate by predicate; the first that fails ends it.
    fn check(
        &self,
        input: DecisionInput<'_>,
        owner: &OwnerRules,
        work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched>;

    /// The rule's fields for the annotations of the run: key and value.
    fn details(&self, _event: &Event) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// How much it compares, and how much memory it takes.
    fn extent(&self) -> Extent;

    /// The parts of the event that the rule matched, by name, where an event has parts.
    fn parts(&self, _input: DecisionInput<'_>, _owner: &OwnerRules) -> Vec<Box<str>> {
        Vec::new()
    }
}

/// The size of a rule's condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The values that are compared with an event, such as branches.
    pub(crate) values: usize,
    /// The memory that it takes, in bytes.
    pub(crate) bytes: usize,
}

/// The index of one kind of trigger. A copy must cost no more than a pointer or two.
pub(crate) trait KindIndex: Send + Sync {
    /// Takes the rules of an owner that is not in the index.
    fn insert(&mut self, rules: &Arc<OwnerRules>);

    /// Forgets an owner.
    fn remove(&mut self, owner: &ResourceRef);

    /// The index as its own type, for the functions of the kind.
    fn as_any(&self) -> &dyn Any;

    /// A copy that shares what it can.
    fn copy(&self) -> Box<dyn KindIndex>;
}

impl Clone for Box<dyn KindIndex> {
    fn clone(&self) -> Self {
        self.as_ref().copy()
    }
}

/// The index of a kind that needs none.
struct NoIndex;

impl KindIndex for NoIndex {
    fn insert(&mut self, _rules: &Arc<OwnerRules>) {}

    fn remove(&mut self, _owner: &ResourceRef) {}

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn copy(&self) -> Box<dyn KindIndex> {
        Box::new(Self)
    }
}

/// A key of the index: text that a kind of trigger makes and only it understands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IndexKey(Arc<str>);

impl IndexKey {
    /// The key `text` of the kind with the short name `kind`.
    pub(crate) fn new(kind: &str, text: &str) -> Self {
        Self(format!("{kind}:{text}").into())
    }
}
