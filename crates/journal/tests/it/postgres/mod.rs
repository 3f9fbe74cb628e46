//! The promises that PostgreSQL adds to the contract: several replicas, and a server that stops and starts.

mod failures;
mod opening;
mod replicas;
mod tls;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trigger_journal::postgres::Options;
use trigger_journal::{Journal, PostgresJournal};
use trigger_testkit::postgres::{PostgresServer, shared};

use crate::Store;

/// Options with a timeout that even a busy machine does not reach.
pub(crate) fn long_timeouts() -> Options {
    let mut options = Options::default();
    options.timeout = Duration::from_mins(1);
    options.connections = 4;
    options
}

/// The address of an empty database on a server that all tests share; `None` if PostgreSQL is not installed.
pub(crate) fn database() -> Option<String> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    let server = shared()?;
    let name = format!("test_{}", USED.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).unwrap();
    Some(server.url(&name))
}

/// A server of the test's own; `None` if PostgreSQL is not installed.
pub(crate) fn server() -> Option<(PostgresServer, String)> {
    // The shared server is not used. It fails the test where PostgreSQL is required and missing.
    shared()?;
    let server = PostgresServer::start().unwrap();
    server.create_database("journal").unwrap();
    let url = server.url("journal");
    Some((server, url))
}

pub(crate) async fn open(url: &str) -> PostgresJournal {
    PostgresJournal::open(url, long_timeouts()).await.unwrap()
}

/// A client that changes the database beside the journal.
pub(crate) async fn meddle(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = shipwright_trigger").await.unwrap();
    client
}

/// A journal in a database of its own.
pub(crate) struct Postgres {
    journal: Option<PostgresJournal>,
    url: String,
}

impl Postgres {
    pub(crate) async fn new() -> Option<Self> {
        Some(Self::open(database()?).await)
    }

    /// Opens the journal in the database at `url`.
    pub(crate) async fn open(url: String) -> Self {
        let journal = Some(open(&url).await);
        Self { journal, url }
    }
}

impl Store for Postgres {
    const EXCLUSIVE: bool = false;

    fn journal(&self) -> &dyn Journal {
        self.journal.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        self.close().await;
        self.journal = Some(open(&self.url).await);
    }

    async fn reopen_with_quota(&mut self, bytes: u64) {
        self.close().await;
        let mut options = long_timeouts();
        options.tenant_quota = bytes;
        self.journal = Some(PostgresJournal::open(&self.url, options).await.unwrap());
    }

    async fn close(&self) {
        self.journal.as_ref().unwrap().close().await;
    }

    async fn execute(&self, statements: &str) {
        meddle(&self.url).await.batch_execute(statements).await.unwrap();
    }
}
