use std::error::Error as _;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::JournalError;

/// What a failed call tells about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
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
pub(super) fn trouble(error: &Error) -> Trouble {
    let Some(code) = error.code() else { return trouble_of_client(error) };
    match code {
        &SqlState::INVALID_CATALOG_NAME => Trouble::NoDatabase,
        &SqlState::INSUFFICIENT_PRIVILEGE => Trouble::NoRight,
        &SqlState::READ_ONLY_SQL_TRANSACTION => Trouble::ReadOnly,
        &SqlState::DISK_FULL => Trouble::DiskFull,
        &SqlState::OUT_OF_MEMORY => Trouble::NoMemory,
        &SqlState::TOO_MANY_CONNECTIONS => Trouble::NoConnection,
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED => {
            Trouble::Slow
        }
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => Trouble::NoSchema,
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
            Trouble::Restarting
        }
        // Classes of codes, see appendix A of PostgreSQL's manual.
        other => match other.code().get(..2) {
            Some("08") => Trouble::Unreachable,
            Some("28") => Trouble::Login,
            // Data, constraints, triggers, limits of a statement.
            Some("22" | "23" | "54" | "P0") => Trouble::Statement,
            _ => Trouble::Other,
        },
    }
}

/// What is the matter if it was not the server that said so. The client hides the kind of its errors, so
/// that it has to be told from what they say.
fn trouble_of_client(error: &Error) -> Trouble {
    match error.source().map(ToString::to_string).as_deref() {
        // The client asks each server whether it takes writes.
        Some("database does not allow writes") => return Trouble::ReadOnly,
        Some("password missing") => return Trouble::Login,
        _ => {}
    }
    match error.to_string().as_str() {
        "error performing TLS handshake" => Trouble::Tls,
        "authentication error" => Trouble::Login,
        "error communicating with the server"
        | "connection closed"
        | "error connecting to server"
        | "timeout waiting for server" => Trouble::Unreachable,
        text if text.starts_with("error serializing parameter") => Trouble::Statement,
        _ => Trouble::Other,
    }
}

/// The trouble in words for an operator.
fn reason(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Unreachable => "PostgreSQL cannot be reached",
        Trouble::Restarting => "PostgreSQL is starting or shutting down",
        Trouble::Tls => "no connection to PostgreSQL under TLS comes about",
        Trouble::Login => "PostgreSQL refused the login",
        Trouble::NoDatabase => "the database does not exist",
        Trouble::NoRight => "the user of PostgreSQL lacks a right",
        Trouble::ReadOnly => "PostgreSQL is read-only (a standby?)",
        Trouble::DiskFull => "the disk of PostgreSQL is full",
        Trouble::NoMemory => "PostgreSQL is out of memory",
        Trouble::NoConnection => "PostgreSQL is out of connections",
        Trouble::Slow => "PostgreSQL gave up a statement that took too long: the store is too slow",
        Trouble::NoSchema => "the tables of the journal are gone",
        Trouble::Statement => "PostgreSQL refused an entry",
        Trouble::Other => "PostgreSQL refused a statement",
    }
}

/// The trouble of an error that was made by this store.
fn trouble_of(error: &JournalError) -> Option<Trouble> {
    let JournalError::Unavailable { source, .. } = error else { return None };
    source.as_deref()?.downcast_ref::<Error>().map(trouble)
}

/// Whether the call itself cannot be carried out, so that others may be.
pub(super) fn is_of_statement(error: &JournalError) -> bool {
    trouble_of(error) == Some(Trouble::Statement)
}

/// Whether other connections to the same server are not worth keeping either.
pub(super) fn is_of_server(error: &JournalError) -> bool {
    match error {
        JournalError::Unavailable { source: None, .. } => true,
        error => trouble_of(error).is_some_and(|trouble| {
            matches!(trouble, Trouble::Unreachable | Trouble::Restarting | Trouble::ReadOnly)
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
