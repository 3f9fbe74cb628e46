use std::env;
use std::sync::Arc;

use crate::{Address, Journal, PostgresJournal, SqliteJournal, postgres, sqlite};

/// Where PostgreSQL's own programs look for the password that an address does not have.
const PASSWORD: &str = "PGPASSWORD";

/// Why a journal cannot be used. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A journal in a SQLite file.
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    /// A journal in a PostgreSQL database.
    #[error(transparent)]
    Postgres(#[from] postgres::OpenError),
}

/// Opens the journal at `address`, and creates what is missing there.
///
/// The password of an address of PostgreSQL that has none is taken from the environment, `PGPASSWORD`.
pub async fn open(address: &Address) -> Result<Arc<dyn Journal>, OpenError> {
    match address {
        Address::Sqlite(path) => Ok(Arc::new(SqliteJournal::open(path, sqlite::Options::default())?)),
        Address::Postgres(url) => {
            let options = postgres::Options { password: env::var(PASSWORD).ok(), ..Default::default() };
            // Its future is large, and most callers never come here.
            Ok(Arc::new(Box::pin(PostgresJournal::open(url, options)).await?))
        }
    }
}
