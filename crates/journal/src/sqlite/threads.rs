use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::file::StoreFile;
use super::lock::Lock;
use super::readers::{ReadOperation, Reader};
use super::space::Volume;
use super::writer::{Operation, Shares, Task, WriteContext, Writer};
use super::{OpenError, Options};
use crate::JournalError;
use crate::panic_flag::PanicFlag;
use crate::timeout::answer_within;

/// The threads that work on the file, and their queues.
///
/// They are threads of their own because SQLite blocks, and a worker of the runtime must not.
#[derive(Debug)]
pub(super) struct Threads {
    timeout: Duration,
    /// `None` once closed. The threads end when the last sender is dropped and their queue is empty.
    queues: Mutex<Option<Queues>>,
    /// Carries no message: it disconnects when the last thread has ended.
    ended: Mutex<Option<blocking::Receiver<()>>>,
    arrivals: Arc<watch::Sender<u64>>,
    /// Raised by a thread that panics.
    panic_flag: PanicFlag,
}

#[derive(Debug, Clone)]
struct Queues {
    writer: mpsc::Sender<Box<dyn Operation>>,
    readers: mpsc::Sender<ReadOperation>,
}

/// Held by every thread to its end. The fields are dropped in this order, so the file is unlocked before `_end`
/// disconnects.
#[derive(Clone)]
struct ThreadGuard {
    panic_flag: PanicFlag,
    _lock: Arc<Lock>,
    _end: blocking::Sender<()>,
}

impl Threads {
    pub(super) fn start(
        file: &StoreFile,
        lock: Lock,
        writer: Connection,
        volume: Volume,
        options: &Options,
    ) -> Result<Self, OpenError> {
        // At a full queue the callers wait, until their timeout.
        let (write_sender, write_queue) = mpsc::channel(options.queue.max(1));
        let (read_sender, read_queue) = mpsc::channel(options.queue.max(1));
        let (end, ended) = blocking::channel();
        let arrivals = Arc::new(watch::Sender::new(0));
        let panic_flag = PanicFlag::new();
        let guard = ThreadGuard { panic_flag: panic_flag.clone(), _lock: Arc::new(lock), _end: end };
        let shares = Shares { volume, tenant_quota: options.settings.tenant_quota };
        let arrived = Arc::clone(&arrivals);
        let writer = Writer::new(file.clone(), writer, shares, write_queue, arrived, &panic_flag)
            .map_err(|source| OpenError::Store { path: file.path.clone(), source })?;
        spawn("journal-writer", file, guard.clone(), move || writer.run())?;
        let read_queue = Arc::new(Mutex::new(read_queue));
        for _ in 0..options.readers.max(1) {
            let reader = Reader::new(file.clone(), Arc::clone(&read_queue));
            spawn("journal-reader", file, guard.clone(), move || reader.run())?;
        }
        Ok(Self {
            timeout: options.timeout,
            queues: Mutex::new(Some(Queues { writer: write_sender, readers: read_sender })),
            ended: Mutex::new(Some(ended)),
            arrivals,
            panic_flag,
        })
    }

    pub(super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Returns when one of them has panicked.
    pub(super) fn failed(&self) -> BoxFuture<'_, ()> {
        self.panic_flag.raised()
    }

    /// Queues `work` for the writer and waits for its commit.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut WriteContext<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let queue = self.queues()?.writer;
        let (reply, answer) = oneshot::channel();
        self.submit(queue, Box::new(Task { bytes, work, result: None, reply }), answer).await
    }

    /// Queues `query` for the readers and waits for the answer.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let queue = self.queues()?.readers;
        let (reply, answer) = oneshot::channel();
        let operation: ReadOperation = Box::new(move |reader: &mut Reader| {
            if !reply.is_closed() {
                // The caller may have given up meanwhile.
                let _ = reply.send(reader.read(query));
            }
        });
        self.submit(queue, operation, answer).await
    }

    async fn submit<J, T>(
        &self,
        queue: mpsc::Sender<J>,
        operation: J,
        answer: oneshot::Receiver<Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let answer = async move {
            queue.send(operation).await.map_err(|_| stopped())?;
            drop(queue);
            answer.await.unwrap_or_else(|_| Err(stopped()))
        };
        answer_within(self.timeout, answer).await
    }

    fn queues(&self) -> Result<Queues, JournalError> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.clone().ok_or_else(|| JournalError::unavailable_because("it is closed"))
    }

    /// Ends the threads, and waits for them outside the runtime's workers.
    pub(super) async fn close(&self) {
        let Some(ended) = self.end() else { return };
        let timeout = self.timeout;
        // Fails only if the runtime shuts down, and then no caller waits either.
        let _ = tokio::task::spawn_blocking(move || wait(&ended, timeout)).await;
    }

    /// Closes the queues. The first caller gets the receiver that reports the end of the threads.
    fn end(&self) -> Option<blocking::Receiver<()>> {
        drop(self.queues.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(ended) = self.end() {
            wait(&ended, self.timeout);
        }
    }
}

/// Waits until every thread has ended, at most for `timeout`: a disk that hangs must not keep the process running.
fn wait(ended: &blocking::Receiver<()>, timeout: Duration) {
    if ended.recv_timeout(timeout) == Err(blocking::RecvTimeoutError::Timeout) {
        tracing::warn!("the journal is still being written; its threads end by themselves");
    }
}

fn spawn(
    name: &str,
    file: &StoreFile,
    guard: ThreadGuard,
    run: impl FnOnce() + Send + 'static,
) -> Result<(), OpenError> {
    let run = move || {
        let _panic_guard = guard.panic_flag.guard();
        run();
        drop(guard);
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| OpenError::Io { path: file.path.clone(), source })
}

fn stopped() -> JournalError {
    JournalError::unavailable_because("its threads have ended; restart the program")
}
