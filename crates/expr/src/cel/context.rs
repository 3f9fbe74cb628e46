//! The bounds of one evaluation, and the reasons why it may end without a value.

use super::limits::{MOST_MADE, MOST_STEPS};
use super::value::Value;
use super::{SecretError, SecretLookup};

/// Why a part of an expression has no value.
#[derive(Debug)]
pub(super) enum Fault {
    /// No function takes values of these types.
    NoSuchOverload,
    /// A map does not have the key.
    NoSuchKey(String),
    /// Any other reason, as Tekton words it.
    Message(String),
    Secret(SecretError),
    /// A bound is exceeded. Unlike other faults, `&&` and `||` never absorb it.
    Unbounded(&'static str),
}

pub(super) type Outcome<'a> = Result<Value<'a>, Fault>;

/// The means of functions: Secrets, and a budget of work and memory.
pub(super) struct Context<'a> {
    pub(super) secrets: &'a dyn SecretLookup,
    steps: usize,
    made: usize,
}

/// How many bytes of the event or of a string cost one step.
const BYTES_OF_A_STEP: usize = 32;
/// How many steps a search in a sorted map or list costs, or the share of an element in sorting.
const STEPS_OF_A_SEARCH: usize = 8;

impl Fault {
    pub(super) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    pub(super) fn too_much_made() -> Self {
        Self::Unbounded("it makes strings and lists that are too large; take less of the event")
    }

    /// The reason in Tekton's words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NoSuchOverload => "no such overload".to_owned(),
            Self::NoSuchKey(key) => format!("no such key: {key}"),
            Self::Message(text) => text.clone(),
            Self::Secret(error) => error.to_string(),
            Self::Unbounded(reason) => (*reason).to_owned(),
        }
    }
}

impl<'a> Context<'a> {
    pub(super) fn new(secrets: &'a dyn SecretLookup) -> Self {
        Self { secrets, steps: MOST_STEPS, made: MOST_MADE }
    }

    /// A smaller budget, for tests.
    #[cfg(test)]
    pub(super) fn with_budget(self, steps: usize, made: usize) -> Self {
        Self { steps, made, ..self }
    }

    /// Pays for work. Called before the work is done.
    pub(super) fn step(&mut self, steps: usize) -> Result<(), Fault> {
        let reason = "it takes too many steps; iterate over fewer elements or filter before";
        self.steps = self.steps.checked_sub(steps).ok_or(Fault::Unbounded(reason))?;
        Ok(())
    }

    /// Pays for looking at bytes.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Fault> {
        self.step(1 + bytes / BYTES_OF_A_STEP)
    }

    /// Pays for as many searches in sorted maps or lists.
    pub(super) fn look_up(&mut self, count: usize) -> Result<(), Fault> {
        self.step(count.saturating_mul(STEPS_OF_A_SEARCH))
    }

    /// Pays for a string of this size, before it is made.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), Fault> {
        self.read(bytes)?;
        self.made = self.made.checked_sub(bytes).ok_or_else(Fault::too_much_made)?;
        Ok(())
    }

    /// How many bytes may still be made.
    pub(super) fn made_left(&self) -> usize {
        self.made
    }

    /// Pays for a list or map of this many elements, before it is made.
    pub(super) fn make_elements(&mut self, count: usize) -> Result<(), Fault> {
        self.step(count)?;
        self.make(count.saturating_mul(size_of::<Value<'_>>()))
    }

    /// How many steps are left, of those that an evaluation may take.
    pub(super) fn steps_left(&self) -> usize {
        self.steps
    }
}
