//! What a journal promises (`contract`, for every store), and what SQLite and PostgreSQL add to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's leave for tests does not reach the functions that they share"
)]

mod checkpoints;
mod child;
mod contract;
mod crash;
mod delivery;
mod model;
mod opening;
mod postgres;
mod trouble;

use std::time::Duration;

use tempfile::TempDir;
use trigger_journal::sqlite::Options;
use trigger_journal::{Journal, SqliteJournal};

/// Options under which no answer is late, however busy the machine is.
fn patient() -> Options {
    let mut options = Options::default();
    options.patience = Duration::from_mins(5);
    options
}

/// A store under test. The contract is written against this trait, so that another store runs it as it is.
trait Store {
    /// Whether one process at a time has it: what was claimed is then claimable as soon as it is opened
    /// again.
    const ALONE: bool;

    /// The journal.
    fn journal(&self) -> &dyn Journal;
    /// Ends the journal and opens it again on what it has stored.
    async fn reopen(&mut self);
    /// Ends the journal.
    async fn close(&self);
}

/// A journal in a directory that goes away with it.
struct Sqlite {
    journal: Option<SqliteJournal>,
    directory: TempDir,
}

impl Sqlite {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(directory.path().join("journal.db"), patient()).unwrap();
        Self { journal: Some(journal), directory }
    }
}

impl Store for Sqlite {
    const ALONE: bool = true;

    fn journal(&self) -> &dyn Journal {
        self.journal.as_ref().unwrap()
    }

    async fn reopen(&mut self) {
        drop(self.journal.take());
        let path = self.directory.path().join("journal.db");
        self.journal = Some(SqliteJournal::open(path, patient()).unwrap());
    }

    async fn close(&self) {
        self.journal.as_ref().unwrap().close().await;
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
