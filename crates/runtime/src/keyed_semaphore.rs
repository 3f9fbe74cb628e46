use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A semaphore per key: no key holds more than `permits` permits at a time, and waiters of one key wait for that key
/// only.
///
/// Beside a semaphore that all keys share, it makes them take turns: the shared one is fair in the order of arrival,
/// and no key arrives there more than `permits` times at once.
pub struct KeyedSemaphore<K> {
    permits: usize,
    semaphores: Mutex<Semaphores<K>>,
}

struct Semaphores<K> {
    by_key: HashMap<K, Weak<Semaphore>>,
    /// Unused keys are dropped when there are so many keys: twice those that were left the last time.
    sweep_at: usize,
}

/// Below so many keys unused ones are kept: a sweep would cost more than they do.
const SMALLEST_SWEEP: usize = 64;

impl<K: Eq + Hash> KeyedSemaphore<K> {
    /// A semaphore with `permits` permits for each key.
    pub fn new(permits: usize) -> Self {
        let semaphores = Semaphores { by_key: HashMap::new(), sweep_at: SMALLEST_SWEEP };
        Self { permits, semaphores: Mutex::new(semaphores) }
    }

    /// A permit of `key`, as soon as one is free.
    pub async fn acquire(&self, key: K) -> OwnedSemaphorePermit {
        self.acquire_many(key, 1).await
    }

    /// So many permits of `key` at once, or all if it has fewer, as soon as they are free.
    pub async fn acquire_many(&self, key: K, permits: usize) -> OwnedSemaphorePermit {
        let semaphore = self.semaphore(key);
        let permits = u32::try_from(permits.min(self.permits)).unwrap_or(u32::MAX);
        match semaphore.acquire_many_owned(permits).await {
            Ok(permit) => permit,
            // Nothing closes these semaphores.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// A permit of `key`, if one is free now.
    pub fn try_acquire(&self, key: K) -> Option<OwnedSemaphorePermit> {
        self.semaphore(key).try_acquire_owned().ok()
    }

    /// The semaphore of `key`. It lives as long as its permits and waiters.
    fn semaphore(&self, key: K) -> Arc<Semaphore> {
        let mut semaphores = self.semaphores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = semaphores.by_key.get(&key).and_then(Weak::upgrade) {
            return semaphore;
        }
        if semaphores.by_key.len() >= semaphores.sweep_at {
            semaphores.by_key.retain(|_, semaphore| semaphore.strong_count() > 0);
            semaphores.sweep_at = SMALLEST_SWEEP.max(2 * semaphores.by_key.len());
        }
        let semaphore = Arc::new(Semaphore::new(self.permits));
        semaphores.by_key.insert(key, Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_key_that_holds_its_permits_delays_no_other_key() {
        let turns = KeyedSemaphore::new(2);
        let held = [turns.acquire("a").await, turns.acquire("a").await];
        assert!(turns.try_acquire("a").is_none());
        let mut waiting = Box::pin(turns.acquire("a"));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(turns.try_acquire("b").is_some());
        drop(held);
        drop(waiting.await);
    }

    #[test]
    fn unused_keys_are_dropped() {
        let turns = KeyedSemaphore::new(1);
        let held: Vec<_> = (0..100).filter_map(|key| turns.try_acquire(key)).collect();
        for key in 100..10_000 {
            drop(turns.try_acquire(key));
        }
        let kept = turns.semaphores.lock().unwrap().by_key.len();
        assert!(kept <= 2 * held.len() + SMALLEST_SWEEP, "{kept}");
        assert!((0..100).all(|key| turns.try_acquire(key).is_none()), "those in use stay");
    }
}
