use std::sync::Arc;

use crate::{Address, Journal, SqliteJournal, sqlite};

/// Why a journal cannot be used. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A journal in a SQLite file.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    /// PostgreSQL is not spoken yet.
    #[error("a journal in PostgreSQL is not supported yet: use sqlite:PATH")]
    NoPostgres,
}

/// Opens the journal at `address`, and creates what is missing there.
pub async fn open(address: &Address) -> Result<Arc<dyn Journal>, OpenError> {
    match address {
        Address::Sqlite(path) => Ok(Arc::new(SqliteJournal::open(path, sqlite::Options::default())?)),
        Address::Postgres(_) => Err(OpenError::NoPostgres),
    }
}
