use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use imbl::HashMap;
use trigger_api::{SecretBinding, Target};
use trigger_core::{Event, GitEvent, GitEventKind, ImageRef, ObjectKey, RepoId, Repository};

use crate::git::Git;
use crate::image::{ImageRules, key as image_key};
use crate::kind::{IndexKey, KINDS, KindId, Matcher, TriggerKind};
use crate::rule_error::{RuleError, RuleErrorKind};

/// An immutable snapshot of all rules. Copying one costs nothing, and a change costs no more than its
/// own size: the maps share what did not change.
#[derive(Clone, Default)]
pub struct RuleSet {
    targets: HashMap<ObjectKey, Arc<TargetRules>>,
    /// Each list in the order of the targets' names: what is decided reads the same whoever changed last.
    index: HashMap<IndexKey, Arc<[Arc<TargetRules>]>>,
    /// Those of the targets that have rules of type `Image`.
    waiting_for_images: HashMap<ObjectKey, Arc<TargetRules>>,
}

/// The rules of one target.
pub struct TargetRules {
    /// What they start.
    pub target: Arc<Target>,
    /// The target's repository, if it has one that can be understood.
    pub repository: Option<RepoId>,
    /// What there is to know about its rules of type `Image`, if it has any.
    pub images: Option<Box<ImageRules>>,
    /// The rules, in the order of the Build.
    pub(crate) rules: Box<[Rule]>,
    /// What keeps rules from working.
    pub faults: Box<[RuleError]>,
}

/// One rule.
pub(crate) struct Rule {
    /// Its place in `when`.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its type.
    pub(crate) kind: KindId,
    /// Where the index has it. A broken rule may have no place there.
    pub(crate) keys: Box<[IndexKey]>,
    /// What it waits for, or why it is broken. Boxed, because nearly all rules are in order.
    pub(crate) matcher: Result<Box<dyn Matcher>, Box<RuleErrorKind>>,
}

/// Who could accept a webhook delivery about a repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WebhookCandidates {
    /// The Secrets that verify deliveries for the repository's Builds, each once.
    pub secrets: Vec<SecretBinding>,
    /// How many Builds with rules use the repository.
    pub targets: usize,
    /// Whether one of them names no Secret at all.
    pub without_secret: bool,
}

impl RuleSet {
    /// How many targets have rules.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The rules of one target.
    pub fn target(&self, key: &ObjectKey) -> Option<&Arc<TargetRules>> {
        self.targets.get(key)
    }

    /// Every target with rules, in no particular order.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<TargetRules>> {
        self.targets.values()
    }

    /// Every target with rules of type `Image`, in no particular order.
    pub fn waiting_for_images(&self) -> impl Iterator<Item = &Arc<TargetRules>> {
        self.waiting_for_images.values()
    }

    /// Whether both have the same rules of type `Image`. May be false for equal ones, but costs nothing.
    pub fn waits_for_the_same_images(&self, other: &Self) -> bool {
        self.waiting_for_images.ptr_eq(&other.waiting_for_images)
    }

    /// Whether a Build of a namespace waits for an image.
    pub fn waits_for_image(&self, namespace: &str, image: &ImageRef) -> bool {
        self.under(&image_key(image)).any(|rules| {
            let waits = rules.images.as_ref().is_some_and(|images| images.names.contains(image));
            waits && rules.target.key.namespace.as_ref() == namespace
        })
    }

    /// The targets with rules under a key.
    pub(crate) fn under(&self, key: &IndexKey) -> impl Iterator<Item = &TargetRules> {
        self.index.get(key).into_iter().flat_map(|bucket| bucket.iter()).map(Arc::as_ref)
    }

    /// Who could accept a webhook delivery about a repository with these names.
    pub fn webhook_candidates(&self, names: &[RepoId]) -> WebhookCandidates {
        let repository = Repository { names: names.to_vec(), default_branch: None };
        let kind = GitEventKind::Other { name: String::new() };
        let any = Event::Git(GitEvent { repository, sender: None, kind });
        let mut candidates = WebhookCandidates::default();
        for rules in self.concerned(&Git, &any) {
            candidates.targets += 1;
            match &rules.target.secret {
                None => candidates.without_secret = true,
                Some(secret) if candidates.secrets.contains(secret) => {}
                Some(secret) => candidates.secrets.push(secret.clone()),
            }
        }
        candidates
    }

    /// Whether there is any rule that an event concerns, so that there is something to decide.
    pub fn concerns_any(&self, event: &Event) -> bool {
        KINDS.iter().any(|kind| {
            let buckets = kind.lookup(event).into_iter().filter_map(|key| self.index.get(&key));
            buckets.flat_map(|bucket| bucket.iter()).any(|rules| kind.concerns(event, rules))
        })
    }

    /// The targets with rules of a kind that an event concerns, each once, in the order of their names.
    pub(crate) fn concerned<'a>(&'a self, kind: &dyn TriggerKind, event: &Event) -> Vec<&'a TargetRules> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for key in kind.lookup(event) {
            let Some(bucket) = self.index.get(&key) else { continue };
            let concerned = bucket.iter().filter(|rules| kind.concerns(event, rules));
            found.extend(concerned.map(Arc::as_ref).filter(|rules| seen.insert(&rules.target.key)));
        }
        // Several sorted lists one after the other, and mostly one.
        found.sort_by(|one, other| one.target.key.cmp(&other.target.key));
        found
    }

    /// Puts the rules of a target in the place of those it had.
    pub(crate) fn insert(&mut self, rules: Arc<TargetRules>) {
        self.remove(&rules.target.key);
        for key in rules.keys() {
            let bucket = self.index.get(&key).map(AsRef::as_ref).unwrap_or_default();
            let (before, after) =
                bucket.split_at(bucket.partition_point(|other| other.target.key < rules.target.key));
            let bucket = before.iter().chain([&rules]).chain(after).cloned().collect();
            self.index.insert(key, bucket);
        }
        if rules.images.is_some() {
            self.waiting_for_images.insert(rules.target.key.clone(), Arc::clone(&rules));
        }
        self.targets.insert(rules.target.key.clone(), rules);
    }

    /// Removes the rules of a target. True if there were any.
    pub(crate) fn remove(&mut self, target: &ObjectKey) -> bool {
        let Some(rules) = self.targets.remove(target) else { return false };
        self.waiting_for_images.remove(target);
        for key in rules.keys() {
            let Some(bucket) = self.index.get(&key) else { continue };
            let rest: Arc<[_]> = bucket.iter().filter(|other| other.target.key != *target).cloned().collect();
            if rest.is_empty() {
                self.index.remove(&key);
            } else {
                self.index.insert(key, rest);
            }
        }
        true
    }
}

impl TargetRules {
    fn keys(&self) -> HashSet<IndexKey> {
        self.rules.iter().flat_map(|rule| rule.keys.iter().cloned()).collect()
    }

    /// How many rules there are, by the name of their kind.
    pub fn count(&self, kind: &str) -> usize {
        self.rules.iter().filter(|rule| rule.kind.name() == kind).count()
    }
}

impl fmt::Debug for TargetRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<_> = self.rules.iter().map(|rule| (rule.kind.name(), &rule.name)).collect();
        f.debug_struct("TargetRules")
            .field("target", &self.target.key)
            .field("rules", &rules)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = KINDS.iter().map(|kind| kind.name()).collect();
        f.debug_struct("RuleSet")
            .field("targets", &self.targets.len())
            .field("kinds", &kinds)
            .finish_non_exhaustive()
    }
}
