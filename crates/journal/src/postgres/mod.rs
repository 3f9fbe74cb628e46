//! The journal in a PostgreSQL database: for several replicas at a time.
//!
//! What is promised, given a server that honours `fsync`:
//!
//! - What was answered with `Ok` survives a crash of this process and of the server. Commits are synchronous
//!   whatever the server is configured to; whether a fail-over loses some is up to the server's replication.
//! - What was answered with [`JournalError::Unavailable`] may or may not have happened; asking again is
//!   safe, because a delivery that is known already is not inserted twice.
//! - Either all of a call happened or none of it.
//! - When something is due and when a lease ends is decided by the clock of the database, so replicas whose
//!   clocks differ agree.
//! - After a restart or a fail-over of the server it goes on by itself, with fresh connections. A server
//!   that takes no writes is not used.
//!
//! The tables lie in a schema of their own, `shipwright_trigger`, which is brought up to date when the
//! journal is opened. Sessions are set up with `SET`, and statements are prepared: a pooler in between has to
//! work by session, not by transaction.
//!
//! # Addresses
//!
//! As libpq takes them: `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?NAME=VALUE&…`. Of several
//! hosts the first is used that takes writes. `sslmode` is one of
//!
//! | value | meaning |
//! |---|---|
//! | `disable` | no TLS |
//! | `prefer`, or none | TLS if the server offers it, with any certificate unless `sslrootcert` is given |
//! | `require`, `verify-ca`, `verify-full` | TLS, and the certificate has to be the host's |
//!
//! Unlike libpq, `require` verifies, and `verify-ca` looks at the name too: a certificate that is not
//! looked at protects from nobody. `sslrootcert` names a file with the authorities in PEM; without it the
//! system's count.
//!
//! # Inside
//!
//! `session` has the connections, `group` collects appends and settlements of many callers into one commit,
//! `arrivals` tells other replicas and hears them.

mod append;
mod claim;
mod config;
mod entries;
mod group_commit;
mod history;
mod opening;
mod pg_error;
mod rejections;
mod retention;
mod row;
mod schema;
mod session;
mod settle;
mod statements;
mod tls;
mod wakeups;
mod watermarks;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use trigger_core::{Delivery, DeliveryId, Replay, Verified};

use config::ConnectionConfig;
use group_commit::Group;
pub use opening::OpenError;
use session::Sessions;
use settle::Ending;
use wakeups::{Arrivals, Listener};

use crate::new_delivery::NewDelivery;
use crate::panic_flag::PanicFlag;
use crate::round_robin::RoundRobin;
use crate::timeout::within;
use crate::{
    AppendOutcome, ClaimRequest, ClaimToken, ClaimedDelivery, DecisionRecord, Entry, Journal, JournalError,
    Page, Pruned, Query, Record, Rejection, ReplayOutcome, ReplayRequest, Retention, Settlement, Stats,
    Usage, format,
};

/// How long bringing a schema up to date may take, and waiting for another replica that does it.
const MIGRATION: Duration = Duration::from_mins(10);

/// How a [`PostgresJournal`] behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many connections there are at most, beside the one that listens for other replicas.
    pub connections: usize,
    /// How many calls may wait or be carried out at the same time. Further calls wait outside, in no memory
    /// of ours.
    pub queue: usize,
    /// How long a call waits for its answer, in the queue and outside, before it is answered with
    /// [`JournalError::Unavailable`]. Real time, also under a paused tokio clock.
    pub patience: Duration,
    /// The password, if the address has none.
    pub password: Option<String>,
}

/// The journal in a PostgreSQL database.
///
/// Dropping it ends it without waiting; [`Journal::close`] waits.
pub struct PostgresJournal {
    store: Arc<Store>,
    appends: Group<NewDelivery>,
    endings: Group<Ending>,
    /// Those who tell other replicas and hear them.
    background: [AbortHandle; 2],
    /// Raised by a task that panics.
    alarm: PanicFlag,
}

/// What all calls share.
struct Store {
    sessions: Sessions,
    arrivals: Arc<Arrivals>,
    turns: Mutex<RoundRobin>,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, queue: 1024, patience: Duration::from_secs(5), password: None }
    }
}

impl fmt::Debug for Options {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("connections", &self.connections)
            .field("queue", &self.queue)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal").finish_non_exhaustive()
    }
}

impl PostgresJournal {
    /// Opens the journal in the database at `url`, and creates what is missing there. To be called within a
    /// tokio runtime, which then carries the connections.
    pub async fn open(url: &str, options: Options) -> Result<Self, OpenError> {
        let place = ConnectionConfig::parse(url, &options)?;
        let shown = place.shown.as_str();
        let tls = tls::connector(&place.trust)
            .map_err(|missing| OpenError::Authorities { place: shown.to_owned(), reason: missing.0 })?;
        let sessions = Sessions::new(&place, tls.clone(), &options)
            .map_err(|error| OpenError::Store { place: shown.to_owned(), source: error.into() })?;
        let silent = || OpenError::Unreachable { place: shown.to_owned(), source: None };

        let session = within(options.patience, sessions.get()).await.ok_or_else(silent)?;
        let session = session.map_err(|error| opening::refuse_pool(shown, error))?;
        let migrated = within(MIGRATION, schema::migrate(session)).await.ok_or_else(silent)?;
        migrated.map_err(|mismatch| opening::refuse_schema(shown, mismatch))?;

        let arrivals = Arc::new(Arrivals::new());
        let listener = Listener::new(&place, tls, options.patience);
        // Before the first call: nothing that another replica appends from now on goes unnoticed.
        let ear = within(options.patience, listener.connect(&arrivals)).await.ok_or_else(silent)?;
        let ear = ear.map_err(|error| opening::refuse(shown, error))?;

        let store = Arc::new(Store { sessions, arrivals: Arc::clone(&arrivals), turns: Mutex::default() });
        let alarm = PanicFlag::new();
        let background = [
            alarm.spawn(wakeups::tell(Arc::clone(&store))).abort_handle(),
            alarm.spawn(listener.run(ear, arrivals)).abort_handle(),
        ];
        Ok(Self {
            appends: Group::start(Arc::clone(&store), options.queue, &alarm),
            endings: Group::start(Arc::clone(&store), options.queue, &alarm),
            store,
            background,
            alarm,
        })
    }

    /// Has an attempt ended together with others.
    fn end(
        &self,
        ending: Result<Ending, JournalError>,
        id: DeliveryId,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let held = self.store.sessions.call(self.endings.ask(ending?)).await?;
            held.then_some(()).ok_or(JournalError::StaleTicket { id })
        }
        .boxed()
    }
}

impl Journal for PostgresJournal {
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decisions: Option<Vec<DecisionRecord>>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        async move {
            let entry = NewDelivery::new(delivery, decisions.as_deref())?;
            self.store.sessions.call(self.appends.ask(entry)).await
        }
        .boxed()
    }

    fn replay(&self, order: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>> {
        async move {
            let replay = Replay { of: order.of.clone(), by: order.by.clone(), from: order.from.clone() };
            let replay = format::encode(&replay)?;
            self.store.sessions.serve(statements::replay(&self.store, &order, &replay)).await
        }
        .boxed()
    }

    fn claim(&self, demand: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>> {
        self.store.sessions.serve(claim::claim(&self.store, demand))
    }

    fn settle(&self, ticket: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>> {
        let id = ticket.id.clone();
        self.end(Ending::settle(ticket, settlement), id)
    }

    fn release(
        &self,
        ticket: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        let id = ticket.id.clone();
        self.end(Ending::release(ticket, due, settlement), id)
    }

    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>> {
        let id = id.clone();
        async move { self.store.sessions.serve(statements::find(&self.store, &id)).await }.boxed()
    }

    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>> {
        async move { self.store.sessions.serve(history::history(&self.store, &query)).await }.boxed()
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>> {
        self.store.sessions.serve(statements::stats(&self.store))
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>> {
        self.store.sessions.serve(retention::usage(&self.store))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.store.sessions.serve(statements::beat(&self.store))
    }

    fn refuse(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let encoded: Vec<_> = rejections.iter().map(format::encode).collect::<Result<_, _>>()?;
            self.store.sessions.serve(rejections::write(&self.store, &encoded)).await
        }
        .boxed()
    }

    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>> {
        self.store.sessions.serve(rejections::read(&self.store))
    }

    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>> {
        self.store.sessions.serve(watermarks::read(&self.store, name))
    }

    fn raise_watermark<'a>(
        &'a self,
        name: &'a str,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.store.sessions.serve(watermarks::raise(&self.store, name, to))
    }

    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>> {
        self.store.sessions.serve(entries::read(&self.store, name))
    }

    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>> {
        async move { self.store.sessions.serve(entries::replace(&self.store, name, after, &text)).await }
            .boxed()
    }

    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>> {
        async move { self.store.sessions.serve(retention::prune(&self.store, &retention)).await }.boxed()
    }

    fn arrivals(&self) -> watch::Receiver<u64> {
        self.store.arrivals.subscribe()
    }

    fn broken(&self) -> BoxFuture<'_, ()> {
        self.alarm.raised()
    }

    /// Waits for what is carried out at most for the patience of the options.
    fn close(&self) -> BoxFuture<'_, ()> {
        async move {
            let finished = async {
                self.store.sessions.finish_calls().await;
                // Also what was given up by those who asked for it, if it was begun.
                self.appends.rest().await;
                self.endings.rest().await;
                wakeups::tell_now(&self.store).await
            };
            // What is not finished by then ends with the connections.
            let _ = within(self.store.sessions.patience(), finished).await;
            self.stop();
            self.store.arrivals.bump();
        }
        .boxed()
    }
}

impl PostgresJournal {
    fn stop(&self) {
        for task in &self.background {
            task.abort();
        }
        self.store.sessions.end();
    }
}

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        for task in &self.background {
            task.abort();
        }
    }
}

/// The text as PostgreSQL can keep it: all but the character NUL.
fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}
