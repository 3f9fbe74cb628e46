//! Fault injection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A fault in the response to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error with this status, and with `Retry-After` in seconds.
    Status(u16, Option<u32>),
    /// Neither the digest nor the body is valid.
    Garbage,
    /// The response is delayed by this time.
    Slow(Duration),
    /// The body is cut off. The response to a HEAD has no digest.
    Truncated,
    /// The response is a web page.
    WrongContentType,
    /// The body never ends. The response to a HEAD has no digest.
    Endless,
    /// A redirect to this URL.
    Redirect(String),
}

/// Target of a fault: the token service.
pub const TOKENS: &str = "/token";

/// Target of a fault: all repositories and the token service.
pub const ANYWHERE: &str = "*";

#[derive(Debug)]
struct Rule {
    target: String,
    fault: Fault,
    remaining: Option<u32>,
}

/// The active faults. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault to all requests for a repository, for [`TOKENS`] or for [`ANYWHERE`]. Of several matching faults,
    /// the one that was set first applies.
    pub fn set(&self, target: &str, fault: Fault) {
        self.lock().push(Rule { target: target.to_owned(), fault, remaining: None });
    }

    /// Adds a fault to the next `times` requests for a target.
    pub fn set_for(&self, target: &str, fault: Fault, times: u32) {
        self.lock().push(Rule { target: target.to_owned(), fault, remaining: Some(times) });
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The fault of a request for `target`, counted as used.
    pub(crate) fn take(&self, target: &str) -> Option<Fault> {
        let mut rules = self.lock();
        let matches = |rule: &&mut Rule| {
            (rule.target == ANYWHERE || rule.target == target) && rule.remaining != Some(0)
        };
        let rule = rules.iter_mut().find(matches)?;
        rule.remaining = rule.remaining.map(|remaining| remaining - 1);
        Some(rule.fault.clone())
    }
}
