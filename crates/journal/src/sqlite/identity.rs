use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::stat;

/// The device and the inode of a file.
type FileId = (u64, u64);

/// Which files the connections have open, to notice that others are at their paths now.
///
/// Writes to a deleted file succeed, and are gone when the process ends.
#[derive(Debug)]
pub(super) struct Identity {
    journal: PathBuf,
    log: PathBuf,
    journal_id: Option<FileId>,
    /// Known after the first commit on a connection, which makes the log.
    log_id: Option<FileId>,
}

impl Identity {
    /// The file at `journal`, which a connection has open.
    pub(super) fn new(journal: &Path) -> Self {
        let mut log = OsString::from(journal);
        log.push("-wal");
        Self { journal: journal.to_owned(), log: log.into(), journal_id: id(journal), log_id: None }
    }

    /// Why the files at the paths are not those that are open, if so.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if id(&self.journal) != self.journal_id {
            return Some(
                "its file was deleted or replaced while the program runs: save the open file from /proc/PID/fd, put it \
                 back, and restart the program",
            );
        }
        if self.log_id.is_some() && id(&self.log) != self.log_id {
            return Some(
                "its -wal file was deleted or replaced while the program runs: save both open files from /proc/PID/fd, \
                 put them back, and restart the program",
            );
        }
        None
    }

    /// A commit has been written.
    pub(super) fn committed(&mut self) {
        if self.log_id.is_none() {
            self.log_id = id(&self.log);
        }
    }

    /// The connection is closed. The next one may make another log.
    pub(super) fn closed(&mut self) {
        self.log_id = None;
    }
}

/// `None` if there is no file, or none that can be looked at.
fn id(path: &Path) -> Option<FileId> {
    stat(path).ok().map(|found| (found.st_dev, found.st_ino))
}
