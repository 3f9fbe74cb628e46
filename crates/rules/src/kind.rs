use std::sync::Arc;

use trigger_api::Target;
use trigger_api::shipwright::{Build, Condition};
use trigger_core::{Event, ImageRef, RepoId};

use crate::decision::{CheckTrace, Reason};
use crate::git::{Git, Patterns};
use crate::image::Image;
use crate::pipeline::Pipeline;
use crate::rule_error::RuleErrorKind;
use crate::rule_set::{RuleSet, TargetRules};

/// Every kind of trigger. Adding one is a folder and a line here.
pub static KINDS: &[&dyn TriggerKind] = &[&Git, &Pipeline, &Image];

/// Which of the kinds: a byte where a name would have sixteen, since there are many rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindId(u8);

impl KindId {
    /// The kind of this name.
    pub(crate) fn of(name: &str) -> Option<(Self, &'static dyn TriggerKind)> {
        let (place, kind) = (0..).zip(KINDS).find(|(_, kind)| kind.name() == name)?;
        Some((Self(place), *kind))
    }

    pub(crate) fn name(self) -> &'static str {
        KINDS.get(usize::from(self.0)).map_or("", |kind| kind.name())
    }
}

/// A kind of trigger: one value of `when[].type`.
pub trait TriggerKind: Send + Sync {
    /// The value of `when[].type`.
    fn name(&self) -> &'static str;

    /// What entitles an event to fire rules of this kind.
    fn authority(&self) -> TrustBasis;

    /// Makes a matcher of a rule of this kind.
    fn compile(
        &self,
        condition: Condition,
        context: &mut Context<'_>,
    ) -> Result<Box<dyn Matcher>, RuleErrorKind>;

    /// Under which key a broken rule of this kind is found, so that decisions can say that it is broken.
    fn key_of_broken(&self, context: &Context<'_>) -> Option<IndexKey>;

    /// Under which keys the rules that could care about an event are found.
    fn lookup(&self, event: &Event) -> Vec<IndexKey>;

    /// Whether a target found under one of those keys really is concerned.
    fn concerns(&self, _event: &Event, _rules: &TargetRules) -> bool {
        true
    }
}

/// What entitles an event to fire a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustBasis {
    /// The rule's own Secret must have verified the delivery.
    Secret,
    /// We saw it happen on the cluster ourselves.
    Observation,
}

/// What a rule waits for, ready to be compared with events.
pub trait Matcher: Send + Sync {
    /// Under which keys the rule is found.
    fn keys(&self) -> Vec<IndexKey>;

    /// Compares the rule with an event, predicate by predicate; the first that fails ends it. `rules` are all
    /// that there are.
    fn check(
        &self,
        event: &Event,
        target: &Target,
        rules: &RuleSet,
        trace: &mut CheckTrace,
    ) -> Result<(), Reason>;

    /// What the rule says about itself in the annotations of the run: key and value.
    fn details(&self, event: &Event, target: &Target) -> Vec<(&'static str, String)>;

    /// Because of which images of an event the rule fires.
    fn images(&self, _event: &Event, _target: &Target, _rules: &RuleSet) -> Vec<ImageRef> {
        Vec::new()
    }

    /// The images that the rule waits for.
    fn waits_for(&self) -> Vec<ImageRef> {
        Vec::new()
    }
}

/// What there is to know while a rule is made.
pub struct Context<'a> {
    /// The Build that carries the rule.
    pub(crate) build: &'a Build,
    /// The name of the rule.
    pub(crate) rule: &'a str,
    /// Its repository, if it has one that can be understood.
    pub(crate) repository: Result<&'a RepoId, RuleErrorKind>,
    /// Compiled branch patterns, shared by all rules.
    pub(crate) patterns: &'a mut Patterns,
    /// What is wrong with the rule and leaves the rest of it in force.
    pub(crate) warnings: Vec<RuleErrorKind>,
}

/// A key of the index: text that a kind of trigger makes and only it understands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey(Arc<str>);

impl IndexKey {
    /// The key `text` of the kind with the short name `kind`.
    pub(crate) fn new(kind: &str, text: &str) -> Self {
        Self(format!("{kind}:{text}").into())
    }
}
