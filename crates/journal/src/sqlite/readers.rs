use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::file::StorePath;
use crate::JournalError;

/// A question, with a way to give the answer.
pub(super) type Question = Box<dyn FnOnce(&mut Reader) + Send>;

/// One of the few threads that read. Each has a connection of its own and sees what was committed when its
/// statement began, so it neither waits for the writer nor makes it wait.
pub(super) struct Reader {
    place: StorePath,
    /// Opened for the first question, and anew after one that failed.
    store: Option<Connection>,
    queue: Arc<Mutex<mpsc::Receiver<Question>>>,
}

impl Reader {
    pub(super) fn new(place: StorePath, queue: Arc<Mutex<mpsc::Receiver<Question>>>) -> Self {
        Self { place, store: None, queue }
    }

    /// Answers until every sender is gone and the queue is empty.
    pub(super) fn run(mut self) {
        while let Some(question) = self.next() {
            question(&mut self);
        }
    }

    /// Whoever holds the lock waits for the next question; the other threads wait for the lock.
    fn next(&self) -> Option<Question> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }

    /// Runs `query` on this thread's connection.
    pub(super) fn read<T>(
        &mut self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => self.place.reader()?,
        };
        let answer = query(&store);
        if !matches!(answer, Err(JournalError::Unavailable { .. })) {
            self.store = Some(store);
        }
        answer
    }
}
