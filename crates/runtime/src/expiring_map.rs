use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::instant_after;

/// A cache whose entries expire, with at most `capacity` of them.
///
/// A full map drops the expired entries, and then those that were not used for longest. It never drops all of
/// them: a stranger who can name many keys must not evict the entries that others are using.
///
/// Why not a crate: quick_cache has no time to live. moka has one, but reads its own clock, which tests with paused
/// time cannot move. Our maps have at most some ten thousand entries and are read a few times per request, so one lock is enough.
pub struct ExpiringMap<K, V> {
    capacity: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Counts uses, to order entries by their last one.
    uses: u64,
}

struct Entry<V> {
    value: V,
    expires: Instant,
    last_use: u64,
}

/// A full map frees one part in so many at once: the scan for the entries to drop is paid for by that many inserts.
const FREED_PART: usize = 8;

impl<K: Eq + Hash, V> ExpiringMap<K, V> {
    /// An empty map for at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::new(State { entries: HashMap::new(), uses: 0 }) }
    }

    /// The value of a key, unless it has expired at `now`.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Instant) -> Option<V>
    where
        K: Borrow<Q>,
        V: Clone,
    {
        let mut state = self.lock();
        let last_use = state.count_use();
        let entry = state.entries.get_mut(key).filter(|entry| entry.expires > now)?;
        entry.last_use = last_use;
        Some(entry.value.clone())
    }

    /// Stores a value until `now + ttl`, in place of an earlier one.
    pub fn insert(&self, key: K, value: V, ttl: Duration, now: Instant) {
        let mut state = self.lock();
        if state.entries.len() >= self.capacity && !state.entries.contains_key(&key) {
            state.make_room(self.capacity, now);
        }
        let last_use = state.count_use();
        state.entries.insert(key, Entry { value, expires: instant_after(now, ttl), last_use });
    }

    /// Removes a key.
    pub fn remove<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.lock().entries.remove(key);
    }

    /// Removes the keys for which `keep` is false.
    pub fn retain(&self, keep: impl Fn(&K) -> bool) {
        self.lock().entries.retain(|key, _| keep(key));
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> State<K, V> {
    fn count_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn make_room(&mut self, capacity: usize, now: Instant) {
        self.entries.retain(|_, entry| entry.expires > now);
        let kept = capacity.saturating_sub(1.max(capacity / FREED_PART));
        let Some(dropped) = self.entries.len().checked_sub(kept).filter(|dropped| *dropped > 0) else {
            return;
        };
        let mut uses: Vec<_> = self.entries.values().map(|entry| entry.last_use).collect();
        let (_, newest_dropped, _) = uses.select_nth_unstable(dropped - 1);
        let newest_dropped = *newest_dropped;
        self.entries.retain(|_, entry| entry.last_use > newest_dropped);
    }
}

/// Shows the number of entries only: keys and values may be secret.
impl<K: Eq + Hash, V> fmt::Debug for ExpiringMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExpiringMap({} of {})", self.lock().entries.len(), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn len<K: Eq + Hash, V>(map: &ExpiringMap<K, V>) -> usize {
        map.lock().entries.len()
    }

    #[test]
    fn an_entry_expires() {
        let (map, start) = (ExpiringMap::new(4), Instant::now());
        map.insert("a", 1, TTL, start);
        assert_eq!(map.get("a", start + TTL - Duration::from_nanos(1)), Some(1));
        assert_eq!(map.get("a", start + TTL), None);
        map.insert("a", 2, TTL, start + TTL);
        assert_eq!(map.get("a", start + TTL), Some(2));
        map.remove("a");
        assert_eq!(map.get("a", start + TTL), None);
    }

    #[test]
    fn strangers_with_many_keys_do_not_evict_an_entry_in_use() {
        for capacity in [2, 7, 100] {
            let (map, now) = (ExpiringMap::new(capacity), Instant::now());
            map.insert(0, "ours", TTL, now);
            for stranger in 1..=10 * capacity {
                map.insert(stranger, "a stranger's", TTL, now);
                assert!(len(&map) <= capacity, "{capacity}");
                assert_eq!(map.get(&stranger, now), Some("a stranger's"), "the newest is there");
                assert_eq!(map.get(&0, now), Some("ours"), "{capacity}: after {stranger}");
            }
        }
    }

    #[test]
    fn expired_entries_go_before_unused_ones() {
        let (map, start) = (ExpiringMap::new(16), Instant::now());
        map.insert(0, (), 3 * TTL, start);
        for short in 1..16 {
            map.insert(short, (), TTL, start);
        }
        map.insert(16, (), TTL, start + TTL);
        assert_eq!(len(&map), 2);
        assert_eq!(map.get(&0, start + TTL), Some(()));
    }

    #[test]
    fn a_full_map_drops_the_entries_unused_for_longest() {
        let (map, now) = (ExpiringMap::new(16), Instant::now());
        for key in 0..16 {
            map.insert(key, (), TTL, now);
        }
        map.get(&0, now);
        map.insert(16, (), TTL, now);
        let there: Vec<_> = (0..=16).filter(|key| map.get(key, now).is_some()).collect();
        assert_eq!(there, [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        map.retain(|key| key % 2 == 0);
        assert_eq!(len(&map), 8);
    }
}
