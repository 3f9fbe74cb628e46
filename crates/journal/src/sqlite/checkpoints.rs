//! Checkpoints: when the write-ahead log is moved into the main file, and on which thread.
//!
//! A checkpoint takes as long as many commits, most of it waiting for the disk, so a thread of its own does it beside
//! the writer. But SQLite restarts the log only once all of it has been moved, and a busy writer is always a little
//! ahead. So the writer moves the rest between two commits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use tracing::warn;

use super::file::StoreFile;
use crate::panic_flag::Guard;

/// Pages of 4 KiB in the log that start a checkpoint. Fewer move the pages of the indexes more often; more make the
/// log, and the start after a crash, longer.
const PAGES: i32 = 4096;

/// Pages in the log at which the writer waits for the checkpoint that has begun. Otherwise the log grows without
/// bound on a disk that is slower than the callers.
const MOST_PAGES: i32 = 4 * PAGES;

/// The thread that moves the log. It ends when this is dropped.
pub(super) struct Checkpoints {
    stage: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stage: Mutex<Stage>,
    changed: Condvar,
}

/// The stage of a checkpoint.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The log is short.
    #[default]
    Short,
    /// The thread moves the log, or is about to.
    Moving,
    /// The thread has moved the log; the writer moves the rest.
    Moved,
    /// The writer has ended.
    Ended,
}

impl Checkpoints {
    /// Starts the thread, which holds `guard`. If that fails, logs it; the writer then moves the log itself.
    pub(super) fn start(file: StoreFile, guard: Guard) -> Self {
        let stage = Arc::<Shared>::default();
        let shared = Arc::clone(&stage);
        let thread = thread::Builder::new().name("journal-log".to_owned()).spawn(move || {
            let _guard = guard;
            work(&file, &shared);
        });
        let thread = thread.inspect_err(|error| warn!(%error, "no thread to move the journal's log")).ok();
        Self { stage, thread }
    }

    /// Starts checkpoints after commits on `writer`.
    pub(super) fn attach(&self, writer: &mut Connection) -> rusqlite::Result<()> {
        let (shared, alone) = (Arc::clone(&self.stage), self.thread.is_none());
        writer.wal_hook(Some(move |log: &mut Wal, pages| {
            shared.committed(log, pages, alone);
            // The commit is safe in the log: an error would report that it failed.
            Ok(())
        }))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stage.set(Stage::Ended);
        if let Some(thread) = self.thread.take() {
            // An error is a panic, which the guard has reported.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Called by the writer after each commit, with the pages that the log has.
    fn committed(&self, log: &mut Wal, pages: i32, alone: bool) {
        if pages < PAGES {
            return;
        }
        let mut stage = self.stage();
        if *stage == Stage::Short && !alone {
            *stage = Stage::Moving;
            self.changed.notify_all();
        }
        while *stage == Stage::Moving && pages >= MOST_PAGES {
            stage = self.changed.wait(stage).unwrap_or_else(PoisonError::into_inner);
        }
        if *stage == Stage::Moved || alone {
            *stage = Stage::Short;
            drop(stage);
            // It fails while a reader still uses the log, for example. The next commit tries again.
            let _ = log.checkpoint_v2(CheckpointMode::PASSIVE);
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stage: Stage) {
        *self.stage() = stage;
        self.changed.notify_all();
    }
}

fn work(file: &StoreFile, shared: &Shared) {
    let (mut store, mut failing) = (None, false);
    loop {
        let mut stage = shared.stage();
        while !matches!(*stage, Stage::Moving | Stage::Ended) {
            stage = shared.changed.wait(stage).unwrap_or_else(PoisonError::into_inner);
        }
        if *stage == Stage::Ended {
            return;
        }
        drop(stage);
        let connection = store.take().map_or_else(|| file.writer(), Ok);
        match connection.and_then(moved) {
            Ok(connection) => (store, failing) = (Some(connection), false),
            // The writer tries too. Logged once: the next commit leads here again.
            Err(error) if !failing => {
                warn!(%error, "the journal's log cannot be moved into the main file; it grows until it can");
                failing = true;
            }
            Err(_) => {}
        }
        let mut stage = shared.stage();
        if *stage == Stage::Moving {
            *stage = Stage::Moved;
        }
        drop(stage);
        shared.changed.notify_all();
    }
}

fn moved(store: Connection) -> rusqlite::Result<Connection> {
    store.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(store)
}
