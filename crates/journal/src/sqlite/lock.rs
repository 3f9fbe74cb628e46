use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Excludes every other process, and every other journal in this one, from the file while it exists.
///
/// The lock is on a file of its own beside the journal. On the journal's file it would interfere with SQLite: a process
/// that closes any handle of a file loses the POSIX locks that SQLite holds on it. The operating system releases the
/// lock when the process ends, so a leftover lock file locks nothing.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
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
        name_holder(&mut file).map_err(LockError::Io)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process between fork and exec holds a copy of the handle, and with it
        // the lock. After an error, closing releases it.
        let _ = self.file.unlock();
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
