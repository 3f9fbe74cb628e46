use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

use crate::JournalError;

/// How far the cause of a failed statement reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The statement itself cannot be executed; the store works.
    Statement,
    /// The store accepts no writes at the moment; the connection works.
    Store,
    /// The connection may be out of step with the file. A new one is needed.
    Connection,
}

/// The scope of an error.
pub(super) fn scope(error: &Error) -> Scope {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange,
        )
        // Not from SQLite: a value that does not convert, a missing row.
        | None => Scope::Statement,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => Scope::Store,
        Some(_) => Scope::Connection,
    }
}

/// The cause in a sentence for the operator.
fn reason(error: &Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the volume of the journal is full",
        Some(ErrorCode::SystemIoFailure) => "the file of the journal cannot be read or written",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the file of the journal is damaged",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program locks the file of the journal"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the file of the journal became read-only",
        Some(ErrorCode::CannotOpen) => "the file of the journal cannot be opened",
        Some(ErrorCode::OutOfMemory) => "there is not enough memory",
        _ => "SQLite rejected a statement",
    }
}

/// The error of a commit, for one of its callers.
pub(super) fn unavailable(error: &Arc<Error>) -> JournalError {
    JournalError::unavailable(reason(error), Arc::clone(error))
}

impl From<Error> for JournalError {
    fn from(error: Error) -> Self {
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Corrupt { reason: error.to_string() },
            error => unavailable(&Arc::new(error)),
        }
    }
}
