use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Excludes every other process, and every other journal in this one, from the file while it exists.
///
/// One lock is on a file of its own beside the journal, which also names the holder. Another is on the journal's file:
/// the file beside it may be deleted. The handle of that one is closed after SQLite's: a process that closes any handle
/// of a file loses the POSIX locks that SQLite holds on it. The operating system releases the locks when the process
/// ends, so a leftover lock file locks nothing.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    journal: Option<File>,
}

/// Why the lock could not be taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another holder has it; its process id, if it could be read.
    Held(Option<u32>),
    /// The lock file cannot be created or locked.
    Io(io::Error),
}

/// The path of the lock file of `journal`.
pub(super) fn path_beside(journal: &Path) -> PathBuf {
    let mut path = OsString::from(journal);
    path.push(".lock");
    path.into()
}

impl Lock {
    /// Locks `path` without waiting.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        super::file::private(&mut options);
        let mut file = options.open(path).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        // On a full volume a second process names no holder.
        let _ = name_holder(&mut file);
        Ok(Self { file, journal: None })
    }

    /// Locks the journal's own file too.
    pub(super) fn with_journal(mut self, journal: File) -> Result<Self, LockError> {
        match journal.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(None)),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        self.journal = Some(journal);
        Ok(self)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process between fork and exec holds a copy of the handle, and with it
        // the locks. After an error, closing releases them.
        for file in self.journal.iter().chain([&self.file]) {
            let _ = file.unlock();
        }
    }
}

/// Writes the id of this process, for the error message of a second one.
fn name_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
