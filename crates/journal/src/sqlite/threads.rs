use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::file::StorePath;
use super::lock::Lock;
use super::readers::{Question, Reader};
use super::writer::{Operation, Task, Turn, Writer};
use super::{OpenError, Options};
use crate::JournalError;
use crate::panic_flag::PanicFlag;
use crate::timeout::answer_within;

/// The threads that work on the file, and the queues that lead to them.
///
/// They are threads of their own because SQLite blocks, and a runtime's worker must not.
#[derive(Debug)]
pub(super) struct Threads {
    patience: Duration,
    /// Absent once closed. The threads end when the last sender is gone and their queue is empty.
    queues: Mutex<Option<Queues>>,
    /// Nothing is ever sent: it reports a disconnection when the last thread has ended.
    ended: Mutex<Option<blocking::Receiver<()>>>,
    arrivals: Arc<watch::Sender<u64>>,
    /// Raised by a thread that panics.
    alarm: PanicFlag,
}

#[derive(Debug, Clone)]
struct Queues {
    writer: mpsc::Sender<Box<dyn Operation>>,
    readers: mpsc::Sender<Question>,
}

/// Held by every thread to its end. The fields are dropped in this order: who waits for the end finds the
/// file unlocked.
#[derive(Clone)]
struct Alive {
    alarm: PanicFlag,
    _lock: Arc<Lock>,
    _end: blocking::Sender<()>,
}

impl Threads {
    pub(super) fn start(
        place: &StorePath,
        lock: Lock,
        writer: Connection,
        options: &Options,
    ) -> Result<Self, OpenError> {
        // Callers wait outside a full queue, and give up when their patience ends.
        let (jobs, job_queue) = mpsc::channel(options.queue.max(1));
        let (questions, question_queue) = mpsc::channel(options.queue.max(1));
        let (end, ended) = blocking::channel();
        let arrivals = Arc::new(watch::Sender::new(0));
        let alarm = PanicFlag::new();
        let alive = Alive { alarm: alarm.clone(), _lock: Arc::new(lock), _end: end };
        let writer = Writer::new(place.clone(), writer, job_queue, Arc::clone(&arrivals), &alarm)
            .map_err(|source| OpenError::Store { path: place.path.clone(), source })?;
        spawn("journal-writer", place, alive.clone(), move || writer.run())?;
        let question_queue = Arc::new(Mutex::new(question_queue));
        for _ in 0..options.readers.max(1) {
            let reader = Reader::new(place.clone(), Arc::clone(&question_queue));
            spawn("journal-reader", place, alive.clone(), move || reader.run())?;
        }
        Ok(Self {
            patience: options.patience,
            queues: Mutex::new(Some(Queues { writer: jobs, readers: questions })),
            ended: Mutex::new(Some(ended)),
            arrivals,
            alarm,
        })
    }

    pub(super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Returns when one of them has panicked, if ever.
    pub(super) fn broken(&self) -> BoxFuture<'_, ()> {
        self.alarm.raised()
    }

    /// Queues `work` for the writer and waits until it is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut Turn<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let queue = self.queues()?.writer;
        let (reply, answer) = oneshot::channel();
        self.ask(queue, Box::new(Task { bytes, work, result: None, reply }), answer).await
    }

    /// Queues `query` for the readers and waits for the answer.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let queue = self.queues()?.readers;
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |reader: &mut Reader| {
            if !reply.is_closed() {
                // Who asked may have gone meanwhile.
                let _ = reply.send(reader.read(query));
            }
        });
        self.ask(queue, question, answer).await
    }

    async fn ask<J, T>(
        &self,
        queue: mpsc::Sender<J>,
        job: J,
        answer: oneshot::Receiver<Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let asked = async move {
            queue.send(job).await.map_err(|_| stopped())?;
            drop(queue);
            answer.await.unwrap_or_else(|_| Err(stopped()))
        };
        answer_within(self.patience, asked).await
    }

    fn queues(&self) -> Result<Queues, JournalError> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.clone().ok_or_else(|| JournalError::refused("it is closed"))
    }

    /// Has the threads end, and waits for that outside the runtime's workers.
    pub(super) async fn close(&self) {
        let Some(ended) = self.end() else { return };
        let patience = self.patience;
        // Fails only if the runtime shuts down, and then nobody waits either.
        let _ = tokio::task::spawn_blocking(move || wait(&ended, patience)).await;
    }

    /// Closes the queues. The first caller gets what reports the end of the threads.
    fn end(&self) -> Option<blocking::Receiver<()>> {
        drop(self.queues.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(ended) = self.end() {
            wait(&ended, self.patience);
        }
    }
}

/// Waits until every thread has ended, but not for ever: a disk that hangs must not keep a process alive.
fn wait(ended: &blocking::Receiver<()>, patience: Duration) {
    if ended.recv_timeout(patience) == Err(blocking::RecvTimeoutError::Timeout) {
        tracing::warn!("the journal is still being written; its threads end on their own");
    }
}

fn spawn(
    name: &str,
    place: &StorePath,
    alive: Alive,
    run: impl FnOnce() + Send + 'static,
) -> Result<(), OpenError> {
    let run = move || {
        let _guard = alive.alarm.guard();
        run();
        drop(alive);
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| OpenError::Io { path: place.path.clone(), source })
}

fn stopped() -> JournalError {
    JournalError::refused("its threads have ended; restart the program")
}
