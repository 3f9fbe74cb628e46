use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Leaky buckets, one per key: an event fills a bucket by one, and it drains at a constant rate. Empty buckets
/// take no memory.
#[derive(Debug)]
pub struct LeakyBuckets<K> {
    drained_per_second: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl<K: Eq + Hash> LeakyBuckets<K> {
    /// Empty buckets that drain by `drained_per_second` events a second.
    pub fn new(drained_per_second: f64) -> Self {
        Self { drained_per_second, buckets: Mutex::default() }
    }

    /// The level of a bucket at `now`, in events.
    pub fn level<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> f64
    where
        K: Borrow<Q>,
    {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(key).map_or(0.0, |bucket| self.drained(bucket, now))
    }

    /// Adds one event, but fills no further than `capacity`.
    pub fn fill(&self, key: K, capacity: f64, now: Instant) {
        self.change(key, now, |level| (level + 1.0).min(capacity));
    }

    /// Adds as many of `wanted` events as `capacity` has room for. Returns how many were added.
    pub fn take(&self, key: K, wanted: usize, capacity: f64, now: Instant) -> usize {
        let mut taken = 0;
        self.change(key, now, |mut level| {
            while taken < wanted && level + 1.0 <= capacity {
                level += 1.0;
                taken += 1;
            }
            level
        });
        taken
    }

    /// Adds `amount` to a bucket, if `capacity` has room for all of it. Returns whether it has.
    pub fn pour(&self, key: K, amount: f64, capacity: f64, now: Instant) -> bool {
        let mut has_room = false;
        self.change(key, now, |level| {
            has_room = level + amount <= capacity;
            if has_room { level + amount } else { level }
        });
        has_room
    }

    fn change(&self, key: K, now: Instant, change: impl FnOnce(f64) -> f64) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|_, bucket| self.drained(bucket, now) > 0.0);
        let level = buckets.get(&key).map_or(0.0, |bucket| self.drained(bucket, now));
        buckets.insert(key, Bucket { level: change(level), at: now });
    }

    fn drained(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.level - since * self.drained_per_second).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn buckets_fill_and_drain_each_by_itself() {
        let buckets = LeakyBuckets::<Box<str>>::new(2.0);
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(buckets.take("a".into(), 3, 5.0, start), 3);
        assert_eq!(buckets.take("a".into(), 3, 5.0, start), 2, "as many as there is room for");
        assert_eq!(buckets.take("a".into(), 3, 5.0, later(1)), 2);
        assert_eq!(buckets.take("b".into(), 9, 5.0, later(1)), 5);
        assert!((buckets.level("b", later(2)) - 3.0).abs() < 1e-9);
        for _ in 0..9 {
            buckets.fill("b".into(), 8.0, later(2));
        }
        assert!((buckets.level("b", later(2)) - 8.0).abs() < 1e-9);
        buckets.fill("b".into(), 8.0, later(60));
        assert_eq!(buckets.buckets.lock().unwrap().len(), 1, "an empty bucket is removed");
        assert!(buckets.pour("c".into(), 4.0, 5.0, later(60)));
        assert!(!buckets.pour("c".into(), 2.0, 5.0, later(60)), "all or nothing");
        assert!(buckets.pour("c".into(), 2.0, 5.0, later(61)));
    }
}
