//! What PostgreSQL adds to the contract: several replicas, and a server that comes and goes.

mod opening;
mod replicas;
mod tls;
mod trouble;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trigger_journal::postgres::Options;
use trigger_journal::{Journal, PostgresJournal};
use trigger_testkit::postgres::{PostgresServer, shared};

use crate::Store;

/// Options under which no answer is late, however busy the machine is.
pub(crate) fn patient() -> Options {
    let mut options = Options::default();
    options.patience = Duration::from_mins(1);
    options.connections = 4;
    options
}

/// The address of an empty database on a server that all tests share; nothing if there is no PostgreSQL.
pub(crate) fn database() -> Option<String> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    let server = shared()?;
    let name = format!("test_{}", USED.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).unwrap();
    Some(server.url(&name))
}

/// A server of the test's own; nothing if there is no PostgreSQL.
pub(crate) fn server() -> Option<(PostgresServer, String)> {
    // The shared one is not needed, but says whether one has to be there.
    shared()?;
    let server = PostgresServer::start().unwrap();
    server.create_database("journal").unwrap();
    let url = server.url("journal");
    Some((server, url))
}

pub(crate) async fn open(url: &str) -> PostgresJournal {
    PostgresJournal::open(url, patient()).await.unwrap()
}

/// A client that meddles with the database.
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
        let url = database()?;
        let journal = Some(open(&url).await);
        Some(Self { journal, url })
    }
}

impl Store for Postgres {
    const ALONE: bool = false;

    fn journal(&self) -> &dyn Journal {
        self.journal.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        self.close().await;
        self.journal = Some(open(&self.url).await);
    }

    async fn close(&self) {
        self.journal.as_ref().unwrap().close().await;
    }
}
