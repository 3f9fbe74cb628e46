//! Counters and a bounded log of requests, for assertions about requests that must not happen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::impersonation::Impersonated;

/// Limit of requests in the log; the oldest are dropped.
const LOG_LENGTH: usize = 10_000;

/// Verb, resource and subresource of a request.
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
    /// Verb, resource and subresource.
    #[serde(flatten)]
    pub kind: RequestKind,
    /// Version of the API, for example `v1beta1`.
    pub version: String,
    /// Namespace, empty if none.
    pub namespace: String,
    /// Object name, empty for collections.
    pub name: String,
    /// Name of the user who sent it.
    pub user: String,
    /// The user as whom it was sent, if that is another one.
    pub impersonated: Option<Impersonated>,
    /// The `User-Agent` header.
    pub agent: String,
    /// HTTP status of the response.
    pub status: u16,
}

/// The requests so far. Clones share the same counters.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<RequestLog>>);

#[derive(Debug, Default)]
struct RequestLog {
    counts: BTreeMap<RequestKind, u64>,
    entries: VecDeque<LoggedRequest>,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, RequestLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request at its arrival, so that a test also counts a watch that is still open.
    pub(crate) fn count_arrival(&self, kind: &RequestKind) {
        let mut log = self.lock();
        if let Some(count) = log.counts.get_mut(kind) {
            *count += 1;
        } else {
            log.counts.insert(kind.clone(), 1);
        }
    }

    pub(crate) fn log_response(&self, request: LoggedRequest) {
        let mut log = self.lock();
        if log.entries.len() == LOG_LENGTH {
            log.entries.pop_front();
        }
        log.entries.push_back(request);
    }

    /// Number of requests of each kind.
    pub fn counts(&self) -> BTreeMap<RequestKind, u64> {
        self.lock().counts.clone()
    }

    /// Number of requests with `verb` on `resource` (`secrets`, `builds.shipwright.io`), over all subresources.
    pub fn count(&self, verb: &str, resource: &str) -> u64 {
        let log = self.lock();
        let matching = log.counts.iter().filter(|(kind, _)| kind.verb == verb && kind.resource == resource);
        matching.map(|(_, count)| count).sum()
    }

    /// The answered requests, oldest first. Watches are logged when they start.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.lock().entries.iter().cloned().collect()
    }

    /// Removes all counts and log entries.
    pub fn reset(&self) {
        *self.lock() = RequestLog::default();
    }
}
