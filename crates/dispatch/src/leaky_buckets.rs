use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Leaky buckets, one for each key: what happens raises a level, which sinks at a constant rate. Keys whose level
/// has sunk to nothing are forgotten.
#[derive(Debug)]
pub struct LeakyBuckets<K> {
    sinks_per_second: f64,
    levels: Mutex<HashMap<K, Level>>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    height: f64,
    at: Instant,
}

impl<K: Eq + Hash> LeakyBuckets<K> {
    /// LeakyBuckets that sink by so much in a second.
    pub fn sinking(per_second: f64) -> Self {
        Self { sinks_per_second: per_second, levels: Mutex::default() }
    }

    /// The level of a key.
    pub fn height<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> f64
    where
        K: Borrow<Q>,
    {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.get(key).map_or(0.0, |level| self.sunk(level, now))
    }

    /// Raises a level by one, whatever it is, but not above `most`.
    pub fn raise(&self, key: K, most: f64, now: Instant) {
        self.change(key, now, |height| (height + 1.0).min(most));
    }

    /// Raises a level by as much of `wanted` as keeps it within `most`. Returns how much that is.
    pub fn take(&self, key: K, wanted: usize, most: f64, now: Instant) -> usize {
        let mut taken = 0;
        self.change(key, now, |mut height| {
            while taken < wanted && height + 1.0 <= most {
                height += 1.0;
                taken += 1;
            }
            height
        });
        taken
    }

    fn change(&self, key: K, now: Instant, change: impl FnOnce(f64) -> f64) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.retain(|_, level| self.sunk(level, now) > 0.0);
        let height = levels.get(&key).map_or(0.0, |level| self.sunk(level, now));
        levels.insert(key, Level { height: change(height), at: now });
    }

    fn sunk(&self, level: &Level, now: Instant) -> f64 {
        let since = now.saturating_duration_since(level.at).as_secs_f64();
        (level.height - since * self.sinks_per_second).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn levels_rise_and_sink_each_for_itself() {
        let levels = LeakyBuckets::<Box<str>>::sinking(2.0);
        let began = Instant::now();
        let later = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(levels.take("a".into(), 3, 5.0, began), 3);
        assert_eq!(levels.take("a".into(), 3, 5.0, began), 2, "as much as there is room for");
        assert_eq!(levels.take("a".into(), 3, 5.0, later(1)), 2);
        assert_eq!(levels.take("b".into(), 9, 5.0, later(1)), 5);
        assert!((levels.height("b", later(2)) - 3.0).abs() < 1e-9);
        for _ in 0..9 {
            levels.raise("b".into(), 8.0, later(2));
        }
        assert!((levels.height("b", later(2)) - 8.0).abs() < 1e-9);
        levels.raise("b".into(), 8.0, later(60));
        assert_eq!(levels.levels.lock().unwrap().len(), 1, "what has sunk is forgotten");
    }
}
