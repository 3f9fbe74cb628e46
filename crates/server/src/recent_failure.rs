use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure counts as recent. A replica that is not ready receives no deliveries, so without this limit
/// nothing would clear the failure.
const RECENT: Duration = Duration::from_secs(10);

/// Why the last delivery could not be stored. Cheap to clone; clones share the value.
///
/// A probe of the store does not replace it: a volume that is nearly full accepts small writes and rejects large ones.
#[derive(Debug, Clone, Default)]
pub struct RecentFailure(Arc<Mutex<Option<(Instant, String)>>>);

impl RecentFailure {
    /// The reason, if storing a delivery failed within the last ten seconds and none was stored since.
    pub fn recent(&self) -> Option<String> {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().filter(|(since, _)| since.elapsed() < RECENT).map(|(_, reason)| reason.clone())
    }

    /// Stores the reason: a delivery could not be stored just now.
    pub(crate) fn set(&self, reason: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), reason));
    }

    /// Clears the reason: a delivery was stored.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
