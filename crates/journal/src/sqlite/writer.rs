use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::checkpoints::Checkpoints;
use super::file::StorePath;
use super::sqlite_error::{self, Scope};
use crate::JournalError;
use crate::panic_flag::PanicFlag;
use crate::round_robin::RoundRobin;

/// How many jobs share a commit at most: beyond, waiting for the others costs more than their fsync saves.
const GROUP_JOBS: usize = 64;

/// How many bytes of bodies share a commit at most, so that large ones do not make the others wait long.
const GROUP_BYTES: usize = 1 << 20;

/// The one thread that writes. It takes whatever is queued, carries it out in one transaction, and tells
/// those who wait only after the commit has reached the disk.
pub(super) struct Writer {
    place: StorePath,
    checkpoints: Checkpoints,
    /// Absent after trouble that a fresh connection may end; made anew for the next group.
    store: Option<Connection>,
    queue: mpsc::Receiver<Box<dyn Operation>>,
    arrivals: Arc<watch::Sender<u64>>,
    clock: Clock,
    turns: RoundRobin,
    /// Whether the last group failed, so that trouble is logged when it begins and when it ends.
    troubled: bool,
}

/// Something to write, with somebody who waits for it.
pub(super) trait Operation: Send {
    /// The size of the body it brings.
    fn bytes(&self) -> usize;
    /// Whether nobody waits any more. It is then not worth doing.
    fn abandoned(&self) -> bool;
    /// Does the work and keeps its result. May be called again after a transaction that failed.
    fn run(&mut self, turn: &mut Turn<'_>) -> rusqlite::Result<()>;
    /// Tells who waits: the result, now that it is on disk, or the error.
    fn resolve(self: Box<Self>, committed: Result<(), JournalError>);
}

/// A job's part in a transaction.
pub(super) struct Turn<'a> {
    pub(super) store: &'a Connection,
    pub(super) now: Timestamp,
    pub(super) turns: &'a mut RoundRobin,
    /// Set by a job that may have made something claimable.
    pub(super) arrival: bool,
}

/// The [`Operation`] that a closure makes.
pub(super) struct Task<W, T> {
    pub(super) bytes: usize,
    pub(super) work: W,
    pub(super) result: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, JournalError>>,
}

/// The system's clock made monotonic: when it is set back, what was due stays due.
struct Clock(Timestamp);

impl Writer {
    pub(super) fn new(
        place: StorePath,
        mut store: Connection,
        queue: mpsc::Receiver<Box<dyn Operation>>,
        arrivals: Arc<watch::Sender<u64>>,
        alarm: &PanicFlag,
    ) -> rusqlite::Result<Self> {
        let (clock, turns) = (Clock(Timestamp::MIN), RoundRobin::default());
        let checkpoints = Checkpoints::start(place.clone(), alarm.guard());
        checkpoints.attach(&mut store)?;
        Ok(Self { place, checkpoints, store: Some(store), queue, arrivals, clock, turns, troubled: false })
    }

    /// Works until every sender is gone and the queue is empty, then moves the log into the main file.
    pub(super) fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let group = self.gather(first);
            self.write(group);
        }
        drop(self.checkpoints);
        if let Some(store) = self.store.take() {
            finish(store);
        }
        self.arrivals.send_modify(|count| *count += 1);
    }

    fn gather(&mut self, first: Box<dyn Operation>) -> Vec<Box<dyn Operation>> {
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < GROUP_JOBS && bytes < GROUP_BYTES {
            let Ok(job) = self.queue.try_recv() else { break };
            bytes += job.bytes();
            group.push(job);
        }
        group.retain(|job| !job.abandoned());
        group
    }

    /// Commits a group and tells everybody. If a statement of one job cannot be carried out, each job gets
    /// a transaction of its own, so that only that one fails.
    fn write(&mut self, mut group: Vec<Box<dyn Operation>>) {
        match self.commit(&mut group) {
            Ok(arrival) => {
                if std::mem::take(&mut self.troubled) {
                    info!(journal = %self.place.path.display(), "the journal can be written again");
                }
                if arrival {
                    self.arrivals.send_modify(|count| *count += 1);
                }
                for job in group {
                    job.resolve(Ok(()));
                }
            }
            Err(error) if sqlite_error::scope(&error) == Scope::Statement && group.len() > 1 => {
                for job in group {
                    self.write(vec![job]);
                }
            }
            Err(error) => self.fail(group, error),
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Operation>]) -> rusqlite::Result<bool> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => reopen(&self.place, &self.checkpoints)?,
        };
        let now = self.clock.now();
        let result = transact(&mut store, group, now, &mut self.turns);
        let lost = result.as_ref().is_err_and(|error| sqlite_error::scope(error) == Scope::Connection);
        if !lost && store.is_autocommit() {
            self.store = Some(store);
        }
        result
    }

    fn fail(&mut self, group: Vec<Box<dyn Operation>>, error: rusqlite::Error) {
        let journal = self.place.path.display();
        if sqlite_error::scope(&error) == Scope::Statement {
            error!(%journal, %error, "the journal refused an entry");
        } else if !std::mem::replace(&mut self.troubled, true) {
            warn!(%journal, %error, "the journal cannot be written; callers are told to come again");
        }
        let error = Arc::new(error);
        for job in group {
            job.resolve(Err(sqlite_error::unavailable(&error)));
        }
    }
}

impl<W, T> Operation for Task<W, T>
where
    W: FnMut(&mut Turn<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, turn: &mut Turn<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.work)(turn)?);
        Ok(())
    }

    fn resolve(self: Box<Self>, committed: Result<(), JournalError>) {
        let Self { result, reply, .. } = *self;
        let result = result.ok_or_else(|| JournalError::refused("the job was not carried out"));
        // Who waited may have gone. What was committed stays.
        let _ = reply.send(committed.and(result));
    }
}

impl Clock {
    fn now(&mut self) -> Timestamp {
        self.0 = self.0.max(Timestamp::now());
        self.0
    }
}

/// One transaction for all of them. True if something may have become claimable.
fn transact(
    store: &mut Connection,
    group: &mut [Box<dyn Operation>],
    now: Timestamp,
    turns: &mut RoundRobin,
) -> rusqlite::Result<bool> {
    let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut turn = Turn { store: &transaction, now, turns, arrival: false };
    for job in group {
        job.run(&mut turn)?;
    }
    let arrival = turn.arrival;
    transaction.commit()?;
    Ok(arrival)
}

/// A fresh connection after trouble. All that the log holds is forced into the main file before it is
/// relied on: a kernel that could not write a page may believe afterwards that it did.
fn reopen(place: &StorePath, checkpoints: &Checkpoints) -> rusqlite::Result<Connection> {
    let mut store = place.writer()?;
    checkpoint(&store)?;
    checkpoints.attach(&mut store)?;
    Ok(store)
}

/// Leaves one file with everything in it. If that is not possible, the log is moved at the next start.
fn finish(store: Connection) {
    if let Err(error) = checkpoint(&store) {
        warn!(%error, "the journal's log could not be moved into the main file; the next start does it");
    }
    if let Err((_, error)) = store.close() {
        warn!(%error, "the journal could not be closed cleanly; nothing is lost");
    }
}

fn checkpoint(store: &Connection) -> rusqlite::Result<()> {
    store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
