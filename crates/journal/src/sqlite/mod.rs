//! The journal in one SQLite file: for a single process, without another service to run.
//!
//! It promises, given a file system that honours `fsync`:
//!
//! - A call that returned `Ok` survives a crash of the process, of the machine, and a loss of power.
//! - A call that returned [`JournalError::Unavailable`] may have happened or not. Repeating it is safe, because a known
//!   delivery is not inserted twice.
//! - Either all of a call happened or none of it.
//! - Deliveries that were claimed when the process ended are claimable as soon as the file is opened again.
//!
//! The file must lie on a local block volume: the write-ahead log shares memory between connections, which NFS and
//! similar file systems do not support. One process at a time may open it; a second one fails at start with the
//! holder's id.
//!
//! `calls` implements the traits. `writer` is the one thread that writes, many calls to a commit. `checkpoints` moves
//! the write-ahead log into the main file beside it. `backup` and `check` are for another process, beside the one that
//! has the journal open. `bodies` writes and reads large bodies in parts. `readers` are a few threads with connections of their own. All
//! SQL is in the numbered schema files and in `append`, `claim`, `settle`, `statements`, `history`, `retention`,
//! `rejections`, `entries` and `watermarks`.

mod accounts;
mod append;
mod backup;
mod bodies;
mod calls;
mod check;
mod checkpoints;
mod claim;
mod clock;
mod entries;
mod file;
mod history;
mod identity;
mod lock;
mod log_tail;
mod readers;
mod rejections;
mod retention;
mod row;
mod schema;
mod settle;
mod space;
mod sqlite_error;
mod statements;
mod threads;
mod watermarks;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rusqlite::Connection;

pub use backup::{BackupError, backup};
pub use check::{CheckError, CheckReport, check};
pub use file::OpenError;
use file::StoreFile;
use space::Volume;
use threads::Threads;
use writer::WriteContext;

use crate::{ClaimToken, JournalError, Settings};

/// The settings of a [`SqliteJournal`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Options {
    /// How many calls may wait for the thread that writes, and how many for the threads that read. Further calls wait
    /// in their callers.
    pub queue: usize,
    /// How long a call waits for its answer, including the queue, before it fails with [`JournalError::Unavailable`].
    /// Real time, also under a paused tokio clock.
    pub timeout: Duration,
    /// How long a statement waits for another program that locks the file, such as a `sqlite3` shell.
    /// Has to be shorter than `timeout`.
    pub busy_timeout: Duration,
    /// How many threads answer `find`, `history` and `stats`.
    pub readers: usize,
    /// How much of the volume the journal and each tenant use.
    pub settings: Settings,
}

/// The journal in one SQLite file.
///
/// Dropping it has the effect of [`crate::Journal::close`].
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    tenant_quota: u64,
    threads: Threads,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: 1024,
            timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(2),
            readers: 2,
            settings: Settings::default(),
        }
    }
}

impl SqliteJournal {
    /// Opens the file and migrates its schema. Creates a file that only its owner may read and write if there is none.
    ///
    /// Blocks until the schema is up to date; call it before serving.
    pub fn open(path: impl Into<PathBuf>, options: Options) -> Result<Self, OpenError> {
        let path = file::canonical(path.into());
        let file = StoreFile { path: path.clone(), busy_timeout: options.busy_timeout };
        let mut volume = Volume::new(&path, options.settings.reserve);
        volume.release_if_exhausted();
        let (lock, writer) = file::prepare(&file)?;
        let threads = Threads::start(&file, lock, writer, volume, &options)?;
        Ok(Self { path, tenant_quota: options.settings.tenant_quota, threads })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the writing thread; `bytes` is the size of the body that it brings. Returns after the commit.
    fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnMut(&mut WriteContext<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, JournalError>> {
        self.threads.write(bytes, work).boxed()
    }

    /// Runs `query` on a reading thread.
    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, JournalError>> {
        self.threads.read(query).boxed()
    }

    /// As `write`, for work on a claimed delivery. The work returns false if `token` is stale.
    fn write_claimed(
        &self,
        token: ClaimToken,
        work: impl Fn(&mut WriteContext<'_>) -> rusqlite::Result<bool> + Send + 'static,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            let held = self.write(0, work).await?;
            held.then_some(()).ok_or(JournalError::StaleToken { id: token.id })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Journal as _;

    #[tokio::test]
    async fn a_panic_of_a_thread_fails_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path().join("journal.db"), Options::default()).unwrap();
        assert!(journal.failed().now_or_never().is_none());
        let answer = journal.threads.write::<()>(1, |_| panic!("on purpose")).await;
        assert!(matches!(answer, Err(JournalError::Unavailable { .. })), "{answer:?}");
        journal.failed().await;
        journal.close().await;
    }
}
