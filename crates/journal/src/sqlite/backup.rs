//! Copies a journal into another file, also while a program has it open.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::check::{self, CheckError, CheckReport, check};
use super::{file, space};

/// The space to leave on the volume of the copy, which may be that of the journal: without it, the copy could stop the
/// program.
const LEAVE_FREE: u64 = 64 << 20;

/// Why a journal cannot be copied. Each message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The journal is not in order.
    #[error(transparent)]
    Journal(#[from] CheckError),
    /// The file of the copy exists.
    #[error("{path} exists and is not overwritten: remove it, or name another file")]
    Exists {
        /// The file of the copy.
        path: PathBuf,
    },
    /// The volume of the copy has too little space.
    #[error(
        "the volume of {path} has {free} bytes free, and a copy needs up to {needed}, with some left for the program: name \
         a file on another volume"
    )]
    Space {
        /// The file of the copy.
        path: PathBuf,
        /// The free space, in bytes.
        free: u64,
        /// The space that the copy may need, in bytes.
        needed: u64,
    },
    /// The copy cannot be written.
    #[error("the copy {path} cannot be written: check its directory and its volume")]
    Io {
        /// The file of the copy.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot write the copy.
    #[error("the copy {path} cannot be written: check the space on its volume")]
    Store {
        /// The file of the copy.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
}

/// Copies the journal in the file `journal` to the file `copy`, which must not exist, and checks the copy. A program that
/// has the journal open continues meanwhile; the copy holds the deliveries of one moment.
///
/// The copy appears under its name when it is complete, readable for its owner only.
///
/// # Errors
///
/// The journal cannot be read, or the copy cannot be written.
pub fn backup(journal: &Path, copy: &Path) -> Result<CheckReport, BackupError> {
    let source = check::open(journal)?;
    let io_error = |source| BackupError::Io { path: copy.to_owned(), source };
    let directory = file::directory(copy);
    let pages = |what| source.pragma_query_value(None, what, |row| row.get::<_, i64>(0));
    let bytes =
        pages("page_count").and_then(|count| Ok(count.unsigned_abs() * pages("page_size")?.unsigned_abs()));
    let needed = bytes.map_err(|error| check::store_error(journal, error))? + LEAVE_FREE;
    if let Some(free) = space::free_at(directory).filter(|free| *free < needed) {
        return Err(BackupError::Space { path: copy.to_owned(), free, needed });
    }
    // An empty file reserves the name, so that no copy is overwritten. An empty file is no journal either.
    create(copy).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path: copy.to_owned() },
        _ => io_error(error),
    })?;
    let partial = partial(copy);
    let written = write(&source, &partial, copy);
    match written {
        Ok(report) => Ok(report),
        Err(error) => {
            for path in [&*partial, copy] {
                let _ = fs::remove_file(path);
            }
            Err(error)
        }
    }
}

fn write(source: &rusqlite::Connection, partial: &Path, copy: &Path) -> Result<CheckReport, BackupError> {
    let io_error = |source| BackupError::Io { path: copy.to_owned(), source };
    // What an interrupted copy of the same name left behind.
    let _ = fs::remove_file(partial);
    create(partial).map_err(io_error)?;
    // In one read transaction. SQLite writes only into a file that is empty.
    let text = partial.to_str().ok_or_else(|| io_error(io::ErrorKind::InvalidFilename.into()))?;
    let done = source.execute("VACUUM INTO ?1", [text]);
    done.map_err(|source| BackupError::Store { path: copy.to_owned(), source })?;
    let report = check(partial)?;
    File::open(partial).and_then(|file| file.sync_all()).map_err(io_error)?;
    fs::rename(partial, copy).map_err(io_error)?;
    File::open(file::directory(copy)).and_then(|directory| directory.sync_all()).map_err(io_error)?;
    Ok(report)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    file::private(&mut options);
    options.open(path)
}

fn partial(copy: &Path) -> PathBuf {
    let mut name = OsString::from(copy);
    name.push(".partial");
    name.into()
}
