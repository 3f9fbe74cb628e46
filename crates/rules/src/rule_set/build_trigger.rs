use std::any::Any;

use trigger_api::shipwright::{Build, When};
use trigger_core::RepoId;

use super::Rule;
use super::kind::{IndexKey, Kinds, Matcher};
use crate::auth::Auth;
use crate::rule_error::{OwnerError, RuleError};

/// A kind of trigger that Builds carry, as entries of `spec.trigger.when`.
pub(crate) trait BuildTrigger: Send + Sync {
    /// Makes a matcher of an entry.
    fn compile(&self, when: &When, context: &mut BuildContext<'_>) -> Result<Box<dyn Matcher>, RuleError>;

    /// The authentication that the rule requires.
    fn auth(&self, context: &BuildContext<'_>) -> Auth;

    /// Under which key a broken rule is found, so that decisions can say that it is broken.
    fn key_of_broken(&self, _context: &BuildContext<'_>) -> Option<IndexKey> {
        None
    }

    /// The kind's summary of the Build as a whole; `rules` are those of this kind, at least one.
    fn summarize(
        &self,
        _build: &Build,
        _rules: &[&Rule],
        _errors: &mut Vec<RuleError>,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        None
    }
}

/// The inputs of compiling a rule of a Build.
pub(crate) struct BuildContext<'a> {
    /// The Build that carries the rule.
    pub(crate) build: &'a Build,
    /// The name of the rule.
    pub(crate) rule: &'a str,
    /// Its repository, if it has one that can be understood.
    pub(crate) repository: Result<&'a RepoId, RuleError>,
    /// The authentication that the Build's fields configure.
    pub(crate) auth: Auth,
    /// The state that each kind shares between rules.
    pub(crate) states: &'a mut CompilerStates,
    /// Errors in parts of the rule; the rest stays in force.
    pub(crate) warnings: Vec<RuleError>,
    /// Errors of the Build as a whole.
    pub(crate) owner_errors: &'a mut Vec<OwnerError>,
}

/// The state that each kind of trigger shares between its rules while they are compiled.
pub(crate) struct CompilerStates(Vec<Box<dyn Any + Send>>);

impl CompilerStates {
    /// The states of all kinds of a table, empty.
    pub(crate) fn new(kinds: Kinds) -> Self {
        Self(kinds.iter().map(|kind| kind.new_compiler_state()).collect())
    }

    /// The state of this type.
    pub(crate) fn get<T: 'static>(&mut self) -> Option<&mut T> {
        self.0.iter_mut().find_map(|state| state.downcast_mut())
    }
}

impl BuildContext<'_> {
    /// The value of an annotation of the Build; the default, and an error of the Build, if it means nothing.
    pub(crate) fn annotation<T: Default>(
        &mut self,
        key: &'static str,
        parse: fn(&str) -> Option<T>,
        (expected, assumed): (&'static str, &'static str),
    ) -> T {
        let Some(value) = self.build.annotation(key) else { return T::default() };
        parse(value).unwrap_or_else(|| {
            let error = OwnerError::of_owner(RuleError::annotation(key, value, expected, assumed));
            if !self.owner_errors.contains(&error) {
                self.owner_errors.push(error);
            }
            T::default()
        })
    }
}
