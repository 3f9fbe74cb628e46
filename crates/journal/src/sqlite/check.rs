//! Checks the file of a journal for damage, also while a program has it open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::file::OpenError;
use super::schema::{self, SchemaError};

/// The problems that are listed. The first ones show where the file is damaged.
const MAX_PROBLEMS: usize = 20;
/// How long a statement waits for a lock of the program that has the journal open.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The content of a journal that is not damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckReport {
    /// The version of the schema. The program migrates an older one when it opens the journal.
    pub schema: i64,
    /// The deliveries of which more than the key is left.
    pub deliveries: u64,
    /// Those of them that are not settled yet.
    pub unsettled: u64,
    /// The size of the file without its log, in bytes.
    pub bytes: u64,
}

/// Why a journal is not in order. Each message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is no such file.
    #[error("the journal {path} does not exist: name the file with --journal sqlite:PATH")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read, or is no journal.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite finds damage.
    #[error(
        "the journal {path} is damaged: stop the program and restore a backup; `sqlite3 FILE .recover` may save the \
         content. Found: {}",
        problems.join("; ")
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first problems, as SQLite describes them.
        problems: Vec<String>,
    },
}

/// Reads the whole file and checks its structure, its indexes and its references. Takes time in proportion to its size.
/// Changes nothing, and a program that has the journal open continues meanwhile.
///
/// # Errors
///
/// There is no such journal, it cannot be read, or it is damaged.
pub fn check(path: &Path) -> Result<CheckReport, CheckError> {
    let store = open(path)?;
    let error = |error| store_error(path, error);
    let problems = problems(&store).map_err(error)?;
    if !problems.is_empty() {
        return Err(CheckError::Damaged { path: path.to_owned(), problems });
    }
    let schema = schema::version(&store).map_err(|error| schema_error(path, error))?;
    // Version 1 has no tiers: all its deliveries are whole.
    let whole = if has_column(&store, "tier").map_err(error)? { "tier < 2" } else { "true" };
    let count = |condition: &str| -> Result<u64, CheckError> {
        let text = format!("SELECT count(*) FROM deliveries WHERE {whole} AND {condition}");
        let count: i64 = store.query_row(&text, [], |row| row.get(0)).map_err(error)?;
        Ok(count.unsigned_abs())
    };
    let pages = |what| store.pragma_query_value(None, what, |row| row.get::<_, i64>(0)).map_err(error);
    Ok(CheckReport {
        schema,
        deliveries: count("true")?,
        unsettled: count("ready_at IS NOT NULL")?,
        bytes: pages("page_count")?.unsigned_abs() * pages("page_size")?.unsigned_abs(),
    })
}

/// Opens an existing journal for reading.
pub(super) fn open(path: &Path) -> Result<Connection, CheckError> {
    if !path.is_file() {
        return Err(CheckError::Missing { path: path.to_owned() });
    }
    let error = |error| store_error(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let store = Connection::open_with_flags(path, flags).map_err(error)?;
    store.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    // The container image has no writable directory for temporary files.
    store.pragma_update(None, "temp_store", "memory").map_err(error)?;
    schema::version(&store).map_err(|error| schema_error(path, error))?;
    Ok(store)
}

/// What SQLite finds wrong. Empty for a sound file.
fn problems(store: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    store.pragma(None, "integrity_check", i64::try_from(MAX_PROBLEMS).unwrap_or(i64::MAX), |row| {
        let text: String = row.get(0)?;
        if text != "ok" {
            found.push(text);
        }
        Ok(())
    })?;
    store.pragma_query(None, "foreign_key_check", |row| {
        if found.len() < MAX_PROBLEMS {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            found.push(format!("a row of {table} refers to none of {parent}"));
        }
        Ok(())
    })?;
    Ok(found)
}

fn has_column(store: &Connection, name: &str) -> rusqlite::Result<bool> {
    let text = "SELECT count(*) > 0 FROM pragma_table_info('deliveries') WHERE name = ?1";
    store.query_row(text, [name], |row| row.get(0))
}

fn schema_error(path: &Path, error: SchemaError) -> CheckError {
    let path = path.to_owned();
    CheckError::Open(match error {
        SchemaError::Newer { found, known } => OpenError::Newer { path, found, known },
        SchemaError::Foreign => OpenError::NotAJournal { path, source: None },
        SchemaError::Store(error) => return store_error(&path, error),
    })
}

pub(super) fn store_error(path: &Path, error: rusqlite::Error) -> CheckError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => {
            CheckError::Damaged { path: path.to_owned(), problems: vec![error.to_string()] }
        }
        _ => CheckError::Open(super::file::store_error(path, error)),
    }
}
