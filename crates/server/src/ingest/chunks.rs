//! The memory into which large bodies are received, in chunks.
//!
//! An announced length reserves nothing: a stranger could reserve everything by it. So bodies take chunks as they arrive,
//! and many that arrive side by side use them up before one of them is complete. Then age decides: the oldest body goes
//! on, with the chunks of the youngest, which is rejected. Of any number of bodies at least one is received.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The bytes of a chunk.
pub(super) const CHUNK: usize = 64 * 1024;

/// The chunks of all large bodies. They are used again, since the allocator returns freed memory to the system a moment
/// later only: strangers could have many times the budget freed in that moment.
pub(super) struct Chunks {
    most: usize,
    state: Mutex<State>,
    /// Wakes the bodies that wait for a chunk.
    freed: Notify,
}

#[derive(Default)]
struct State {
    used: usize,
    free: Vec<Vec<u8>>,
    /// The bodies that arrive, by age. Those that were evicted are left out.
    arriving: BTreeMap<u64, CancellationToken>,
    /// Those of them that wait for a chunk: no more than there are connections.
    waiting: BTreeSet<u64>,
    next: u64,
}

/// The place of a large body among those that arrive.
pub(super) struct Place {
    number: u64,
    evicted: CancellationToken,
    chunks: Arc<Chunks>,
}

/// A chunk in use.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    chunks: Arc<Chunks>,
}

impl Chunks {
    /// At most `most` chunks, which is enough for one largest body.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default(), freed: Notify::new() })
    }

    /// The place of a further body, which is the youngest.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        let mut state = self.lock();
        let (number, evicted) = (state.next, CancellationToken::new());
        state.next += 1;
        state.arriving.insert(number, evicted.clone());
        Place { number, evicted, chunks: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.lock().used
    }

    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.lock().free.len()
    }
}

/// Whether a body gets a chunk.
enum Turn {
    Taken(Vec<u8>),
    /// Others give chunks back soon.
    Waits,
    /// Older bodies need them.
    Refused,
}

impl State {
    fn turn(&mut self, number: u64, most: usize) -> Turn {
        let is_next = self.waiting.first().is_none_or(|first| number <= *first);
        if is_next && self.used < most {
            self.waiting.remove(&number);
            self.used += 1;
            return Turn::Taken(self.free.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK)));
        }
        let is_oldest = self.arriving.first_key_value().is_none_or(|(oldest, _)| number <= *oldest);
        match self.arriving.last_entry() {
            // Chunks are free for an older body that has not noticed yet.
            _ if self.used < most => {}
            Some(youngest) if *youngest.key() > number => youngest.remove().cancel(),
            // Bodies that have arrived, or were evicted, have the others.
            _ if is_oldest => {}
            _ => return Turn::Refused,
        }
        self.waiting.insert(number);
        Turn::Waits
    }
}

impl Place {
    /// Completes when an older body gets the chunks of this one.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// An empty chunk, as soon as it is this body's turn. `None` if the body is to be rejected.
    pub(super) async fn chunk(&self) -> Option<Chunk> {
        let chunks = &self.chunks;
        loop {
            if self.evicted.is_cancelled() {
                return None;
            }
            // Before the look, or a chunk that is freed in between would go unnoticed.
            let freed = chunks.freed.notified();
            let turn = {
                let mut state = chunks.lock();
                let turn = state.turn(self.number, chunks.most);
                if matches!(turn, Turn::Taken(_)) && state.used < chunks.most && !state.waiting.is_empty() {
                    chunks.freed.notify_waiters();
                }
                turn
            };
            match turn {
                Turn::Taken(bytes) => return Some(Chunk { bytes, chunks: Arc::clone(chunks) }),
                Turn::Refused => return None,
                Turn::Waits => {}
            }
            tokio::select! {
                biased;
                () = self.evicted() => return None,
                () = freed => {}
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.chunks.lock();
        state.arriving.remove(&self.number);
        state.waiting.remove(&self.number);
        drop(state);
        // Another may be the oldest now.
        self.chunks.freed.notify_waiters();
    }
}

impl Chunk {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == CHUNK
    }

    /// Adds as much of `data` as there is room for, and returns the rest.
    pub(super) fn fill<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let (taken, rest) = data.split_at(data.len().min(CHUNK - self.bytes.len()));
        self.bytes.extend_from_slice(taken);
        rest
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut state = self.chunks.lock();
        state.used -= 1;
        state.free.push(bytes);
        // Large bodies are rare.
        if state.used == 0 {
            state.free = Vec::new();
        }
        let is_awaited = !state.waiting.is_empty();
        drop(state);
        if is_awaited {
            self.chunks.freed.notify_waiters();
        }
    }
}
