use std::time::Duration;

/// Exponential back-off: the pause after the first failure is `first`, each further one is twice as long, up to
/// `longest`.
///
/// A policy without state: callers count failures, in the journal or in a variable, and set the count to zero after
/// a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

/// Further doublings would overflow; every pause has reached `longest` by then.
const MAX_DOUBLINGS: u32 = 20;

impl Default for Backoff {
    /// From half a second to a minute: an API server that restarts is back within seconds.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_mins(1) }
    }
}

impl Backoff {
    /// The pause after so many failures in a row (from 1).
    pub fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// The same with jitter: `spread`, from 0 to 1, moves the pause within its upper half, so that work that failed
    /// together is not retried together.
    pub fn after(&self, failures: u32, spread: f64) -> Duration {
        self.pause(failures).mul_f64(0.5 + 0.5 * spread.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        let pauses: Vec<_> = (1..=6).map(|failures| backoff.pause(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.pause(0), Duration::from_secs(1));
        assert_eq!(backoff.pause(u32::MAX), Duration::from_secs(10));
    }

    #[test]
    fn jitter_moves_a_pause_within_its_upper_half() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        assert_eq!(backoff.after(1, 0.0), Duration::from_millis(500));
        assert_eq!(backoff.after(2, 0.5), Duration::from_millis(1500));
        assert_eq!(backoff.after(9, 1.0), Duration::from_secs(10));
    }
}
