use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use trigger_runtime::LeakyBuckets;

/// Keeps a namespace from being flooded: an image that hundreds of Builds stand on would start them all at once,
/// and nobody waits for any one of them.
///
/// Each namespace may have so many runs at once, and as many a minute from then on.
pub(crate) struct NamespaceLimiter {
    runs: u32,
    spent: LeakyBuckets<Arc<str>>,
}

/// What a namespace may have now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grant {
    /// So many runs.
    pub(crate) runs: usize,
    /// When there is a good part of the rest.
    pub(crate) next: Duration,
}

const MINUTE: f64 = 60.0;
/// Those who wait come back when a quarter of a minute's runs is free, not for each of them.
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

    /// Takes up to `wanted` runs for a namespace.
    pub(crate) fn take(&self, namespace: &Arc<str>, wanted: usize, now: Instant) -> Grant {
        let all = f64::from(self.runs);
        let runs = self.spent.take(Arc::clone(namespace), wanted, all, now);
        let next = Duration::from_secs_f64(MINUTE * PART.max(1.0 / all));
        Grant { runs, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_gets_so_many_at_once_and_a_minute() {
        let throttle = NamespaceLimiter::new(20);
        let (a, b): (Arc<str>, Arc<str>) = ("team-a".into(), "team-b".into());
        let began = Instant::now();
        let later = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(throttle.take(&a, 5, began).runs, 5);
        assert_eq!(throttle.take(&a, 300, began), Grant { runs: 15, next: Duration::from_secs(15) });
        assert_eq!(throttle.take(&a, 280, began).runs, 0);
        assert_eq!(throttle.take(&b, 280, began).runs, 20, "each for itself");
        assert_eq!(throttle.take(&a, 280, later(15)).runs, 5);
        assert_eq!(throttle.take(&a, 280, later(30)).runs, 5);
        assert_eq!(throttle.take(&a, 280, later(3600)).runs, 20, "what is not used is not saved up");
        assert_eq!(
            NamespaceLimiter::new(1).take(&a, 2, began),
            Grant { runs: 1, next: Duration::from_mins(1) }
        );
    }
}
