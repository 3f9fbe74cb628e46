use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tracing::{error, warn};

use super::claim;
use super::lock::{self, Lock, LockError};
use super::log_tail::{self, Dropped};
use super::schema::{self, SchemaError};

/// The size to which the log is truncated after a checkpoint, if it has grown beyond it (under a long reader).
const LOG_BYTES: i64 = 64 << 20;

/// Prepared statements cached by a connection: more than there are.
const STATEMENTS: usize = 48;

/// Why the file of a journal cannot be opened. Each message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory of the file does not exist.
    #[error(
        "the directory of the journal {path} does not exist: create it, or check that its volume is mounted"
    )]
    NoDirectory {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the journal open, or another journal in this process.
    #[error(
        "the journal {path} is in use by {}: stop it, or give each process a journal of its own (the lock \
         is on {lock})",
        holder.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The file that is locked.
        lock: PathBuf,
        /// The id of the process that holds the lock, where it could be read.
        holder: Option<u32>,
    },
    /// The file has other names. A process that opened it by one of them would use another log and another lock.
    #[error("the journal {path} has {links} names (hard links): remove the others, or copy the file")]
    Linked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// The file or its directory cannot be written.
    #[error(
        "the journal {path} cannot be written: make the file and its directory writable for this user, and \
         the volume not read-only"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// The system's error, if there is one.
        #[source]
        source: Option<io::Error>,
    },
    /// A newer version of this program has migrated the file.
    #[error(
        "the journal {path} has schema version {found}, and this program reads versions up to {known}: run \
         the newer program again, or start with another file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The newest version that this program reads.
        known: i64,
    },
    /// The file belongs to another program.
    #[error("{path} is not a journal of this program: name another file, or move this one away")]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// SQLite's error, if the file is not a database.
        #[source]
        source: Option<rusqlite::Error>,
    },
    /// The file is a damaged journal.
    #[error(
        "the journal {path} is damaged: move it and the -wal file beside it away and start with an empty \
         one, or restore a copy; `sqlite3 FILE .recover` may save its content"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// The file cannot be opened for another reason.
    #[error("the journal {path} cannot be opened: check the file, its directory and its volume")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot work with the file for another reason.
    #[error("the journal {path} cannot be used: check the file and the space on its volume")]
    Store {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
}

/// The file, and how to open a connection to it.
#[derive(Debug, Clone)]
pub(super) struct StoreFile {
    pub(super) path: PathBuf,
    /// How long a statement waits for a lock that another program holds.
    pub(super) busy_timeout: Duration,
}

/// Locks the file, creates it if there is none, migrates its schema, and ends the claims of earlier processes.
pub(super) fn prepare(file: &StoreFile) -> Result<(Lock, Connection), OpenError> {
    let path = &file.path;
    if !directory(path).is_dir() {
        return Err(OpenError::NoDirectory { path: path.clone() });
    }
    let beside = lock::path_beside(path);
    let lock = Lock::take(&beside).map_err(|error| match error {
        LockError::Held(holder) => OpenError::Locked { path: path.clone(), lock: beside, holder },
        LockError::Io(error) => file_error(path, error),
    })?;
    let journal = create(path)?;
    let lock = lock.with_journal(journal).map_err(|error| match error {
        LockError::Held(holder) => OpenError::Locked { path: path.clone(), lock: path.clone(), holder },
        LockError::Io(error) => file_error(path, error),
    })?;
    let links = fs::metadata(path).map_err(|error| file_error(path, error))?.nlink();
    if links > 1 {
        return Err(OpenError::Linked { path: path.clone(), links });
    }
    report_dropped(path);
    let mut writer = file.writer().map_err(|error| store_error(path, error))?;
    schema::migrate(&mut writer).map_err(|error| match error {
        SchemaError::Newer { found, known } => OpenError::Newer { path: path.clone(), found, known },
        SchemaError::Foreign => OpenError::NotAJournal { path: path.clone(), source: None },
        SchemaError::Store(error) => store_error(path, error),
    })?;
    claim::release_all(&writer, Timestamp::now()).map_err(|error| store_error(path, error))?;
    Ok((lock, writer))
}

impl StoreFile {
    /// A connection that writes. A commit on it returns after the log has reached the disk.
    pub(super) fn writer(&self) -> rusqlite::Result<Connection> {
        // Without CREATE: `create` has made the file, and a file that disappears later has to be an error.
        let store = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
        store.pragma_update(None, "synchronous", "full")?;
        // On macOS fsync does not reach the disk; this selects the call that does.
        store.pragma_update(None, "fullfsync", true)?;
        store.pragma_update(None, "checkpoint_fullfsync", true)?;
        store.pragma_update(None, "foreign_keys", true)?;
        store.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        Ok(store)
    }

    /// A connection that only reads.
    pub(super) fn reader(&self) -> rusqlite::Result<Connection> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn connect(&self, access: OpenFlags) -> rusqlite::Result<Connection> {
        // A connection stays on its thread, so SQLite's own locking of it is not needed.
        let store = Connection::open_with_flags(&self.path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        store.busy_timeout(self.busy_timeout)?;
        // Without it SQLite plans by the values of parameters (that of LIMIT, for one) and plans a statement again
        // whenever one changes: a cached statement would be prepared for each claim.
        store.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        store.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(store)
    }
}

/// Only the owner may read the journal: bodies may hold private code. SQLite gives the files beside it the same mode.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn private(_options: &mut OpenOptions) {}

/// Creates the file if there is none, checks that it is writable, and makes its name survive a crash.
fn create(path: &Path) -> Result<File, OpenError> {
    if fs::metadata(path).is_ok_and(|file| file.permissions().readonly()) {
        // Checked here because root could write it nevertheless.
        return Err(OpenError::ReadOnly { path: path.to_owned(), source: None });
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let create = || {
        let file = options.open(path)?;
        file.sync_all()?;
        File::open(directory(path))?.sync_all()?;
        Ok(file)
    };
    create().map_err(|error| file_error(path, error))
}

/// The one path of a file that links lead to, for the lock and the log beside it. A file that does not exist yet keeps
/// its name.
pub(super) fn canonical(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or_else(|_| match (fs::canonicalize(directory(&path)), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path,
    })
}

/// Logs the commits that SQLite drops from the log when it opens the file.
fn report_dropped(path: &Path) {
    let mut log = OsString::from(path);
    log.push("-wal");
    let journal = path.display();
    match log_tail::dropped(Path::new(&log)) {
        Ok(Dropped { commits: 0, .. }) => {}
        Ok(Dropped { commits: 1, bytes }) => warn!(
            %journal, bytes,
            "the last commit in the log of the journal cannot be read: if the machine lost power while it was written, it \
             was not acknowledged; else the -wal file is damaged"
        ),
        Ok(Dropped { commits, bytes }) => error!(
            %journal, commits, bytes,
            "the -wal file of the journal is damaged: these commits are lost; see the runbook journal-failing"
        ),
        Err(error) => warn!(%journal, %error, "the log of the journal cannot be checked"),
    }
}

pub(super) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn file_error(path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path, source: Some(error) }
        }
        _ => OpenError::Io { path, source: error },
    }
}

pub(super) fn store_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAJournal { path, source: Some(error) },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, source: error },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::ReadOnly { path, source: Some(io::Error::other(error)) }
        }
        _ => OpenError::Store { path, source: error },
    }
}
