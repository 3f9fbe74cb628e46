//! The log of requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A request in the log.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// HTTP method, for example `HEAD`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// Time of arrival.
    pub at: Instant,
}

/// Limit of requests in the log; the oldest are dropped.
const LOG_LENGTH: usize = 100_000;

/// The requests so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<VecDeque<RecordedRequest>>>);

impl Requests {
    fn lock(&self) -> MutexGuard<'_, VecDeque<RecordedRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, request: RecordedRequest) {
        let mut requests = self.lock();
        if requests.len() == LOG_LENGTH {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
