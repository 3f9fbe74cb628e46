//! When the write-ahead log is moved into the main file, and by whom.
//!
//! Moving it takes as long as many commits, most of it waiting for the disk, so a thread of its own does it beside
//! the writer. But who writes all the time is always a little ahead, and the log is begun anew only after a moment
//! in which all of it was moved. So the writer moves the little that is left, between two commits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use tracing::warn;

use super::file::StorePath;
use crate::panic_flag::Guard;

/// Pages of 4 KiB in the log after which it is moved. Fewer move the pages of the indexes more often; more make
/// the log, and the start after a crash, longer.
const PAGES: i32 = 4096;

/// Pages in the log with which the writer waits until what was begun is moved: on a disk that is slower than those
/// who write, the log would else grow without end.
const MOST_PAGES: i32 = 4 * PAGES;

/// The thread that moves the log, ended when this is dropped.
pub(super) struct Checkpoints {
    stage: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stage: Mutex<Stage>,
    changed: Condvar,
}

/// How far the log is moved.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It need not be.
    #[default]
    Short,
    /// The thread is to move it, or does.
    Moving,
    /// The thread has moved what there was; the rest is the writer's.
    Moved,
    /// Nobody writes any more.
    Ended,
}

impl Checkpoints {
    /// Starts the thread, which holds `guard`. Without one, which is logged, the writer moves the log itself.
    pub(super) fn start(place: StorePath, guard: Guard) -> Self {
        let stage = Arc::<Shared>::default();
        let shared = Arc::clone(&stage);
        let thread = thread::Builder::new().name("journal-log".to_owned()).spawn(move || {
            let _guard = guard;
            work(&place, &shared);
        });
        let thread = thread.inspect_err(|error| warn!(%error, "no thread to move the journal's log")).ok();
        Self { stage, thread }
    }

    /// Has commits on `writer` see to it that the log is moved.
    pub(super) fn attach(&self, writer: &mut Connection) -> rusqlite::Result<()> {
        let (shared, alone) = (Arc::clone(&self.stage), self.thread.is_none());
        writer.wal_hook(Some(move |log: &mut Wal, pages| {
            shared.committed(log, pages, alone);
            // What was committed is safe in the log: an error would say that it was not.
            Ok(())
        }))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stage.set(Stage::Ended);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
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
            // What stands in its way now, such as somebody who still reads the log, may be gone after the next
            // commit, which tries again.
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

fn work(place: &StorePath, shared: &Shared) {
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
        let connection = store.take().map_or_else(|| place.writer(), Ok);
        match connection.and_then(moved) {
            Ok(connection) => (store, failing) = (Some(connection), false),
            // The writer tries what this has not done. Told once: the next commit leads here again.
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
