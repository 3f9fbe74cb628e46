use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A request that has come in.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Such as `HEAD`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    /// When it came.
    pub at: Instant,
}

/// Requests that are remembered; the oldest fall out.
const REMEMBERED: usize = 100_000;

/// The requests so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<VecDeque<Seen>>>);

impl Requests {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, seen: Seen) {
        let mut requests = self.lock();
        if requests.len() == REMEMBERED {
            requests.pop_front();
        }
        requests.push_back(seen);
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
