use std::error::Error;

use deadpool_postgres::PoolError;

use super::pg_error::{PgError, trouble};
use super::schema::{Mismatch, SCHEMA};

/// Why the database of a journal cannot be used. Each message says what to do about it, and none shows the
/// password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address cannot be understood.
    #[error("the address of the journal {place} cannot be used: {reason}")]
    Address {
        /// The address without its password.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no certificate authority by which to know the server.
    #[error(
        "the server of the journal {place} cannot be verified, {reason}: name the authority's file with \
         sslrootcert"
    )]
    Authorities {
        /// The address without its password.
        place: String,
        /// What is the matter.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "the PostgreSQL server of the journal {place} cannot be reached: check that it runs, and host and port"
    )]
    Unreachable {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// No connection under TLS came about.
    #[error(
        "no connection under TLS to the journal {place} comes about: check that the server offers TLS, that \
         its certificate bears the name in the address, and sslrootcert"
    )]
    Tls {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server does not let us in.
    #[error(
        "PostgreSQL refuses the login to the journal {place}: check the user, the password (in the address or \
         in PGPASSWORD) and pg_hba.conf"
    )]
    Login {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: tokio_postgres::Error,
    },
    /// There is no such database.
    #[error("the database of the journal {place} does not exist: create it, empty")]
    NoDatabase {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The user may not create or use our schema.
    #[error(
        "the user of the journal {place} lacks a right: grant it CREATE on the database, or make it the owner \
         of a schema {SCHEMA}"
    )]
    NoRight {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server takes no writes.
    #[error(
        "the PostgreSQL server of the journal {place} is read-only: name the primary, or all of its servers"
    )]
    ReadOnly {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A later version of this program has been there.
    #[error(
        "the journal {place} has schema version {found}, and this program knows versions up to {known}: run \
         the newer program again, or start with another database"
    )]
    Newer {
        /// The address without its password.
        place: String,
        /// The version of the schema.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The schema is something else.
    #[error(
        "the schema {SCHEMA} in {place} is not a journal of this program: name another database, or rename \
         the schema"
    )]
    NotAJournal {
        /// The address without its password.
        place: String,
    },
    /// PostgreSQL cannot be worked with for another reason.
    #[error("the journal {place} cannot be used: see what PostgreSQL says and its log")]
    Store {
        /// The address without its password.
        place: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What went wrong while a connection was made or used.
pub(super) fn refuse(place: &str, error: tokio_postgres::Error) -> OpenError {
    let place = place.to_owned();
    match trouble(&error) {
        PgError::Unreachable | PgError::Restarting => {
            OpenError::Unreachable { place, source: Some(error.into()) }
        }
        PgError::Tls => OpenError::Tls { place, source: error },
        PgError::Login => OpenError::Login { place, source: error },
        PgError::NoDatabase => OpenError::NoDatabase { place, source: error },
        PgError::NoRight => OpenError::NoRight { place, source: error },
        PgError::ReadOnly => OpenError::ReadOnly { place, source: error },
        _ => OpenError::Store { place, source: error.into() },
    }
}

pub(super) fn refuse_pool(place: &str, error: PoolError) -> OpenError {
    match error {
        PoolError::Backend(error) => refuse(place, error),
        other => OpenError::Store { place: place.to_owned(), source: other.into() },
    }
}

pub(super) fn refuse_schema(place: &str, mismatch: Mismatch) -> OpenError {
    match mismatch {
        Mismatch::Newer { found, known } => OpenError::Newer { place: place.to_owned(), found, known },
        Mismatch::Foreign => OpenError::NotAJournal { place: place.to_owned() },
        Mismatch::Store(error) => refuse(place, error),
    }
}
