use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use scopeguard::{ScopeGuard, guard};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, Row};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::{debug, info, warn};

use super::config::ConnectionConfig;
use super::schema::SCHEMA;
use super::{Options, pg_error};
use crate::JournalError;
use crate::timeout::answer_within;

/// The connections to the server, shared by all calls.
pub(super) struct Sessions {
    pool: Pool,
    timeout: Duration,
    queue: u32,
    /// A permit for each call that runs or waits. Once closed, no call begins.
    permits: Semaphore,
    closed: AtomicBool,
    /// Whether the last call failed: failures are logged when they begin and when they end.
    failing: AtomicBool,
    address: String,
}

/// A connection for one call. Dropped without [`Session::keep`], it is discarded: a call that failed or was abandoned
/// may have left a statement that waits for a lock, or a reply on the wire.
pub(super) struct Session(ScopeGuard<Object, fn(Object)>);

/// Makes connections with the settings of [`setup`].
struct Connector {
    tls: MakeRustlsConnect,
    setup: String,
}

impl Sessions {
    pub(super) fn new(
        config: &ConnectionConfig,
        tls: MakeRustlsConnect,
        options: &Options,
    ) -> Result<Self, deadpool_postgres::BuildError> {
        let connector = Connector { tls, setup: setup(options.timeout) };
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config.config.clone(), connector, recycling);
        let queue = u32::try_from(options.queue).unwrap_or(u32::MAX).clamp(1, 1 << 20);
        Ok(Self {
            pool: Pool::builder(manager).max_size(options.connections.max(2)).build()?,
            timeout: options.timeout,
            queue,
            permits: Semaphore::new(queue as usize),
            closed: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            address: config.shown.clone(),
        })
    }

    /// A connection, a new one if none is idle.
    pub(super) async fn get(&self) -> Result<Session, PoolError> {
        Ok(Session(guard(self.pool.get().await?, discard)))
    }

    /// Runs a call whose work another task executes, while the journal is open.
    pub(super) async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let closed = || JournalError::unavailable_because("it is closed");
        let admitted = async {
            if self.closed.load(Ordering::SeqCst) {
                return Err(closed());
            }
            let _permit = self.permits.acquire().await.map_err(|_| closed())?;
            work.await
        };
        answer_within(self.timeout, admitted).await
    }

    /// Runs a call, while the journal is open.
    pub(super) fn serve<'a, T: Send + 'a>(
        &'a self,
        work: impl Future<Output = Result<T, JournalError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, JournalError>> {
        // Boxed early: otherwise every layer around it would hold a copy.
        let work = work.boxed();
        async move { self.call(self.attempt(work)).await }.boxed()
    }

    /// Runs work within the timeout. After an error of the server, idle connections are discarded: if one is broken
    /// or leads to a standby, the others are no better.
    pub(super) async fn attempt<T>(
        &self,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let answer = answer_within(self.timeout, work).await;
        match &answer {
            Err(JournalError::Unavailable { .. }) if self.closed.load(Ordering::SeqCst) => {}
            Err(error @ JournalError::Unavailable { .. }) if !pg_error::is_of_statement(error) => {
                if pg_error::is_of_server(error) {
                    self.pool.retain(|_, _| false);
                }
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let cause = std::error::Error::source(error).map(chain).unwrap_or_default();
                    warn!(journal = %self.address, %error, cause, "the journal fails; senders are asked to retry");
                }
            }
            Err(_) => {}
            Ok(_) => {
                if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
                    info!(journal = %self.address, "the journal works again");
                }
            }
        }
        answer
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Rejects further calls, and waits until none runs.
    pub(super) async fn finish_calls(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // It fails if the semaphore is closed already.
        let _ = self.permits.acquire_many(self.queue).await;
    }

    /// Closes the connections.
    pub(super) fn end(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.permits.close();
        self.pool.close();
    }
}

impl Session {
    /// Returns the connection to the pool for the next call.
    pub(super) fn keep(self) {
        drop(ScopeGuard::into_inner(self.0));
    }

    pub(super) async fn query(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let statement = self.prepare_cached(statement).await?;
        Client::query(self, &statement, values).await
    }

    pub(super) async fn query_one(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        let statement = self.prepare_cached(statement).await?;
        Client::query_one(self, &statement, values).await
    }
}

impl Deref for Session {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.0
    }
}

fn discard(connection: Object) {
    drop(Object::take(connection));
}

impl Connect for Connector {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, tls) = (config.clone(), self.tls.clone());
        async move {
            let (client, connection) = config.connect(tls).await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!(%error, "a connection to PostgreSQL ended");
                }
            });
            client.batch_execute(&self.setup).await?;
            Ok((client, task))
        }
        .boxed()
    }
}

/// The first statements on every connection.
pub(super) fn setup(timeout: Duration) -> String {
    let timeout = timeout.as_millis().clamp(1, 1 << 30);
    // A commit has to be on disk when it returns, whatever the server's default. Where it also waits for standbys, that
    // stays. The server cancels statements whose callers have timed out. Every join here is of a few keys with an
    // index; the planner cannot know how few, and keeps plans from when the tables were small.
    format!(
        "SELECT set_config('synchronous_commit', 'on', false) \
           WHERE current_setting('synchronous_commit') = 'off'; \
         SET search_path = {SCHEMA}; \
         SET default_transaction_isolation = 'read committed'; \
         SET statement_timeout = {timeout}; \
         SET idle_in_transaction_session_timeout = {timeout}; \
         SET enable_seqscan = off; \
         SET enable_hashjoin = off; \
         SET enable_mergejoin = off; \
         SET enable_material = off; \
         SET jit = off"
    )
}

/// An error with its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
