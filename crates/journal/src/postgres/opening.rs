use std::error::Error;

use deadpool_postgres::PoolError;

use super::pg_error::{PgError, classify};
use super::schema::{SCHEMA, SchemaError};

/// Why the database of a journal cannot be opened. Each message names the remedy, and none shows the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address cannot be parsed.
    #[error("the address of the journal {address} cannot be used: {reason}")]
    Address {
        /// The address without its password.
        address: String,
        /// The reason, in a sentence.
        reason: String,
    },
    /// No certificate authority is known.
    #[error(
        "the server of the journal {address} cannot be verified, {reason}: name the authority's file with \
         sslrootcert"
    )]
    Authorities {
        /// The address without its password.
        address: String,
        /// The reason, in a sentence.
        reason: String,
    },
    /// No server answers.
    #[error(
        "the PostgreSQL server of the journal {address} cannot be reached: check that it runs, and host and port"
    )]
    Unreachable {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The TLS handshake failed.
    #[error(
        "the TLS handshake with the server of the journal {address} failed: check that the server offers TLS, that \
         its certificate has the name in the address, and sslrootcert"
    )]
    Tls {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server rejects the login.
    #[error(
        "PostgreSQL rejects the login to the journal {address}: check the user, the password (in the address or \
         in PGPASSWORD) and pg_hba.conf"
    )]
    Login {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database does not exist.
    #[error("the database of the journal {address} does not exist: create it, empty")]
    NoDatabase {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The user may not create or use the schema of the journal.
    #[error(
        "the user of the journal {address} lacks a right: grant it CREATE on the database, or make it the owner \
         of a schema {SCHEMA}"
    )]
    NoRight {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server accepts no writes.
    #[error(
        "the PostgreSQL server of the journal {address} is read-only: name the primary, or all of its servers"
    )]
    ReadOnly {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A newer version of this program has migrated the schema.
    #[error(
        "the journal {address} has schema version {found}, and this program reads versions up to {known}: run \
         the newer program again, or start with another database"
    )]
    Newer {
        /// The address without its password.
        address: String,
        /// The version of the schema.
        found: i64,
        /// The newest version that this program reads.
        known: i64,
    },
    /// The schema belongs to another program.
    #[error(
        "the schema {SCHEMA} in {address} is not a journal of this program: name another database, or rename \
         the schema"
    )]
    NotAJournal {
        /// The address without its password.
        address: String,
    },
    /// PostgreSQL fails for another reason.
    #[error("the journal {address} cannot be opened: see the error of PostgreSQL, and its log")]
    Store {
        /// The address without its password.
        address: String,
        /// The error of the client library.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The error of a connection that failed, or of a statement on it.
pub(super) fn connection_error(address: &str, error: tokio_postgres::Error) -> OpenError {
    let address = address.to_owned();
    match classify(&error) {
        PgError::Unreachable | PgError::Restarting => {
            OpenError::Unreachable { address, source: Some(error.into()) }
        }
        PgError::Tls => OpenError::Tls { address, source: error },
        PgError::Login => OpenError::Login { address, source: error },
        PgError::NoDatabase => OpenError::NoDatabase { address, source: error },
        PgError::NoRight => OpenError::NoRight { address, source: error },
        PgError::ReadOnly => OpenError::ReadOnly { address, source: error },
        _ => OpenError::Store { address, source: error.into() },
    }
}

pub(super) fn pool_error(address: &str, error: PoolError) -> OpenError {
    match error {
        PoolError::Backend(error) => connection_error(address, error),
        other => OpenError::Store { address: address.to_owned(), source: other.into() },
    }
}

pub(super) fn schema_error(address: &str, error: SchemaError) -> OpenError {
    match error {
        SchemaError::Newer { found, known } => OpenError::Newer { address: address.to_owned(), found, known },
        SchemaError::Foreign => OpenError::NotAJournal { address: address.to_owned() },
        SchemaError::Store(error) => connection_error(address, error),
    }
}
