use std::env;
use std::sync::Arc;

use crate::{Address, Journal, PostgresJournal, Settings, SqliteJournal, postgres, sqlite};

/// The variable in which PostgreSQL's own programs look for a password that the address omits.
const PASSWORD_VARIABLE: &str = "PGPASSWORD";

/// Why a journal cannot be opened. Each message names the remedy.
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

/// Opens the journal at `address`, creates it if it does not exist, and migrates its schema.
///
/// If a PostgreSQL address has no password, the variable `PGPASSWORD` supplies it.
pub async fn open(address: &Address) -> Result<Arc<dyn Journal>, OpenError> {
    open_with(address, Settings::default()).await
}

/// As [`open()`], with settings.
pub async fn open_with(address: &Address, settings: Settings) -> Result<Arc<dyn Journal>, OpenError> {
    match address {
        Address::Sqlite(path) => {
            let options = sqlite::Options { settings, ..Default::default() };
            Ok(Arc::new(SqliteJournal::open(path, options)?))
        }
        Address::Postgres(url) => {
            let options = postgres::Options {
                password: env::var(PASSWORD_VARIABLE).ok(),
                tenant_quota: settings.tenant_quota,
                ..Default::default()
            };
            // The future is large, and most journals are SQLite files.
            Ok(Arc::new(Box::pin(PostgresJournal::open(url, options)).await?))
        }
    }
}
