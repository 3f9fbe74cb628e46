use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use trigger_runtime::{SharedTurn, SharedTurns};

/// A delivery that starts no more objects takes no turn.
const FEW_OBJECTS: usize = 100;

/// A delivery whose parameters have no more bytes takes no turn.
const SMALL_VALUES: usize = 256 << 10;

/// Deliveries that start many objects, at a time. The decisions and the plans of one are in memory until all of its objects
/// are created: some 12 MiB for 2,000 of them.
pub(crate) const MOST_LARGE: usize = 8;

/// The same of one tenant.
pub(crate) const MOST_LARGE_OF_TENANT: usize = 2;

/// The turns of deliveries that start many objects.
///
/// A delivery learns by its decision that it needs a turn. It drops the decision, and decides again in its turn.
pub(crate) struct StartTurns(SharedTurns<Arc<str>>);

/// The objects that a delivery starts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Started {
    /// Their number.
    pub(crate) objects: usize,
    /// The bytes of the parameters in them.
    pub(crate) values: usize,
}

/// No turn was free in time.
#[derive(Debug, thiserror::Error)]
#[error("other deliveries that start many objects are worked on; it waits for its turn")]
pub(crate) struct NoTurn;

impl Default for StartTurns {
    fn default() -> Self {
        Self(SharedTurns::new(MOST_LARGE, MOST_LARGE_OF_TENANT))
    }
}

impl StartTurns {
    /// Waits until `until` for a turn of the tenant.
    pub(crate) async fn acquire(&self, tenant: &Arc<str>, until: Instant) -> Result<SharedTurn, NoTurn> {
        let turn = timeout_at(until, self.0.acquire(Arc::clone(tenant), 1)).await;
        turn.map_err(|_| NoTurn)
    }
}

impl Started {
    /// Whether the delivery needs a turn.
    pub(crate) fn needs_turn(self) -> bool {
        self.objects > FEW_OBJECTS || self.values > SMALL_VALUES
    }
}
