//! Making the registry misbehave on purpose.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens to a request instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this status, and with `Retry-After` in seconds.
    Status(u16, Option<u32>),
    /// The answer is nonsense: no digest, no JSON.
    Garbage,
    /// The answer comes after this time.
    Slow(Duration),
    /// The body ends before its time. A HEAD, which has none, is answered without a digest.
    Truncated,
    /// The answer is a web page.
    WrongContentType,
    /// The body has no end. A HEAD is answered without a digest.
    Endless,
    /// The answer is somewhere else.
    Redirect(String),
}

/// In place of a repository: the service that gives tokens.
pub const TOKENS: &str = "/token";

/// In place of a repository: all of them, and the service that gives tokens.
pub const ANYWHERE: &str = "*";

#[derive(Debug)]
struct Rule {
    place: String,
    fault: Fault,
    remaining: Option<u32>,
}

/// The faults in force. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a fault happen to all requests for a repository, or for [`TOKENS`], or [`ANYWHERE`]. Of several
    /// faults that match, the first that was set happens.
    pub fn set(&self, place: &str, fault: Fault) {
        self.lock().push(Rule { place: place.to_owned(), fault, remaining: None });
    }

    /// Lets a fault happen to the next `times` requests for a place.
    pub fn set_for(&self, place: &str, fault: Fault, times: u32) {
        self.lock().push(Rule { place: place.to_owned(), fault, remaining: Some(times) });
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to a request for `place`.
    pub(crate) fn judge(&self, place: &str) -> Option<Fault> {
        let mut rules = self.lock();
        let matches =
            |rule: &&mut Rule| (rule.place == ANYWHERE || rule.place == place) && rule.remaining != Some(0);
        let rule = rules.iter_mut().find(matches)?;
        rule.remaining = rule.remaining.map(|remaining| remaining - 1);
        Some(rule.fault.clone())
    }
}
