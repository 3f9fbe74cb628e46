use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Keeps every other process (and every other journal in this one) off the file for as long as it lives.
///
/// The lock is on a file of its own beside the journal. On the journal's file it would be in the way of
/// SQLite: a process that closes any handle of a file loses the POSIX locks that SQLite holds on it.
/// The operating system drops the lock when the process ends, however it ends, so a lock file that is left
/// behind locks nothing.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Why the lock could not be had.
#[derive(Debug)]
pub(super) enum LockError {
    /// Somebody has it; its process id, if it could be read.
    Held(Option<u32>),
    /// The lock file cannot be made or locked.
    Io(io::Error),
}

/// Where the lock file of `journal` is.
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
        // Closing the file is not enough: a process that is just being started holds a copy of the handle
        // until it runs its own program, and with it the lock. An error leaves it to the closing.
        let _ = self.file.unlock();
    }
}

/// Writes who we are, for the message of whoever comes second.
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
