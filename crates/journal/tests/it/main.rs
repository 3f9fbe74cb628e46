//! The promises of a journal (`contract`, for every store), and those that SQLite and PostgreSQL add.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows them in test functions only, not in shared ones"
)]

mod checkpoints;
mod child;
mod contract;
mod copies;
mod crash;
mod delivery;
mod failures;
mod model;
mod opening;
mod postgres;
mod upgrade;

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use trigger_journal::sqlite::Options;
use trigger_journal::{Journal, SqliteJournal};

/// Options with a timeout that even a busy machine does not reach.
fn long_timeouts() -> Options {
    let mut options = Options::default();
    options.timeout = Duration::from_mins(5);
    options
}

/// A store under test. The contract is written against this trait, so another store runs it unchanged.
trait Store {
    /// Whether one process at a time uses it: its claims then end when it is opened again.
    const EXCLUSIVE: bool;

    /// The journal.
    fn journal(&self) -> &dyn Journal;
    /// Closes the journal and opens it again with its stored content.
    async fn reopen(&mut self);
    /// The same, with another quota for each tenant.
    async fn reopen_with_quota(&mut self, bytes: u64);
    /// Closes the journal.
    async fn close(&self);
    /// Changes the stored content from outside, by statements that both databases understand.
    async fn execute(&self, statements: &str);
}

/// A journal in a directory that is deleted with it.
struct Sqlite {
    journal: Option<SqliteJournal>,
    directory: TempDir,
}

impl Sqlite {
    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    /// Opens the journal in `directory`.
    fn open(directory: TempDir) -> Self {
        let journal = SqliteJournal::open(directory.path().join("journal.db"), long_timeouts()).unwrap();
        Self { journal: Some(journal), directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }
}

impl Store for Sqlite {
    const EXCLUSIVE: bool = true;

    fn journal(&self) -> &dyn Journal {
        self.journal.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        drop(self.journal.take());
        self.journal = Some(SqliteJournal::open(self.path(), long_timeouts()).unwrap());
    }

    async fn reopen_with_quota(&mut self, bytes: u64) {
        drop(self.journal.take());
        let mut options = long_timeouts();
        options.settings.tenant_quota = bytes;
        self.journal = Some(SqliteJournal::open(self.path(), options).unwrap());
    }

    async fn close(&self) {
        self.journal.as_ref().unwrap().close().await;
    }

    async fn execute(&self, statements: &str) {
        rusqlite::Connection::open(self.path()).unwrap().execute_batch(statements).unwrap();
    }
}

contract::suite!(sqlite, crate::Sqlite::new());
contract::suite!(
    on_postgres,
    match crate::postgres::Postgres::new().await {
        Some(store) => store,
        None => return,
    }
);
