//! The space on the volume of the journal, and the file that keeps some of it in reserve.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::fs::{FallocateFlags, StatVfs, fallocate, statvfs};
use tracing::{info, warn};

/// Below this much space no delivery is stored unless older ones make room for it. It leaves the settling of deliveries
/// enough for hours.
const FULL: u64 = 16 << 20;

/// Below this much space a tenant that has stored more than its equal share makes room for its own deliveries.
const TIGHT: u64 = 64 << 20;

/// On a small volume the reserve, and `FULL`, are this fraction of it.
const FRACTION: u64 = 16;

/// How often it is tried to make the reserve again.
const RETRY: Duration = Duration::from_secs(10);

/// How much space the volume has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Enough.
    Ample,
    /// Less than a tenth, or less than [`TIGHT`].
    Tight {
        /// The bytes that are left before it is full.
        left: u64,
    },
    /// Too little to store deliveries.
    Full,
}

/// The volume of the journal, with the reserve on it.
#[derive(Debug)]
pub(super) struct Volume {
    journal: PathBuf,
    reserve: PathBuf,
    /// The size that the reserve should have.
    size: u64,
    tried: Option<Instant>,
}

impl Volume {
    pub(super) fn new(journal: &Path, size: u64) -> Self {
        let mut reserve = OsString::from(journal);
        reserve.push(".reserve");
        Self { journal: journal.to_owned(), reserve: reserve.into(), size, tried: None }
    }

    /// Measures the space for deliveries: what is free on the volume and within the file, without the reserve.
    /// Makes the reserve if it does not exist and there is room for it.
    pub(super) fn space(&mut self, store: &Connection) -> rusqlite::Result<Space> {
        let Ok(volume) = statvfs(&self.journal) else { return Ok(Space::Ample) };
        let (capacity, free) = (capacity(&volume), free(&volume));
        let full = FULL.min(capacity / FRACTION);
        let missing = self.missing(capacity);
        if missing > 0 && free > missing.saturating_add(full) && self.is_time_to_try() {
            self.make(missing);
        }
        let tight = TIGHT.min(full * 4).max(capacity / 10);
        let free = free.saturating_sub(self.missing(capacity));
        if free >= tight {
            return Ok(Space::Ample);
        }
        let pages = |what| store.pragma_query_value(None, what, |row| row.get::<_, i64>(0));
        let within = pages("freelist_count")?.unsigned_abs() * pages("page_size")?.unsigned_abs();
        Ok(match free.saturating_add(within) {
            space if space < full => Space::Full,
            space if space < tight => Space::Tight { left: space - full },
            _ => Space::Ample,
        })
    }

    /// Gives the reserve up. False if there was none.
    pub(super) fn release(&mut self) -> bool {
        self.tried = Some(Instant::now());
        let released = fs::remove_file(&self.reserve).is_ok();
        if released {
            warn!(journal = %self.journal.display(), "the volume of the journal is full; its reserve is in use now");
        }
        released
    }

    /// Gives the reserve up if the volume has not even the space to open the journal.
    pub(super) fn release_if_exhausted(&mut self) {
        let exhausted = |volume: StatVfs| free(&volume) < FULL.min(capacity(&volume) / FRACTION) / 4;
        if statvfs(&self.reserve).is_ok_and(exhausted) {
            self.release();
        }
    }

    /// The bytes that the reserve lacks.
    fn missing(&self, capacity: u64) -> u64 {
        let size = self.size.min(capacity / FRACTION);
        if fs::metadata(&self.reserve).is_ok() { 0 } else { size }
    }

    fn is_time_to_try(&self) -> bool {
        self.tried.is_none_or(|tried| tried.elapsed() >= RETRY)
    }

    fn make(&mut self, size: u64) {
        self.tried = Some(Instant::now());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        super::file::private(&mut options);
        let made = options.open(&self.reserve).and_then(|file| {
            fallocate(&file, FallocateFlags::empty(), 0, size)?;
            Ok(())
        });
        match made {
            Ok(()) => info!(reserve = %self.reserve.display(), size, "space is reserved for a full volume"),
            Err(error) => {
                warn!(reserve = %self.reserve.display(), %error, "no space can be reserved for a full volume");
                let _ = fs::remove_file(&self.reserve);
            }
        }
    }
}

/// The free space on the volume of a directory, in bytes. Unknown if the system does not know it.
pub(super) fn free_at(directory: &Path) -> Option<u64> {
    statvfs(directory).ok().map(|volume| free(&volume))
}

fn capacity(volume: &StatVfs) -> u64 {
    volume.f_blocks.saturating_mul(volume.f_frsize)
}

fn free(volume: &StatVfs) -> u64 {
    volume.f_bavail.saturating_mul(volume.f_frsize)
}
