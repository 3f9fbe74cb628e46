//! The journal in a PostgreSQL database: for several replicas at a time.
//!
//! It promises, given a server that honours `fsync`:
//!
//! - A call that returned `Ok` survives a crash of this process and of the server. Commits are synchronous whatever the
//!   server's default. Whether a fail-over loses some depends on the server's replication.
//! - A call that returned [`JournalError::Unavailable`] may have happened or not. Repeating it is safe, because a known
//!   delivery is not inserted twice.
//! - Either all of a call happened or none of it.
//! - The clock of the database decides when a delivery is due and when a claim times out, so replicas with different
//!   clocks agree.
//! - After a restart or a fail-over of the server it continues by itself, with new connections. A server that accepts
//!   no writes is not used.
//!
//! The tables lie in a schema of their own, `shipwright_trigger`, which is migrated when the journal is opened.
//! Sessions are set up with `SET`, and statements are prepared: a pooler in between has to work by session, not by
//! transaction.
//!
//! # Addresses
//!
//! As in libpq: `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?NAME=VALUE&…`. Of several hosts the first that
//! accepts writes is used. `sslmode` is one of
//!
//! | value | meaning |
//! |---|---|
//! | `disable` | no TLS |
//! | `prefer`, or none | TLS if the server offers it, with any certificate unless `sslrootcert` is given |
//! | `require`, `verify-ca`, `verify-full` | TLS, and the certificate has to be the host's |
//!
//! Unlike in libpq, `require` verifies the certificate, and `verify-ca` verifies the name too: an unverified
//! certificate protects from no attacker. `sslrootcert` names a file with the authorities in PEM; the default is the
//! system's.
//!
//! # Inside
//!
//! `calls` implements the traits. `session` has the connections. `group_commit` collects appends and settlements of
//! many callers into one commit. `wakeups` notifies other replicas and listens to them.

mod accounts;
mod append;
mod calls;
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

use tokio::task::AbortHandle;

use accounts::Accounts;
use config::ConnectionConfig;
use group_commit::GroupCommit;
pub use opening::OpenError;
use session::Sessions;
use settle::AttemptEnd;
use wakeups::{NotifyConnector, Wakeups};

#[cfg(doc)]
use crate::JournalError;
use crate::Settings;
use crate::new_delivery::NewDelivery;
use crate::panic_flag::PanicFlag;
use crate::round_robin::RoundRobin;
use crate::timeout::within;

/// How long a migration may take, including the wait for another replica that migrates.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);

/// The settings of a [`PostgresJournal`].
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many connections there are at most, beside the one that listens for other replicas.
    pub connections: usize,
    /// How many calls may wait or run at the same time. Further calls wait in their callers.
    pub queue: usize,
    /// How long a call waits for its answer, including the queue, before it fails with [`JournalError::Unavailable`].
    /// Real time, also under a paused tokio clock.
    pub timeout: Duration,
    /// The password, if the address has none.
    pub password: Option<String>,
    /// See [`crate::Settings::tenant_quota`].
    pub tenant_quota: u64,
}

/// The journal in a PostgreSQL database.
///
/// Dropping it ends it without waiting; [`crate::Journal::close`] waits.
pub struct PostgresJournal {
    store: Arc<Store>,
    appends: GroupCommit<NewDelivery>,
    attempt_ends: GroupCommit<AttemptEnd>,
    /// The tasks that notify other replicas and listen to them.
    background: [AbortHandle; 2],
    panic_flag: PanicFlag,
}

/// The state that all calls share.
struct Store {
    sessions: Sessions,
    wakeups: Arc<Wakeups>,
    round_robin: Mutex<RoundRobin>,
    accounts: Accounts,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 8,
            queue: 1024,
            timeout: Duration::from_secs(5),
            password: None,
            tenant_quota: Settings::TENANT_QUOTA as u64,
        }
    }
}

impl fmt::Debug for Options {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("connections", &self.connections)
            .field("queue", &self.queue)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal").finish_non_exhaustive()
    }
}

impl PostgresJournal {
    /// Opens the journal in the database at `url`, creates its schema if there is none, and migrates it. Has to be
    /// called within a tokio runtime, which then drives the connections.
    pub async fn open(url: &str, options: Options) -> Result<Self, OpenError> {
        let config = ConnectionConfig::parse(url, &options)?;
        let address = config.shown.as_str();
        let tls = tls::connector(&config.trust)
            .map_err(|error| OpenError::Authorities { address: address.to_owned(), reason: error.0 })?;
        let sessions = Sessions::new(&config, tls.clone(), &options)
            .map_err(|error| OpenError::Store { address: address.to_owned(), source: error.into() })?;
        let no_answer = || OpenError::Unreachable { address: address.to_owned(), source: None };

        let session = within(options.timeout, sessions.get()).await.ok_or_else(no_answer)?;
        let session = session.map_err(|error| opening::pool_error(address, error))?;
        let migrated = within(MIGRATION_TIMEOUT, schema::migrate(session)).await.ok_or_else(no_answer)?;
        migrated.map_err(|error| opening::schema_error(address, error))?;

        let wakeups = Arc::new(Wakeups::new());
        let connector = NotifyConnector::new(&config, tls, options.timeout);
        // Before the first call: no append of another replica from now on goes unnoticed.
        let listener = within(options.timeout, connector.connect(&wakeups)).await.ok_or_else(no_answer)?;
        let listener = listener.map_err(|error| opening::connection_error(address, error))?;

        let store = Arc::new(Store {
            sessions,
            wakeups: Arc::clone(&wakeups),
            round_robin: Mutex::default(),
            accounts: Accounts::new(options.tenant_quota),
        });
        let panic_flag = PanicFlag::new();
        let background = [
            panic_flag.spawn(wakeups::run_notifier(Arc::clone(&store))).abort_handle(),
            panic_flag.spawn(connector.run(listener, wakeups)).abort_handle(),
        ];
        Ok(Self {
            appends: GroupCommit::start(Arc::clone(&store), options.queue, &panic_flag),
            attempt_ends: GroupCommit::start(Arc::clone(&store), options.queue, &panic_flag),
            store,
            background,
            panic_flag,
        })
    }

    /// Completes the calls that have begun and notifies other replicas, within the timeout of the options.
    async fn finish(&self) {
        let finished = async {
            self.store.sessions.finish_calls().await;
            // Also commits that have begun for callers that gave up.
            self.appends.drain().await;
            self.attempt_ends.drain().await;
            wakeups::notify(&self.store).await
        };
        // Calls that are not complete by then end with the connections.
        let _ = within(self.store.sessions.timeout(), finished).await;
        self.abort_background();
        self.store.sessions.end();
        self.store.wakeups.wake_local();
    }

    fn abort_background(&self) {
        for task in &self.background {
            task.abort();
        }
    }
}

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        self.abort_background();
    }
}

/// The text as PostgreSQL can store it: without the character NUL.
fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}
