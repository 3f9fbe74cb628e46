use std::error::Error as _;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::JournalError;

/// What a failed call tells about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PgError {
    /// Nobody answers, or the connection broke.
    Unreachable,
    /// The server is starting or ending.
    Restarting,
    /// No connection under TLS came about.
    Tls,
    /// User or password are wrong, or this client may not log in.
    Login,
    /// There is no such database.
    NoDatabase,
    /// The user lacks a right.
    NoRight,
    /// Nothing can be written.
    ReadOnly,
    /// There is no space left on its volume.
    DiskFull,
    /// It is out of memory.
    NoMemory,
    /// It takes no more connections.
    NoConnection,
    /// A statement took too long, or waited too long for a lock.
    Slow,
    /// Our tables are gone.
    NoSchema,
    /// The statement itself cannot be carried out; the server is well.
    Statement,
    /// Something else.
    Other,
}

/// What is the matter.
pub(super) fn trouble(error: &Error) -> PgError {
    let Some(code) = error.code() else { return trouble_of_client(error) };
    match code {
        &SqlState::INVALID_CATALOG_NAME => PgError::NoDatabase,
        &SqlState::INSUFFICIENT_PRIVILEGE => PgError::NoRight,
        &SqlState::READ_ONLY_SQL_TRANSACTION => PgError::ReadOnly,
        &SqlState::DISK_FULL => PgError::DiskFull,
        &SqlState::OUT_OF_MEMORY => PgError::NoMemory,
        &SqlState::TOO_MANY_CONNECTIONS => PgError::NoConnection,
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED => {
            PgError::Slow
        }
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => PgError::NoSchema,
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
            PgError::Restarting
        }
        // Classes of codes, see appendix A of PostgreSQL's manual.
        other => match other.code().get(..2) {
            Some("08") => PgError::Unreachable,
            Some("28") => PgError::Login,
            // Data, constraints, triggers, limits of a statement.
            Some("22" | "23" | "54" | "P0") => PgError::Statement,
            _ => PgError::Other,
        },
    }
}

/// What is the matter if it was not the server that said so. The client hides the kind of its errors, so
/// that it has to be told from what they say.
fn trouble_of_client(error: &Error) -> PgError {
    match error.source().map(ToString::to_string).as_deref() {
        // The client asks each server whether it takes writes.
        Some("database does not allow writes") => return PgError::ReadOnly,
        Some("password missing") => return PgError::Login,
        _ => {}
    }
    match error.to_string().as_str() {
        "error performing TLS handshake" => PgError::Tls,
        "authentication error" => PgError::Login,
        "error communicating with the server"
        | "connection closed"
        | "error connecting to server"
        | "timeout waiting for server" => PgError::Unreachable,
        text if text.starts_with("error serializing parameter") => PgError::Statement,
        _ => PgError::Other,
    }
}

/// The trouble in words for an operator.
fn reason(trouble: PgError) -> &'static str {
    match trouble {
        PgError::Unreachable => "PostgreSQL cannot be reached",
        PgError::Restarting => "PostgreSQL is starting or shutting down",
        PgError::Tls => "no connection to PostgreSQL under TLS comes about",
        PgError::Login => "PostgreSQL refused the login",
        PgError::NoDatabase => "the database does not exist",
        PgError::NoRight => "the user of PostgreSQL lacks a right",
        PgError::ReadOnly => "PostgreSQL is read-only (a standby?)",
        PgError::DiskFull => "the disk of PostgreSQL is full",
        PgError::NoMemory => "PostgreSQL is out of memory",
        PgError::NoConnection => "PostgreSQL is out of connections",
        PgError::Slow => "PostgreSQL gave up a statement that took too long: the store is too slow",
        PgError::NoSchema => "the tables of the journal are gone",
        PgError::Statement => "PostgreSQL refused an entry",
        PgError::Other => "PostgreSQL refused a statement",
    }
}

/// The trouble of an error that was made by this store.
fn trouble_of(error: &JournalError) -> Option<PgError> {
    let JournalError::Unavailable { source, .. } = error else { return None };
    source.as_deref()?.downcast_ref::<Error>().map(trouble)
}

/// Whether the call itself cannot be carried out, so that others may be.
pub(super) fn is_of_statement(error: &JournalError) -> bool {
    trouble_of(error) == Some(PgError::Statement)
}

/// Whether other connections to the same server are not worth keeping either.
pub(super) fn is_of_server(error: &JournalError) -> bool {
    match error {
        JournalError::Unavailable { source: None, .. } => true,
        error => trouble_of(error).is_some_and(|trouble| {
            matches!(trouble, PgError::Unreachable | PgError::Restarting | PgError::ReadOnly)
        }),
    }
}

/// The same error for each of those who waited for the same commit.
pub(super) fn shared(error: JournalError) -> impl Fn() -> JournalError {
    let (reason, source) = match error {
        JournalError::Unavailable { reason, source } => (reason, source),
        other => (other.to_string(), None),
    };
    let source = source.map(Arc::<dyn std::error::Error + Send + Sync>::from);
    move || match &source {
        Some(source) => JournalError::unavailable(reason.clone(), Box::new(Arc::clone(source))),
        None => JournalError::refused(reason.clone()),
    }
}

impl From<Error> for JournalError {
    fn from(error: Error) -> Self {
        Self::unavailable(reason(trouble(&error)), error)
    }
}

impl From<PoolError> for JournalError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => Self::refused("it is closed"),
            other => Self::unavailable("there is no connection to PostgreSQL", other),
        }
    }
}

/// A column does not hold what its type says: somebody has changed the tables.
pub(super) fn corrupt(error: &Error) -> JournalError {
    let detail = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    JournalError::Corrupt { reason: format!("{error}{detail}") }
}
