//! The kinds of rules. A kind is a folder here and a line in [`KINDS`]; a test compares the two.

mod git;
pub mod image;
mod pipeline;

use std::any::Any;
use std::sync::Arc;

use trigger_api::shipwright::{Build, When};
use trigger_core::{Event, RepoId, ResourceRef};

use crate::auth::Auth;
use crate::decide::DecisionInput;
use crate::decision::{CheckTrace, Unmatched};
use crate::reason::Reason;
use crate::rule_error::{OwnerError, RuleError};
use crate::rule_set::{OwnerRules, Rule, RuleSet};

/// Every kind of trigger. Adding one is a folder and a line here.
pub(crate) static KINDS: &[&dyn TriggerKind] = &[&git::Git, &pipeline::Pipeline, &image::Image];

/// The name of every kind of trigger, as metrics and annotations give it.
pub fn kind_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}

/// Which of the kinds: a byte where a name would have sixteen, since there are many rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindId(u8);

impl KindId {
    /// All kinds with their ids.
    pub(crate) fn all() -> impl Iterator<Item = (Self, &'static dyn TriggerKind)> {
        (0..).map(Self).zip(KINDS.iter().copied())
    }

    /// The kind of this name.
    pub(crate) fn of(name: &str) -> Option<(Self, &'static dyn TriggerKind)> {
        Self::all().find(|(_, kind)| kind.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        KINDS.get(usize::from(self.0)).map_or("", |kind| kind.name())
    }
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

    /// What the rules of one kind share while they are compiled; empty at first.
    fn new_compiler_state(&self) -> Box<dyn Any + Send> {
        Box::new(())
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

/// A kind of trigger that Builds carry, as entries of `spec.trigger.when`.
pub(crate) trait BuildTrigger: Send + Sync {
    /// Makes a matcher of an entry.
    fn compile(&self, when: &When, context: &mut BuildContext<'_>) -> Result<Box<dyn Matcher>, RuleError>;

    /// What entitles an event to fire the rule.
    fn auth(&self, context: &BuildContext<'_>) -> Auth;

    /// Under which key a broken rule is found, so that decisions can say that it is broken.
    fn key_of_broken(&self, _context: &BuildContext<'_>) -> Option<IndexKey> {
        None
    }

    /// What the kind keeps of the Build as a whole; `rules` are those of this kind, at least one.
    fn summarize(
        &self,
        _build: &Build,
        _rules: &[&Rule],
        _errors: &mut Vec<RuleError>,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        None
    }
}

/// What a rule waits for, ready to be compared with events.
pub(crate) trait Matcher: Any + Send + Sync {
    /// Under which keys the rule is found.
    fn keys(&self) -> Vec<IndexKey>;

    /// Compares the rule with an event, predicate by predicate; the first that fails ends it.
    fn check(
        &self,
        input: DecisionInput<'_>,
        owner: &OwnerRules,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched>;

    /// What the rule says about itself in the annotations of the run: key and value.
    fn details(&self, _event: &Event) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The parts of the event that the rule matched, by name, where an event has parts.
    fn parts(&self, _input: DecisionInput<'_>, _owner: &OwnerRules) -> Vec<Box<str>> {
        Vec::new()
    }
}

/// What a kind of trigger indexes by itself. A copy must cost no more than a pointer or two.
pub(crate) trait KindIndex: Send + Sync {
    /// Takes the rules of an owner that is not in the index.
    fn insert(&mut self, rules: &Arc<OwnerRules>);

    /// Forgets an owner.
    fn remove(&mut self, owner: &ResourceRef);

    /// The index as its own type, for the door of the kind.
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

/// What is known while a rule of a Build is compiled.
pub(crate) struct BuildContext<'a> {
    /// The Build that carries the rule.
    pub(crate) build: &'a Build,
    /// The name of the rule.
    pub(crate) rule: &'a str,
    /// Its repository, if it has one that can be understood.
    pub(crate) repository: Result<&'a RepoId, RuleError>,
    /// What the Build's fields say about its webhooks.
    pub(crate) auth: Auth,
    /// What kinds share between rules.
    pub(crate) states: &'a mut CompilerStates,
    /// What is wrong with the rule and leaves the rest of it in force.
    pub(crate) warnings: Vec<RuleError>,
    /// What is wrong with the Build as a whole.
    pub(crate) owner_errors: &'a mut Vec<OwnerError>,
}

/// What each kind of trigger shares between its rules while they are compiled.
pub(crate) struct CompilerStates(Vec<Box<dyn Any + Send>>);

impl CompilerStates {
    /// The states of all kinds, empty.
    pub(crate) fn new() -> Self {
        Self(KINDS.iter().map(|kind| kind.new_compiler_state()).collect())
    }

    /// The state of this type.
    pub(crate) fn get<T: 'static>(&mut self) -> Option<&mut T> {
        self.0.iter_mut().find_map(|state| state.downcast_mut())
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

/// The folders below a folder of this crate's sources.
#[cfg(test)]
pub(crate) fn folders_of(folder: &str) -> std::collections::BTreeSet<String> {
    std::fs::read_dir(format!("{}/src/{folder}", env!("CARGO_MANIFEST_DIR")))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_folder_is_a_line_in_the_table() {
        let lines: BTreeSet<_> = KINDS.iter().map(|kind| kind.folder().to_owned()).collect();
        assert_eq!(lines, folders_of("triggers"));
    }

    #[test]
    fn nothing_outside_its_folder_and_the_table_names_the_kind_image() {
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.extend((name != "image").then_some(path));
                } else if !["lib.rs", "tests.rs"].contains(&name.as_str())
                    && !path.ends_with("triggers/mod.rs")
                {
                    let source = std::fs::read_to_string(&path).unwrap();
                    let named: Vec<_> = source.lines().filter(|line| line.contains("image::")).collect();
                    assert!(named.is_empty(), "{}: {named:?}", path.display());
                }
            }
        }
    }
}
