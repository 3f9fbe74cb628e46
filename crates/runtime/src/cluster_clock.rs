use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// The clock of the API server, as far as its responses show it. Clones are one clock.
///
/// Objects have times by the clock of the cluster. A time that is compared with them is taken from here, since the clock of
/// our machine may differ by minutes.
#[derive(Debug, Clone, Default)]
pub struct ClusterClock {
    /// How far the API server's clock is ahead of ours, in milliseconds.
    ahead: Arc<AtomicI64>,
}

/// A response has the time in whole seconds, so smaller differences cannot be told from none.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);

/// The time of a response lies on average half a second after the second that it names.
const HALF_A_SECOND: SignedDuration = SignedDuration::from_millis(500);

impl ClusterClock {
    /// The time by the API server's clock; by our own before its first response.
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        let ours = Timestamp::now();
        ours.checked_add(ahead).unwrap_or(ours)
    }

    /// Takes the time that the API server named in a response, which arrived at `ours` by our clock.
    pub fn observe(&self, named: Timestamp, ours: Timestamp) {
        let ahead = named.duration_since(ours) + HALF_A_SECOND;
        let ahead = if ahead.abs() <= TOLERANCE { SignedDuration::ZERO } else { ahead };
        self.ahead.store(i64::try_from(ahead.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_server_and_passes_over_parts_of_a_second() {
        let ours = Timestamp::now();
        let named = |seconds| ours.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        for (ahead, expected) in [(600, 600), (-600, -600), (0, 0), (-1, 0), (86_400, 86_400)] {
            let clock = ClusterClock::default();
            clock.clone().observe(named(ahead), ours);
            let found = clock.now().duration_since(Timestamp::now()).as_secs_f64();
            let expected = f64::from(expected);
            assert!((found - expected).abs() < 1.0, "{ahead}: {found}");
        }
    }
}
