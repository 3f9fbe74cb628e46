use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::queue::latest_due;
use crate::row::tier;
use crate::timestamp::to_nanoseconds;
use crate::{JournalError, Pruned, Retention, Usage};

/// Few enough not to make their commit noticeably longer.
const BATCH: i64 = 200;

/// The bodies that are deleted in one batch, in bytes, beside the first. Each of their pages is read, and from the disk if
/// memory is short: the deliveries that arrive wait for that.
const LARGEST_BATCH: i64 = 4 << 20;

/// The rows to prune, planned by a reader to spare the writer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    payloads: Cut,
    deliveries: Cut,
    keys: Cut,
}

/// Of one tier: the rows that were settled before `before`, and the `excess` oldest.
#[derive(Debug, Clone, Copy)]
struct Cut {
    before: i64,
    excess: u64,
}

/// Compares the totals with the limits.
pub(super) fn plan(store: &Connection, retention: &Retention, now: Timestamp) -> Result<Plan, JournalError> {
    let before = |age| to_nanoseconds(now.checked_sub(age).unwrap_or(Timestamp::MIN));
    let (whole, bytes) = totals(store, tier::WHOLE)?;
    let (bodiless, _) = totals(store, tier::BODILESS)?;
    // The number of deliveries in excess is an estimate from their mean size; the next call corrects it.
    let mean = (bytes / whole.max(1)).max(1);
    Ok(Plan {
        payloads: Cut {
            before: before(retention.payloads.min(retention.deliveries).min(retention.keys)),
            excess: bytes.saturating_sub(retention.max_payload_bytes).div_ceil(mean),
        },
        deliveries: Cut {
            before: before(retention.deliveries.min(retention.keys)),
            excess: (whole + bodiless).saturating_sub(retention.max_deliveries),
        },
        keys: Cut { before: before(retention.keys), excess: 0 },
    })
}

/// Measures the file and the free space on its volume.
pub(super) fn usage(store: &Connection, path: &Path) -> Result<Usage, JournalError> {
    let pages = |what| store.pragma_query_value(None, what, |row| row.get::<_, i64>(0));
    let bytes = pages("page_count")?.unsigned_abs() * pages("page_size")?.unsigned_abs();
    let (_, payload_bytes) = totals(store, tier::WHOLE)?;
    // Free pages within the file count as used: the file does not shrink.
    let volume = rustix::fs::statvfs(path).ok();
    let free_bytes = volume.map(|volume| volume.f_bavail.saturating_mul(volume.f_frsize));
    Ok(Usage { bytes, payload_bytes, free_bytes })
}

fn totals(store: &Connection, tier: u8) -> Result<(u64, u64), JournalError> {
    let (count, bytes) = store
        .prepare_cached(
            "SELECT count(*), coalesce(sum(size), 0) FROM deliveries \
             WHERE tier = :tier AND settled_at IS NOT NULL",
        )?
        .query_row(named_params! { ":tier": tier }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
    Ok((count.unsigned_abs(), bytes.unsigned_abs()))
}

/// Deletes a batch.
pub(super) fn prune(store: &Connection, plan: &Plan, now: Timestamp) -> rusqlite::Result<Pruned> {
    for tier in [tier::WHOLE, tier::BODILESS, tier::KEY] {
        correct(store, tier, now)?;
    }
    let mut pruned = Pruned::default();
    for sequence in chosen(store, tier::WHOLE, plan.payloads)? {
        reduce_to_record(store, sequence)?;
        pruned.payloads += 1;
    }
    // Deliveries without a body are mostly older than those with one.
    for from in [tier::BODILESS, tier::WHOLE] {
        let excess = plan.deliveries.excess.saturating_sub(pruned.deliveries);
        for sequence in chosen(store, from, Cut { excess, ..plan.deliveries })? {
            reduce_to_key(store, sequence)?;
            pruned.deliveries += 1;
        }
    }
    for sequence in chosen(store, tier::KEY, plan.keys)? {
        store
            .prepare_cached("DELETE FROM deliveries WHERE seq = :seq")?
            .execute(named_params! { ":seq": sequence })?;
        pruned.keys += 1;
    }
    Ok(pruned)
}

/// Has the deliveries settled now that were settled by a clock which was ahead: they would be retained until its date.
fn correct(store: &Connection, tier: u8, now: Timestamp) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE deliveries SET settled_at = :now WHERE seq IN \
               (SELECT seq FROM deliveries WHERE tier = :tier AND settled_at > :latest LIMIT :batch)",
        )?
        .execute(named_params! {
            ":now": to_nanoseconds(now),
            ":latest": latest_due(now),
            ":tier": tier,
            ":batch": BATCH,
        })
        .map(drop)
}

/// The oldest rows of a tier that exceed the limits.
fn chosen(store: &Connection, tier: u8, cut: Cut) -> rusqlite::Result<Vec<i64>> {
    let oldest = store
        .prepare_cached(
            "SELECT seq, settled_at, size FROM deliveries WHERE tier = :tier AND settled_at IS NOT NULL \
             ORDER BY settled_at LIMIT :batch",
        )?
        .query_map(named_params! { ":tier": tier, ":batch": BATCH }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut bytes = 0;
    let exceeds = |(place, (sequence, settled_at, size)): (u64, (i64, i64, i64))| {
        bytes += size;
        let fits = place == 0 || bytes <= LARGEST_BATCH;
        (fits && (place < cut.excess || settled_at < cut.before)).then_some(sequence)
    };
    Ok((0..).zip(oldest).map_while(exceeds).collect())
}

fn drop_body(store: &Connection, sequence: i64) -> rusqlite::Result<()> {
    store
        .prepare_cached("DELETE FROM bodies WHERE delivery = :seq")?
        .execute(named_params! { ":seq": sequence })
        .map(drop)
}

/// Drops the body.
pub(super) fn reduce_to_record(store: &Connection, sequence: i64) -> rusqlite::Result<()> {
    drop_body(store, sequence)?;
    set_tier(store, sequence, tier::BODILESS)
}

/// The verification stays: it distinguishes a repetition from a delivery that a further key verifies.
pub(super) fn reduce_to_key(store: &Connection, sequence: i64) -> rusqlite::Result<()> {
    drop_body(store, sequence)?;
    store
        .prepare_cached(
            "UPDATE deliveries SET decisions = NULL, facts = NULL, launches = NULL, fault = NULL, \
               replay = NULL, replay_of = NULL, headers = '{\"v\":1,\"data\":[]}' WHERE seq = :seq",
        )?
        .execute(named_params! { ":seq": sequence })?;
    set_tier(store, sequence, tier::KEY)
}

fn set_tier(store: &Connection, sequence: i64, tier: u8) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE deliveries SET tier = :tier, size = 0 WHERE seq = :seq")?
        .execute(named_params! { ":seq": sequence, ":tier": tier })
        .map(drop)
}
