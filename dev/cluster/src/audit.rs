//! Which requests arrived: counters and a bounded log, so that tests can say what must never happen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Requests that the log remembers; the oldest fall out.
const LOGGED: usize = 10_000;

/// What a request wanted, without names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RequestKind {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// `secrets` for the core group, else for example `builds.shipwright.io`.
    pub resource: String,
    /// Empty, or for example `status`.
    pub subresource: String,
}

/// One request in the log.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedRequest {
    /// What it wanted.
    #[serde(flatten)]
    pub kind: RequestKind,
    /// Version of the API, for example `v1beta1`.
    pub version: String,
    /// Namespace, empty if none.
    pub namespace: String,
    /// Object name, empty for collections.
    pub name: String,
    /// Who asked.
    pub user: String,
    /// The `User-Agent` header.
    pub agent: String,
    /// HTTP status of the answer.
    pub status: u16,
}

/// The requests seen so far. Clones share the same counters.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    counts: BTreeMap<RequestKind, u64>,
    log: VecDeque<LoggedRequest>,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request when it arrives, so that a test sees a watch that has not ended yet.
    pub(crate) fn count_arrival(&self, kind: &RequestKind) {
        let mut seen = self.lock();
        if let Some(count) = seen.counts.get_mut(kind) {
            *count += 1;
        } else {
            seen.counts.insert(kind.clone(), 1);
        }
    }

    pub(crate) fn log_answer(&self, request: LoggedRequest) {
        let mut seen = self.lock();
        if seen.log.len() == LOGGED {
            seen.log.pop_front();
        }
        seen.log.push_back(request);
    }

    /// Every kind of request and how often it arrived.
    pub fn counts(&self) -> BTreeMap<RequestKind, u64> {
        self.lock().counts.clone()
    }

    /// How often `verb` on `resource` (`secrets`, `builds.shipwright.io`) arrived, over all subresources.
    pub fn count(&self, verb: &str, resource: &str) -> u64 {
        let seen = self.lock();
        let matching = seen.counts.iter().filter(|(kind, _)| kind.verb == verb && kind.resource == resource);
        matching.map(|(_, count)| count).sum()
    }

    /// The answered requests, oldest first. Watches appear when they begin.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.lock().log.iter().cloned().collect()
    }

    /// Forgets everything seen so far.
    pub fn reset(&self) {
        *self.lock() = Seen::default();
    }
}
