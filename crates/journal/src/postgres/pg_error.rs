use std::error::Error as _;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::JournalError;

/// The class of an error of PostgreSQL or of its client library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PgError {
    /// No server answers, or the connection is lost.
    Unreachable,
    /// The server is starting or shutting down.
    Restarting,
    /// The TLS handshake failed.
    Tls,
    /// The user or the password is wrong, or this client may not log in.
    Login,
    /// The database does not exist.
    NoDatabase,
    /// The user lacks a right.
    NoRight,
    /// The server accepts no writes.
    ReadOnly,
    /// The volume of the server is full.
    DiskFull,
    /// The server is out of memory.
    NoMemory,
    /// The server accepts no more connections.
    NoConnection,
    /// A statement took too long, or waited too long for a lock.
    Slow,
    /// The tables of the journal do not exist.
    NoSchema,
    /// The statement itself cannot be executed; the server works.
    Statement,
    /// Another error.
    Other,
}

/// The class of an error.
pub(super) fn classify(error: &Error) -> PgError {
    let Some(code) = error.code() else { return classify_client(error) };
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

/// The class of an error that did not come from the server. The client library hides the kind of its errors, so their
/// text decides.
fn classify_client(error: &Error) -> PgError {
    match error.source().map(ToString::to_string).as_deref() {
        // The client library asks each server whether it accepts writes.
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

/// The cause in a sentence for the operator.
fn reason(class: PgError) -> &'static str {
    match class {
        PgError::Unreachable => "PostgreSQL cannot be reached",
        PgError::Restarting => "PostgreSQL is starting or shutting down",
        PgError::Tls => "the TLS handshake with PostgreSQL failed",
        PgError::Login => "PostgreSQL rejected the login",
        PgError::NoDatabase => "the database does not exist",
        PgError::NoRight => "the user of PostgreSQL lacks a right",
        PgError::ReadOnly => "PostgreSQL is read-only (a standby?)",
        PgError::DiskFull => "the disk of PostgreSQL is full",
        PgError::NoMemory => "PostgreSQL is out of memory",
        PgError::NoConnection => "PostgreSQL is out of connections",
        PgError::Slow => "PostgreSQL cancelled a statement that took too long: the store is too slow",
        PgError::NoSchema => "the tables of the journal do not exist",
        PgError::Statement => "PostgreSQL rejected a value",
        PgError::Other => "PostgreSQL rejected a statement",
    }
}

/// The class of an error that this store made.
fn class_of(error: &JournalError) -> Option<PgError> {
    let JournalError::Unavailable { source, .. } = error else { return None };
    source.as_deref()?.downcast_ref::<Error>().map(classify)
}

/// Whether the cause is the statement itself, so that others may succeed.
pub(super) fn is_of_statement(error: &JournalError) -> bool {
    class_of(error) == Some(PgError::Statement)
}

/// Whether other connections to the same server are useless too.
pub(super) fn is_of_server(error: &JournalError) -> bool {
    match error {
        JournalError::Unavailable { source: None, .. } => true,
        error => class_of(error).is_some_and(|class| {
            matches!(class, PgError::Unreachable | PgError::Restarting | PgError::ReadOnly)
        }),
    }
}

/// Makes the same error for each caller of a commit.
pub(super) fn shared(error: JournalError) -> impl Fn() -> JournalError {
    let (reason, source) = match error {
        JournalError::Unavailable { reason, source } => (reason, source),
        other => (other.to_string(), None),
    };
    let source = source.map(Arc::<dyn std::error::Error + Send + Sync>::from);
    move || match &source {
        Some(source) => JournalError::unavailable(reason.clone(), Box::new(Arc::clone(source))),
        None => JournalError::unavailable_because(reason.clone()),
    }
}

impl From<Error> for JournalError {
    fn from(error: Error) -> Self {
        Self::unavailable(reason(classify(&error)), error)
    }
}

impl From<PoolError> for JournalError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => Self::unavailable_because("it is closed"),
            other => Self::unavailable("there is no connection to PostgreSQL", other),
        }
    }
}

/// The error of a column with another type than in the schema: the tables were changed from outside.
pub(super) fn corrupt(error: &Error) -> JournalError {
    let detail = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    JournalError::Corrupt { reason: format!("{error}{detail}") }
}
