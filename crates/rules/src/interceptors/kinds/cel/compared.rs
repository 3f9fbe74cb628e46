//! `compareSecret` of an expression, whose verdicts are answers.

use std::cell::RefCell;

use bytes::Bytes;
use trigger_core::{Credential, KeyRef, ObjectKey, is_dns_subdomain};
use trigger_expr::cel::{EvaluateError, SecretError, SecretLookup};

use crate::interceptors::answer::SecretAnswer;
use crate::interceptors::ask::{SecretCheck, configured_subject};
use crate::interceptors::interceptor::{Halt, Run};
use crate::interceptors::params::is_secret_entry;
use crate::limits::MOST_COMPARED_SECRETS;

/// The Secrets that one expression compares with. Each comparison is a question of its own, numbered in the order of the
/// evaluation: what is compared follows from the event and the answers before it.
pub(super) struct ComparedSecrets<'a, 'b> {
    run: &'a Run<'b>,
    /// The place of the expression, and its source. The keys of the answers change with both.
    place: String,
    source: &'a str,
    comparisons: RefCell<Vec<Comparison>>,
    /// The first comparison without a verdict: its question, or why there is none.
    open: RefCell<Option<Halt>>,
}

/// A comparison of one evaluation. It lives as long as this.
struct Comparison {
    presented: String,
    name: String,
    key: String,
    verdict: Result<bool, SecretError>,
}

/// The comparisons of an evaluation that has ended, for explaining it: operands are evaluated in another order then, and
/// nothing new is asked.
pub(super) struct Remembered<'a>(&'a RefCell<Vec<Comparison>>);

impl<'a, 'b> ComparedSecrets<'a, 'b> {
    pub(super) fn new(run: &'a Run<'b>, place: String, source: &'a str) -> Self {
        Self { run, place, source, comparisons: RefCell::default(), open: RefCell::default() }
    }

    /// The question that an evaluation has ended with; `None` for another error.
    pub(super) fn question(&self, error: &EvaluateError) -> Option<Halt> {
        match error {
            EvaluateError::Secret { source: SecretError::NeedsSecret { .. }, .. } => self.open.take(),
            _ => None,
        }
    }

    pub(super) fn remembered(&self) -> Remembered<'_> {
        Remembered(&self.comparisons)
    }

    fn verdict(&self, place: usize, presented: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        let namespace = &self.run.trigger.namespace;
        let (owned_name, owned_key) = (name.to_owned(), key.to_owned());
        let no_secret = || SecretError::NoSuchSecret { name: name.to_owned(), key: key.to_owned() };
        let no_key = || {
            let (namespace, name, key) = (namespace.to_string(), name.to_owned(), key.to_owned());
            SecretError::NoSuchKey { namespace, name, key }
        };
        if !is_dns_subdomain(name) {
            return Err(no_secret());
        }
        if !is_secret_entry(key) {
            return Err(no_key());
        }
        if place >= MOST_COMPARED_SECRETS {
            let reason = format!("at most {MOST_COMPARED_SECRETS} comparisons are allowed in an expression");
            return Err(SecretError::Unreadable { name: owned_name, reason });
        }
        let expression = configured_subject(&self.place, self.source);
        let subject = format!("compare {place} in {expression}: secret {name}/{key}");
        let check = || {
            let key = KeyRef::new(ObjectKey::new(namespace.clone(), name), key);
            SecretCheck::new(key, Credential::token(presented.as_bytes()), Bytes::new())
        };
        match self.run.ask_secret(&subject, check) {
            Ok(SecretAnswer::Verified) => Ok(true),
            Ok(SecretAnswer::Refused) => Ok(false),
            Ok(SecretAnswer::NoSecret) => Err(no_secret()),
            Ok(SecretAnswer::NoEntry) => Err(no_key()),
            Err(halt) => {
                self.open.borrow_mut().get_or_insert(halt);
                Err(SecretError::NeedsSecret { name: owned_name, key: owned_key })
            }
        }
    }
}

impl SecretLookup for ComparedSecrets<'_, '_> {
    fn compare(&self, presented: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        let place = self.comparisons.borrow().len();
        let verdict = self.verdict(place, presented, name, key);
        if place < MOST_COMPARED_SECRETS {
            let (presented, name, key) = (presented.to_owned(), name.to_owned(), key.to_owned());
            self.comparisons.borrow_mut().push(Comparison { presented, name, key, verdict: verdict.clone() });
        }
        verdict
    }
}

impl SecretLookup for Remembered<'_> {
    fn compare(&self, presented: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        let comparisons = self.0.borrow();
        let same =
            comparisons.iter().find(|one| one.presented == presented && one.name == name && one.key == key);
        same.map_or_else(
            || Err(SecretError::NeedsSecret { name: name.to_owned(), key: key.to_owned() }),
            |one| one.verdict.clone(),
        )
    }
}
