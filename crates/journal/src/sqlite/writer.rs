use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::checkpoints::Checkpoints;
use super::clock::Clock;
use super::file::StoreFile;
use super::identity::Identity;
use super::space::{Space, Volume};
use super::sqlite_error::{self, Scope};
use crate::JournalError;
use crate::panic_flag::PanicFlag;
use crate::round_robin::RoundRobin;

/// How many operations share a commit at most: beyond, waiting for each other costs more than the shared fsync saves.
const MAX_OPERATIONS: usize = 64;

/// How many bytes of bodies share a commit at most, so that large bodies do not delay the others.
const MAX_BYTES: usize = 1 << 20;

/// The one thread that writes. It runs the queued operations in one transaction, and answers their callers only after
/// the commit has reached the disk.
pub(super) struct Writer {
    file: StoreFile,
    checkpoints: Checkpoints,
    /// `None` after an error that a new connection may cure; opened again for the next group.
    store: Option<Connection>,
    queue: mpsc::Receiver<Box<dyn Operation>>,
    arrivals: Arc<watch::Sender<u64>>,
    clock: Clock,
    round_robin: RoundRobin,
    shares: Shares,
    identity: Identity,
    /// Whether the last group failed: failures are logged when they begin and when they end.
    failing: bool,
}

/// The space for deliveries: of all on the volume, and of each tenant.
pub(super) struct Shares {
    pub(super) volume: Volume,
    pub(super) tenant_quota: u64,
}

/// A write whose caller waits for its commit.
pub(super) trait Operation: Send {
    /// The size of the body that it brings.
    fn bytes(&self) -> usize;
    /// Whether the caller has given up. The operation is then dropped.
    fn abandoned(&self) -> bool;
    /// Does the work and keeps its result. Called again after a transaction that failed.
    fn run(&mut self, context: &mut WriteContext<'_>) -> rusqlite::Result<()>;
    /// Answers the caller: the result, now that it is on disk, or the error.
    fn resolve(self: Box<Self>, committed: Result<(), JournalError>);
}

/// The transaction of a group, as its operations see it.
pub(super) struct WriteContext<'a> {
    pub(super) store: &'a Connection,
    pub(super) now: Timestamp,
    pub(super) round_robin: &'a mut RoundRobin,
    pub(super) space: Space,
    pub(super) tenant_quota: u64,
    /// Set by an operation that may have made a delivery claimable.
    pub(super) arrival: bool,
}

/// The [`Operation`] that a closure makes.
pub(super) struct Task<W, T> {
    pub(super) bytes: usize,
    pub(super) work: W,
    pub(super) result: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, JournalError>>,
}

impl Writer {
    pub(super) fn new(
        file: StoreFile,
        mut store: Connection,
        shares: Shares,
        queue: mpsc::Receiver<Box<dyn Operation>>,
        arrivals: Arc<watch::Sender<u64>>,
        panic_flag: &PanicFlag,
    ) -> rusqlite::Result<Self> {
        let (clock, round_robin) = (Clock::new(), RoundRobin::default());
        let identity = Identity::new(&file.path);
        let checkpoints = Checkpoints::start(file.clone(), panic_flag.guard());
        checkpoints.attach(&mut store)?;
        Ok(Self {
            file,
            checkpoints,
            store: Some(store),
            queue,
            arrivals,
            clock,
            round_robin,
            shares,
            identity,
            failing: false,
        })
    }

    /// Runs until every sender is dropped and the queue is empty, then moves the log into the main file.
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
        while group.len() < MAX_OPERATIONS && bytes < MAX_BYTES {
            let Ok(operation) = self.queue.try_recv() else { break };
            bytes += operation.bytes();
            group.push(operation);
        }
        group.retain(|operation| !operation.abandoned());
        group
    }

    /// Commits a group and answers its callers. If a statement of one operation is rejected, each operation gets a
    /// transaction of its own, so that only that one fails.
    fn write(&mut self, mut group: Vec<Box<dyn Operation>>) {
        if let Some(problem) = self.identity.problem() {
            return self.fail_displaced(group, problem);
        }
        match self.commit(&mut group) {
            Ok(arrival) => {
                self.identity.committed();
                if std::mem::take(&mut self.failing) {
                    info!(journal = %self.file.path.display(), "the journal can be written again");
                }
                if arrival {
                    self.arrivals.send_modify(|count| *count += 1);
                }
                for operation in group {
                    operation.resolve(Ok(()));
                }
            }
            Err(error) if sqlite_error::scope(&error) == Scope::Statement && group.len() > 1 => {
                for operation in group {
                    self.write(vec![operation]);
                }
            }
            Err(error) => self.fail(group, error),
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Operation>]) -> rusqlite::Result<bool> {
        let store = self.store.take().map(Ok);
        let mut store = store.unwrap_or_else(|| reopen(&self.file, &self.checkpoints))?;
        let mut result = self.transact(&mut store, group);
        let is_full = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        if result.as_ref().is_err_and(is_full) && self.shares.volume.release() {
            // Deliveries get none of the reserve: with it, the volume counts as full.
            result = checkpoint(&store).and_then(|()| self.transact(&mut store, group));
        }
        let lost = result.as_ref().is_err_and(|error| sqlite_error::scope(error) == Scope::Connection);
        if !lost && store.is_autocommit() {
            self.store = Some(store);
        } else {
            // The last connection that closes deletes the log.
            self.identity.closed();
        }
        result
    }

    /// Runs a group in one transaction. True if a delivery may have become claimable.
    fn transact(
        &mut self,
        store: &mut Connection,
        group: &mut [Box<dyn Operation>],
    ) -> rusqlite::Result<bool> {
        let (now, space) = (self.clock.now(), self.shares.volume.space(store)?);
        let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut context = WriteContext {
            store: &transaction,
            now,
            round_robin: &mut self.round_robin,
            space,
            tenant_quota: self.shares.tenant_quota,
            arrival: false,
        };
        for operation in group {
            operation.run(&mut context)?;
        }
        let arrival = context.arrival;
        transaction.commit()?;
        Ok(arrival)
    }

    /// The files at the journal's paths are others than those that are open: a write would not be found again.
    fn fail_displaced(&mut self, group: Vec<Box<dyn Operation>>, problem: &'static str) {
        if !std::mem::replace(&mut self.failing, true) {
            error!(journal = %self.file.path.display(), problem, "the journal cannot be written");
        }
        for operation in group {
            operation.resolve(Err(JournalError::unavailable_because(problem)));
        }
    }

    fn fail(&mut self, group: Vec<Box<dyn Operation>>, error: rusqlite::Error) {
        let journal = self.file.path.display();
        if sqlite_error::scope(&error) == Scope::Statement {
            error!(%journal, %error, "the store rejected a write");
        } else if !std::mem::replace(&mut self.failing, true) {
            warn!(%journal, %error, "the journal cannot be written; senders are asked to retry");
        }
        let error = Arc::new(error);
        for operation in group {
            operation.resolve(Err(sqlite_error::unavailable(&error)));
        }
    }
}

impl<W, T> Operation for Task<W, T>
where
    W: FnMut(&mut WriteContext<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, context: &mut WriteContext<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.work)(context)?);
        Ok(())
    }

    fn resolve(self: Box<Self>, committed: Result<(), JournalError>) {
        let Self { result, reply, .. } = *self;
        let result = result.ok_or_else(|| JournalError::unavailable_because("the operation was not run"));
        // The caller may have given up. The commit stays.
        let _ = reply.send(committed.and(result));
    }
}

/// A new connection after an error. The whole log is forced into the main file first: a kernel that failed to write a
/// page may report afterwards that it did.
fn reopen(file: &StoreFile, checkpoints: &Checkpoints) -> rusqlite::Result<Connection> {
    let mut store = file.writer()?;
    checkpoint(&store)?;
    checkpoints.attach(&mut store)?;
    Ok(store)
}

/// Moves the whole log into the file. If that fails, the next start does it.
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
