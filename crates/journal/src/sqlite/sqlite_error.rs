use std::sync::Arc;

use rusqlite::{Error, ErrorCode};

use crate::JournalError;

/// What a failed statement tells about the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The statement itself cannot be carried out; the store is well.
    Statement,
    /// Nothing can be written at the moment. The connection is well.
    Moment,
    /// The connection may have lost touch with the file. A fresh one is needed.
    Connection,
}

/// How far the trouble reaches.
pub(super) fn scope(error: &Error) -> Scope {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange,
        )
        // Not from SQLite: a value that does not fit, a row that is missing.
        | None => Scope::Statement,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => Scope::Moment,
        Some(_) => Scope::Connection,
    }
}

/// The trouble in words for an operator.
fn reason(error: &Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the volume of the journal is full",
        Some(ErrorCode::SystemIoFailure) => "the file of the journal cannot be read or written",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the file of the journal is damaged",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the file of the journal"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the file of the journal became read-only",
        Some(ErrorCode::CannotOpen) => "the file of the journal cannot be opened",
        Some(ErrorCode::OutOfMemory) => "there is not enough memory",
        _ => "SQLite refused a statement",
    }
}

/// One error for each of those who wait for the same commit.
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
