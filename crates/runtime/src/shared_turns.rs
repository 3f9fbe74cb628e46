use std::hash::Hash;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::keyed_semaphore::KeyedSemaphore;

/// Turns that all keys share, of which each key has a part at most: one tenant leaves some to others.
pub struct SharedTurns<K> {
    /// The most that one key may have.
    most: usize,
    of_all: Arc<Semaphore>,
    of_keys: KeyedSemaphore<K>,
}

/// Turns, for as long as they are held.
pub struct SharedTurn(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl<K: Eq + Hash> SharedTurns<K> {
    /// So many turns in all, and for each key.
    pub fn new(all: usize, of_key: usize) -> Self {
        let most = of_key.min(all);
        Self { most, of_all: Arc::new(Semaphore::new(all)), of_keys: KeyedSemaphore::new(most) }
    }

    /// So many turns of `key` at once, or all that it may have, as soon as they are free.
    pub async fn acquire(&self, key: K, turns: usize) -> SharedTurn {
        let turns = turns.min(self.most);
        let of_key = self.of_keys.acquire_many(key, turns).await;
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        match Arc::clone(&self.of_all).acquire_many_owned(turns).await {
            Ok(of_all) => SharedTurn([of_key, of_all]),
            // Nothing closes this semaphore.
            Err(_closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_key_has_its_part_and_leaves_the_rest_to_others() {
        let turns = SharedTurns::new(5, 2);
        let both = turns.acquire("a", 9).now_or_never();
        assert!(both.is_some(), "as many as it may have");
        assert!(turns.acquire("a", 1).now_or_never().is_none());
        let others = ["b", "c", "d"].map(|key| turns.acquire(key, 1).now_or_never());
        assert!(others.iter().all(Option::is_some));
        assert!(turns.acquire("b", 1).now_or_never().is_none(), "all are held");
        drop((both, others));
        assert!(turns.acquire("a", 2).now_or_never().is_some());
    }
}
