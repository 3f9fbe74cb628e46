use std::time::Duration;

/// How long what is kept, and how much of it. Counted from the moment a delivery was settled or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bodies: without one a delivery cannot be replayed.
    pub payloads: Duration,
    /// Deliveries with their decisions: what the history shows.
    pub deliveries: Duration,
    /// The keys of deliveries: for so long a repeated delivery is known to be one.
    pub keys: Duration,
    /// How many settled deliveries the history shows at most; the oldest go first, their keys stay.
    pub max_deliveries: u64,
    /// How many bytes the bodies of settled deliveries take at most, as stored; the oldest go first.
    pub max_payload_bytes: u64,
}

/// How much a call of [`crate::Journal::prune`] has forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Bodies dropped.
    pub payloads: u64,
    /// Deliveries reduced to their keys.
    pub deliveries: u64,
    /// Keys forgotten.
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
    /// Whether there was nothing to forget.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
