//! The rules of all owners, and the trait of a kind of trigger.

mod build_trigger;
mod coverage;
mod kind;
mod owner_map;
mod shares;

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use imbl::HashMap;
use trigger_core::{Event, RepoId, ResourceRef, Target};

pub(crate) use self::build_trigger::{BuildContext, BuildTrigger};
pub use self::coverage::Coverage;
pub use self::kind::DecisionInput;
pub(crate) use self::kind::{Extent, IndexKey, Kind, KindIndex, Kinds, Matcher, TriggerKind};
pub(crate) use self::owner_map::OwnerMap;
pub use self::shares::LeftOut;
use crate::auth::Auth;
use crate::rule_error::{OwnerError, RuleError};

/// An immutable snapshot of all rules. A copy shares everything, and a change costs no more than its own size: the maps
/// share what did not change.
#[derive(Clone)]
pub struct RuleSet {
    owners: OwnerMap,
    /// Each list in the order of the owners: decisions read the same whichever changed last.
    index: HashMap<IndexKey, Arc<[Arc<OwnerRules>]>>,
    /// The kinds' own indexes, in the order of the table.
    indexes: Vec<Box<dyn KindIndex>>,
    /// The table of kinds.
    kinds: Kinds,
    /// How far the owners are known.
    coverage: Arc<Coverage>,
}

/// The rules of one owner.
pub struct OwnerRules {
    /// The object that carries them.
    pub owner: ResourceRef,
    /// `metadata.uid` of that object.
    pub uid: Arc<str>,
    /// Its repository, if it has one that can be understood.
    pub repository: Option<RepoId>,
    /// The rules, in the order of the owner.
    pub(crate) rules: Box<[Rule]>,
    /// Errors that disable rules or parts of them.
    pub errors: Box<[OwnerError]>,
    /// The kinds' summaries of the owner as a whole.
    pub(crate) summaries: Box<[Summary]>,
}

/// The summary of an owner by one kind of trigger. Only that kind reads it, by its type.
pub(crate) struct Summary(pub(crate) Box<dyn Any + Send + Sync>);

/// One rule.
pub(crate) struct Rule {
    /// Its place in the owner.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its kind.
    pub(crate) kind: Kind,
    /// The authentication it requires.
    pub(crate) auth: Auth,
    /// The object it starts.
    pub(crate) target: Arc<Target>,
    /// Its keys in the index. A broken rule may have none.
    pub(crate) keys: Box<[IndexKey]>,
    /// Its condition, or why it is broken. Boxed, because nearly all rules are in order.
    pub(crate) matcher: Result<Box<dyn Matcher>, Box<RuleError>>,
}

impl RuleSet {
    /// No rules, of the kinds of a table.
    pub(crate) fn new(kinds: Kinds) -> Self {
        let indexes = kinds.iter().map(|kind| kind.new_index()).collect();
        Self {
            owners: OwnerMap::default(),
            index: HashMap::default(),
            indexes,
            kinds,
            coverage: Arc::default(),
        }
    }

    /// The kinds that rules can have.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        Kind::all(self.kinds)
    }

    /// How many owners have rules.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// How far the owners are known.
    pub fn coverage(&self) -> &Arc<Coverage> {
        &self.coverage
    }

    pub(crate) fn set_coverage(&mut self, coverage: Coverage) {
        self.coverage = Arc::new(coverage);
    }

    /// The rules of one owner.
    pub fn owner(&self, owner: &ResourceRef) -> Option<&Arc<OwnerRules>> {
        self.owners.get(owner)
    }

    /// Every owner with rules, in no particular order.
    pub fn owners(&self) -> impl Iterator<Item = &Arc<OwnerRules>> {
        self.owners.iter()
    }

    /// The index that a kind of trigger keeps itself.
    pub(crate) fn index_of<T: 'static>(&self) -> Option<&T> {
        self.indexes.iter().find_map(|index| index.as_any().downcast_ref())
    }

    /// The owners with rules under a key, in the order of their names.
    pub(crate) fn at(&self, key: &IndexKey) -> impl Iterator<Item = &OwnerRules> {
        self.index.get(key).into_iter().flat_map(|bucket| bucket.iter()).map(Arc::as_ref)
    }

    /// The owners under any of several keys for which `applies` holds, each once, in the order of their names.
    pub(crate) fn under_any(
        &self,
        keys: &[IndexKey],
        applies: impl Fn(&OwnerRules) -> bool,
    ) -> Vec<&OwnerRules> {
        let mut found: Vec<_> =
            keys.iter().flat_map(|key| self.at(key)).filter(|rules| applies(rules)).collect();
        // Several sorted lists one after the other, and mostly one.
        found.sort_by(|one, other| one.owner.cmp(&other.owner));
        found.dedup_by(|one, other| one.owner == other.owner);
        found
    }

    /// Whether an event applies to any rule, so that there is something to decide.
    pub fn applies_to_any(&self, event: &Event) -> bool {
        self.kinds.iter().any(|kind| {
            let keys = kind.lookup(event);
            keys.iter().flat_map(|key| self.at(key)).any(|rules| kind.applies_to(event, rules))
        })
    }

    /// Whether there are rules about PipelineRuns. This looks at every owner.
    pub fn follows_pipeline_runs(&self) -> bool {
        let mut rules = self.owners().flat_map(|owner| owner.rules.iter());
        rules.any(|rule| rule.kind.get().is_about_pipeline_runs())
    }

    /// Puts the rules of an owner in the place of those it had.
    pub(crate) fn insert(&mut self, rules: &Arc<OwnerRules>) {
        self.remove(&rules.owner);
        for key in rules.keys() {
            let bucket = self.index.get(&key).map(AsRef::as_ref).unwrap_or_default();
            let (before, after) = bucket.split_at(bucket.partition_point(|other| other.owner < rules.owner));
            let bucket = before.iter().chain([rules]).chain(after).cloned().collect();
            self.index.insert(key, bucket);
        }
        for index in &mut self.indexes {
            index.insert(rules);
        }
        self.owners.insert(rules);
    }

    /// Removes the rules of an owner, and returns those that it had.
    pub(crate) fn remove(&mut self, owner: &ResourceRef) -> Option<Arc<OwnerRules>> {
        let rules = self.owners.remove(owner)?;
        for index in &mut self.indexes {
            index.remove(owner);
        }
        for key in rules.keys() {
            let Some(bucket) = self.index.get(&key) else { continue };
            let rest: Arc<[_]> = bucket.iter().filter(|other| other.owner != *owner).cloned().collect();
            if rest.is_empty() {
                self.index.remove(&key);
            } else {
                self.index.insert(key, rest);
            }
        }
        Some(rules)
    }
}

impl OwnerRules {
    fn keys(&self) -> HashSet<IndexKey> {
        self.rules.iter().flat_map(|rule| rule.keys.iter().cloned()).collect()
    }

    /// How many rules there are, by the name of their kind.
    pub fn count(&self, kind: &str) -> usize {
        self.rules.iter().filter(|rule| rule.kind.name() == kind).count()
    }

    /// Whether there is a rule of the kind with this name.
    pub(crate) fn has(&self, kind: &str) -> bool {
        self.rules.iter().any(|rule| rule.kind.name() == kind)
    }

    /// A kind's summary of the owner as a whole.
    pub(crate) fn summary<T: 'static>(&self) -> Option<&T> {
        self.summaries.iter().find_map(|summary| summary.0.downcast_ref())
    }
}

impl fmt::Debug for OwnerRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<_> = self.rules.iter().map(|rule| (rule.kind.name(), &rule.name)).collect();
        f.debug_struct("OwnerRules")
            .field("owner", &self.owner)
            .field("rules", &rules)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds().map(Kind::name).collect();
        f.debug_struct("RuleSet")
            .field("owners", &self.owners.len())
            .field("kinds", &kinds)
            .finish_non_exhaustive()
    }
}
