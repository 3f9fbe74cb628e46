use std::time::Duration;

use tokio::time::Instant;
use trigger_runtime::LeakyBuckets;
use trigger_targets::LimitKey;

/// Limits how many objects are created for a namespace at once and a minute, where a plan asks for it: an image that
/// hundreds of Builds stand on would start them all at once, and none of them is urgent.
pub(crate) struct NamespaceLimiter {
    runs: u32,
    spent: LeakyBuckets<LimitKey>,
}

/// How many of the objects of one limit may be created.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grant {
    /// How many objects may be created now.
    pub(crate) runs: usize,
    /// After how long the delivery asks again: a quarter of a minute's objects is free then.
    pub(crate) next: Duration,
}

const MINUTE: f64 = 60.0;
/// A waiting delivery asks again when a quarter of a minute's runs is free, not for each of them.
const PART: f64 = 0.25;

impl NamespaceLimiter {
    /// `runs` at once and a minute.
    pub(crate) fn new(runs: u32) -> Self {
        let runs = runs.max(1);
        Self { runs, spent: LeakyBuckets::new(f64::from(runs) / MINUTE) }
    }

    /// How many runs a minute.
    pub(crate) fn runs(&self) -> u32 {
        self.runs
    }

    /// Takes up to `wanted` objects of a limit.
    pub(crate) fn take(&self, limit: &LimitKey, wanted: usize, now: Instant) -> Grant {
        let all = f64::from(self.runs);
        let runs = self.spent.take(limit.clone(), wanted, all, now);
        let next = Duration::from_secs_f64(MINUTE * PART.max(1.0 / all));
        Grant { runs, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_gets_so_many_at_once_and_a_minute() {
        let limiter = NamespaceLimiter::new(20);
        let limit = |namespace: &str| LimitKey { name: LimitKey::IMAGES, namespace: namespace.into() };
        let (a, b) = (limit("team-a"), limit("team-b"));
        let began = Instant::now();
        let later = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(limiter.take(&a, 5, began).runs, 5);
        assert_eq!(limiter.take(&a, 300, began), Grant { runs: 15, next: Duration::from_secs(15) });
        assert_eq!(limiter.take(&a, 280, began).runs, 0);
        assert_eq!(limiter.take(&b, 280, began).runs, 20, "each namespace has its own");
        assert_eq!(limiter.take(&a, 280, later(15)).runs, 5);
        assert_eq!(limiter.take(&a, 280, later(30)).runs, 5);
        assert_eq!(limiter.take(&a, 280, later(3600)).runs, 20, "an unused minute is not added to the next");
        assert_eq!(
            NamespaceLimiter::new(1).take(&a, 2, began),
            Grant { runs: 1, next: Duration::from_mins(1) }
        );
    }
}
