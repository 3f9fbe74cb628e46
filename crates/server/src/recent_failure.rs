use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// RecentFailure older than this is not held against a store that nobody has tried since: without requests, as
/// happens to a replica that is not ready, nothing would ever clear it.
const RECENT: Duration = Duration::from_secs(10);

/// What kept the last delivery from being kept. Cheap to clone; clones share it.
///
/// A volume that is nearly full takes small writes and refuses large ones, so a probe alone does not tell.
#[derive(Debug, Clone, Default)]
pub struct RecentFailure(Arc<Mutex<Option<(Instant, String)>>>);

impl RecentFailure {
    /// What is the matter, if a delivery could not be kept lately and none was since.
    pub fn recent(&self) -> Option<String> {
        let trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().filter(|(since, _)| since.elapsed() < RECENT).map(|(_, reason)| reason.clone())
    }

    pub(crate) fn begins(&self, reason: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reason));
    }

    pub(crate) fn ends(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
