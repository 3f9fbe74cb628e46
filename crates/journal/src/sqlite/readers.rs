use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::file::StoreFile;
use crate::JournalError;

/// A query with the channel of its answer.
pub(super) type ReadOperation = Box<dyn FnOnce(&mut Reader) + Send>;

/// One of the threads that read. Each has a connection of its own and sees the commits before its statement began, so
/// it neither waits for the writer nor delays it.
pub(super) struct Reader {
    file: StoreFile,
    /// Opened for the first query, and again after one that failed.
    store: Option<Connection>,
    queue: Arc<Mutex<mpsc::Receiver<ReadOperation>>>,
}

impl Reader {
    pub(super) fn new(file: StoreFile, queue: Arc<Mutex<mpsc::Receiver<ReadOperation>>>) -> Self {
        Self { file, store: None, queue }
    }

    /// Runs until every sender is dropped and the queue is empty.
    pub(super) fn run(mut self) {
        while let Some(operation) = self.next() {
            operation(&mut self);
        }
    }

    /// The thread that holds the mutex waits for the next query; the other threads wait for the mutex.
    fn next(&self) -> Option<ReadOperation> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }

    /// Runs `query` on this thread's connection.
    pub(super) fn read<T>(
        &mut self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => self.file.reader()?,
        };
        let answer = query(&store);
        if !matches!(answer, Err(JournalError::Unavailable { .. })) {
            self.store = Some(store);
        }
        answer
    }
}
