//! The write-ahead log of SQLite is moved into the main file during writes and reads.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use futures::future::try_join_all;
use rusqlite::Connection;
use trigger_core::{Delivery, DeliveryId};
use trigger_journal::{AppendOutcome, Intake as _, Journal as _, SqliteJournal};

use crate::delivery::{push, verified};
use crate::long_timeouts;

const MIB: u64 = 1 << 20;
/// At this size of the log writers wait for the checkpoint, and a group of commits may follow.
const MOST: u64 = 64 * MIB + 4 * MIB;

/// A delivery with an incompressible body of 64 KiB.
fn large(number: u64) -> Delivery {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    let body: Vec<u8> = words.take(8192).flat_map(u64::to_le_bytes).collect();
    let id = DeliveryId::derive(&[&body]);
    Delivery { id, body: Bytes::from(body), ..push("large", 0) }
}

/// Appends about `mib` MiB. Returns the largest size of the log in between.
async fn write(journal: &SqliteJournal, path: &Path, first: u64, mib: u64) -> u64 {
    let log = path.with_extension("db-wal");
    let mut most = 0;
    for start in (first..first + mib * 16).step_by(32) {
        let appends = (start..start + 32).map(|number| journal.append(verified(large(number))));
        assert!(try_join_all(appends).await.unwrap().iter().all(|answer| *answer == AppendOutcome::New));
        most = most.max(fs::metadata(&log).unwrap().len());
    }
    most
}

#[tokio::test]
async fn the_log_stays_short_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = SqliteJournal::open(&path, long_timeouts()).unwrap();
    let most = write(&journal, &path, 0, 160).await;
    assert!(most > 16 * MIB, "it is not moved too early: {most}");
    assert!(most <= MOST, "the log has {most} bytes");
    assert!(fs::metadata(&path).unwrap().len() > 96 * MIB, "the log was moved into the main file");
    journal.close().await;
    assert!(!path.with_extension("db-wal").exists(), "closing removes it");
}

#[tokio::test]
async fn a_long_reader_blocks_no_append_and_the_log_restarts_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = SqliteJournal::open(&path, long_timeouts()).unwrap();
    write(&journal, &path, 0, 2).await;
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM deliveries").unwrap();
    let grown = write(&journal, &path, 1_000, 80).await;
    assert!(grown > MOST, "it stays while a reader needs it: {grown}");
    reader.execute_batch("COMMIT").unwrap();
    // The reader is gone.
    let after = write(&journal, &path, 10_000, 60).await;
    assert!(after <= grown + 8 * MIB, "the log restarts: {grown}, then {after}");
    journal.close().await;
}
