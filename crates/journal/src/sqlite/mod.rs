//! The journal in one SQLite file: for a single process, without another service to run.
//!
//! What is promised, given a file system that honours `fsync`:
//!
//! - What was answered with `Ok` survives a crash of the process, of the machine, and a loss of power.
//! - What was answered with [`JournalError::Unavailable`] may or may not have happened; asking again is
//!   safe, because a delivery that is known already is not inserted twice.
//! - Either all of a call happened or none of it.
//! - What was claimed when the process ended is claimable as soon as the file is opened again.
//!
//! The file must lie on a local block volume: the write-ahead log shares memory between connections, which
//! NFS and its like do not offer. One process at a time has it; a second one is told so at start.
//!
//! `writer` is the one thread that writes, many calls to a commit; `checkpoints` moves the write-ahead log into the
//! main file beside it; `readers` are the few that search, on
//! connections of their own. All SQL is in the numbered schema files, `statements`,
//! `history`, `retention`, `rejections`, `memos` and `watermarks`.

mod checkpoints;
mod entries;
mod file;
mod history;
mod lock;
mod readers;
mod rejections;
mod retention;
mod row;
mod schema;
mod sqlite_error;
mod statements;
mod threads;
mod watermarks;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Replay, Verified};

pub use file::OpenError;
use file::StorePath;
use statements::Leased;
use threads::Threads;
use writer::Turn;

use crate::new_delivery::{NewDelivery, Outcome};
use crate::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, DecisionRecord, Entry, Journal, JournalError,
    Page, Pruned, Query, Record, Rejection, ReplayOutcome, ReplayRequest, Retention, Settlement, Stats,
    Usage, format,
};

/// How a [`SqliteJournal`] behaves.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Options {
    /// How many calls may wait for the thread that writes, and how many for those that read. When so many
    /// wait, further calls wait outside, in no memory of ours.
    pub queue: usize,
    /// How long a call waits for its answer, in the queue and outside, before it is answered with
    /// [`JournalError::Unavailable`]. Real time, also under a paused tokio clock.
    pub patience: Duration,
    /// How long a statement waits for another program that holds the file, such as a `sqlite3` shell.
    /// To be shorter than the patience.
    pub busy: Duration,
    /// How many threads answer `find`, `history` and `stats`.
    pub readers: usize,
}

/// The journal in one SQLite file.
///
/// Dropping it ends it like [`Journal::close`].
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    threads: Threads,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 1024, patience: Duration::from_secs(5), busy: Duration::from_secs(2), readers: 2 }
    }
}

impl SqliteJournal {
    /// Opens the file, and creates it if there is none, readable and writable by its owner only.
    ///
    /// Blocks while the file is opened and its schema is brought up to date; call it before serving.
    pub fn open(path: impl Into<PathBuf>, options: Options) -> Result<Self, OpenError> {
        let path = path.into();
        let place = StorePath { path: path.clone(), busy: options.busy };
        let (lock, writer) = file::prepare(&place)?;
        let threads = Threads::start(&place, lock, writer, &options)?;
        Ok(Self { path, threads })
    }

    /// Where the file is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Has the writing thread do `work`, a body of `bytes` included; answers once it is on disk.
    fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut Turn<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, JournalError>> {
        self.threads.write(bytes, work).boxed()
    }

    /// Has a reading thread answer `query`.
    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, JournalError>> {
        self.threads.read(query).boxed()
    }

    /// As `write`, for work that says false when its ticket is stale.
    fn write_held(
        &self,
        outcome: Result<Outcome, JournalError>,
        work: impl Fn(&mut Turn<'_>, &Outcome) -> rusqlite::Result<bool> + Send + 'static,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let outcome = outcome?;
            let id = outcome.ticket.id.clone();
            let held = self.write(0, move |turn| work(turn, &outcome)).await?;
            held.then_some(()).ok_or(JournalError::StaleTicket { id })
        }
        .boxed()
    }
}

impl Journal for SqliteJournal {
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decisions: Option<Vec<DecisionRecord>>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        match NewDelivery::new(delivery, decisions.as_deref()) {
            Ok(entry) => self.write(entry.body_bytes(), move |turn| {
                let appended = statements::append(turn.store, &entry, turn.now)?;
                turn.arrival |= match appended {
                    AppendOutcome::New => entry.decisions.is_none(),
                    AppendOutcome::Reopened => true,
                    AppendOutcome::InProgress | AppendOutcome::Settled => false,
                };
                Ok(appended)
            }),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn replay(&self, order: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>> {
        let replay = Replay { of: order.of.clone(), by: order.by.clone(), from: order.from.clone() };
        match format::encode(&replay) {
            Ok(replay) => self.write(0, move |turn| {
                let replayed = statements::replay(turn.store, &order, &replay, turn.now)?;
                turn.arrival |= matches!(replayed, ReplayOutcome::New(_));
                Ok(replayed)
            }),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn claim(&self, demand: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>> {
        async move {
            let lease = self.write(0, move |turn| {
                let waiting = statements::waiting_tenants(turn.store, turn.now)?;
                let mut leased = Vec::new();
                for (tenant, share) in turn.turns.share(waiting, demand.max, |tenant| demand.room(tenant)) {
                    turn.turns.served(&tenant);
                    leased.extend(statements::lease(turn.store, &tenant, share, demand.lease, turn.now)?);
                }
                Ok(leased)
            });
            let (mut claimed, mut unusable) = (Vec::new(), Vec::new());
            for opened in lease.await?.into_iter().map(Leased::open) {
                match opened {
                    Ok(one) => claimed.push(one),
                    Err(one) => unusable.push(one),
                }
            }
            if !unusable.is_empty() {
                let bury = self.write(0, move |turn| {
                    unusable.iter().try_for_each(|unusable| statements::bury(turn.store, unusable, turn.now))
                });
                bury.await?;
            }
            Ok(claimed)
        }
        .boxed()
    }

    fn settle(&self, ticket: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>> {
        let outcome = Outcome::new(ticket, settlement);
        self.write_held(outcome, |turn, outcome| statements::settle(turn.store, outcome, turn.now))
    }

    fn release(
        &self,
        ticket: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        let outcome = Outcome::new(ticket, settlement);
        self.write_held(outcome, move |turn, outcome| {
            let held = statements::release(turn.store, outcome, due)?;
            turn.arrival |= held;
            Ok(held)
        })
    }

    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>> {
        let id = id.clone();
        self.read(move |store| statements::find(store, &id))
    }

    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>> {
        self.read(move |store| history::history(store, &query))
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>> {
        self.read(statements::stats)
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>> {
        let path = self.path.clone();
        self.read(move |store| retention::usage(store, &path))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.write(0, |turn| statements::beat(turn.store, turn.now))
    }

    fn refuse(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>> {
        let encoded: Result<Vec<_>, _> = rejections.iter().map(format::encode).collect();
        match encoded {
            Ok(encoded) => self.write(0, move |turn| rejections::write(turn.store, &encoded)),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>> {
        self.read(rejections::read)
    }

    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>> {
        let name = name.to_owned();
        self.read(move |store| watermarks::read(store, &name))
    }

    fn raise_watermark<'a>(
        &'a self,
        name: &'a str,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        let name = name.to_owned();
        self.write(0, move |turn| watermarks::raise(turn.store, &name, to))
    }

    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>> {
        let name = name.to_owned();
        self.read(move |store| entries::read(store, &name))
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>> {
        let name = name.to_owned();
        self.write(text.len(), move |turn| entries::replace(turn.store, &name, after, &text))
    }

    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>> {
        async move {
            let plan = self.read(move |store| retention::plan(store, &retention, Timestamp::now())).await?;
            self.write(0, move |turn| retention::prune(turn.store, &plan)).await
        }
        .boxed()
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.threads.arrivals()
    }

    fn broken(&self) -> BoxFuture<'_, ()> {
        self.threads.broken()
    }

    /// Also moves the log into the main file, and gives the file free for another process. Waits for that at
    /// most for the patience of the options; on a disk that hangs, the threads go on and end by themselves.
    fn close(&self) -> BoxFuture<'_, ()> {
        self.threads.close().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_its_threads_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path().join("journal.db"), Options::default()).unwrap();
        assert!(journal.broken().now_or_never().is_none());
        let asked = journal.threads.write::<()>(1, |_| panic!("on purpose")).await;
        assert!(matches!(asked, Err(JournalError::Unavailable { .. })), "{asked:?}");
        journal.broken().await;
        journal.close().await;
    }
}
