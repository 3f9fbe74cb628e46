use std::any::Any;

use trigger_api::shipwright::{Build, When};
use trigger_core::RepoId;

use super::Rule;
use super::kind::{IndexKey, Matcher};
use crate::auth::Auth;
use crate::limits::MOST_VALUES;
use crate::rule_error::{OwnerError, OwnerErrors, RuleError};

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
    /// Whether the Secret of the Build can exist.
    pub(crate) secret: Result<(), RuleError>,
    /// Whether it is known what runs do with their image that pull requests start.
    pub(crate) pull_request_output: Result<(), RuleError>,
    /// The values that the rules may still have, of [`MOST_VALUES`] for all of them.
    pub(crate) values_left: usize,
    /// Errors in parts of the rule; the rest stays in force.
    pub(crate) warnings: Vec<RuleError>,
    /// Errors that break several rules. They are reported as errors of the Build, each once.
    pub(crate) common_errors: Vec<RuleError>,
    /// The values that were made for all rules of a kind.
    pub(crate) made_once: Vec<Box<dyn Any>>,
    /// Errors of the Build as a whole.
    pub(crate) owner_errors: &'a mut OwnerErrors,
}

impl BuildContext<'_> {
    /// The value that a kind makes of the Build for all of its rules: `make` is called for the first of them. Its error
    /// is one of the Build, and so are the warnings that it adds.
    pub(crate) fn once<T: Clone + 'static>(
        &mut self,
        make: impl FnOnce(&Build, &mut Vec<RuleError>) -> Result<T, RuleError>,
    ) -> Result<T, RuleError> {
        let known = self.made_once.iter().find_map(|made| made.downcast_ref::<Result<T, RuleError>>());
        if let Some(known) = known {
            return known.clone();
        }
        let mut warnings = Vec::new();
        let value = make(self.build, &mut warnings);
        for warning in warnings {
            self.owner_errors.push(OwnerError::of_owner(warning));
        }
        self.common_errors.extend(value.as_ref().err().cloned());
        self.made_once.push(Box::new(value.clone()));
        value
    }

    /// Counts the values of a rule towards the bound of all rules.
    pub(crate) fn take_values(&mut self, count: usize) -> Result<(), RuleError> {
        let left = self.values_left.checked_sub(count).ok_or_else(|| {
            let message = format!(
                "the rules of the Build have more than {MOST_VALUES} branches, patterns, images, statuses and labels \
                 together; move this rule to another Build"
            );
            RuleError::new("TriggerTooManyValues", message)
        })?;
        self.values_left = left;
        Ok(())
    }

    /// The value of an annotation of the Build; the default, and an error of the Build, if it means nothing.
    pub(crate) fn annotation<T: Default>(
        &mut self,
        key: &'static str,
        parse: fn(&str) -> Option<T>,
        (expected, assumed): (&'static str, &'static str),
    ) -> T {
        let Some(value) = self.build.annotation(key) else { return T::default() };
        parse(value).unwrap_or_else(|| {
            let error = RuleError::annotation(key, value, expected, assumed);
            self.owner_errors.push(OwnerError::of_owner(error));
            T::default()
        })
    }
}
