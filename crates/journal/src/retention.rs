use std::time::Duration;

/// How long deliveries are retained, and how many. Ages count from the moment a delivery was settled or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The age of bodies. Without a body a delivery cannot be replayed.
    pub payloads: Duration,
    /// The age of deliveries with their decisions, as the history shows them.
    pub deliveries: Duration,
    /// The age of keys. Until then a repeated delivery is recognised.
    pub keys: Duration,
    /// How many settled deliveries the history shows at most. The oldest are pruned first; their keys stay.
    pub max_deliveries: u64,
    /// How many bytes the bodies of settled deliveries take at most, as stored. The oldest are pruned first.
    pub max_payload_bytes: u64,
}

/// How much a call of [`crate::History::prune`] has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Bodies.
    pub payloads: u64,
    /// Deliveries that were reduced to their keys.
    pub deliveries: u64,
    /// Keys.
    pub keys: u64,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Retention {
    fn default() -> Self {
        Self {
            payloads: 3 * DAY,
            deliveries: 7 * DAY,
            keys: 30 * DAY,
            max_deliveries: 1_000_000,
            max_payload_bytes: 4 << 30,
        }
    }
}

impl Pruned {
    /// Whether there was nothing to prune.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
