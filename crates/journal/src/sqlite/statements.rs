//! The statements about one delivery, or about the queue as a whole, that have no file of their own.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};
use trigger_core::DeliveryId;

use super::bodies::{self, body_columns};
use super::row;
use crate::new_delivery::NewReplay;
use crate::row::tier;
use crate::timestamp::{from_nanoseconds, to_nanoseconds};
use crate::{JournalError, Record, ReplayOutcome, Stats};

/// The stored verification of a delivery.
pub(super) fn verification(store: &Connection, id: &DeliveryId) -> Result<Option<String>, JournalError> {
    let found = store
        .prepare_cached("SELECT proof FROM deliveries WHERE id = :id AND tier < 2")?
        .query_row(named_params! { ":id": id.as_str() }, |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// The tenant of the copy that a replay makes, and about how many bytes it takes. `None` if it makes none.
pub(super) fn size_of_copy(
    store: &Connection,
    replay: &NewReplay,
) -> rusqlite::Result<Option<(Arc<str>, u64)>> {
    let found = store
        .prepare_cached(
            "SELECT tenant, size + octet_length(headers) + octet_length(proof) + coalesce(octet_length(facts), 0) \
             FROM deliveries WHERE id = :id AND tier = 0 AND state IN ('settled', 'failed')",
        )?
        .query_row(named_params! { ":id": replay.request.of.as_str() }, |row| {
            Ok((row.get::<_, Arc<str>>(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })
        .optional()?;
    Ok(found.map(|(tenant, bytes)| replay.space(tenant, bytes)))
}

/// Copies a settled or failed delivery, under the id of the request.
pub(super) fn replay(
    store: &Connection,
    replay: &NewReplay,
    now: Timestamp,
) -> rusqlite::Result<ReplayOutcome> {
    let NewReplay { request, replay, restricted } = replay;
    let (verification, tenant) = restricted.as_ref().map(|(text, tenant)| (text, tenant.as_ref())).unzip();
    let id = request.id();
    let found = store
        .prepare_cached("SELECT seq, state, tier FROM deliveries WHERE id = :id AND tier < 2")?
        .query_row(named_params! { ":id": request.of.as_str() }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u8>(2)?))
        })
        .optional()?;
    let Some((sequence, state, tier)) = found else { return Ok(ReplayOutcome::Missing) };
    if !matches!(state.as_str(), "settled" | "failed") {
        return Ok(ReplayOutcome::InProgress);
    }
    if tier != tier::WHOLE {
        return Ok(ReplayOutcome::BodyGone);
    }
    let inserted = store
        .prepare_cached(
            "INSERT INTO deliveries (id, state, ready_at, received_at, event, repository, source, path, \
               provider_id, headers, proof, tenant, size, facts, replay_of, replay) \
             SELECT :id, 'pending', :now, :now, event, repository, source, path, provider_id, headers, \
               coalesce(:proof, proof), coalesce(:tenant, tenant), size, facts, :of, :replay \
             FROM deliveries WHERE seq = :seq \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": id.as_str(),
            ":now": to_nanoseconds(now),
            ":of": request.of.as_str(),
            ":replay": replay,
            ":proof": verification,
            ":tenant": tenant,
            ":seq": sequence,
        })?;
    if inserted == 0 {
        return Ok(ReplayOutcome::Known(id));
    }
    store
        .prepare_cached(
            "INSERT INTO bodies (delivery, encoding, bytes) \
             SELECT :copy, encoding, bytes FROM bodies WHERE delivery = :seq",
        )?
        .execute(named_params! { ":copy": store.last_insert_rowid(), ":seq": sequence })?;
    Ok(ReplayOutcome::New(id))
}

/// One delivery with its body.
pub(super) fn find(store: &Connection, id: &DeliveryId) -> Result<Option<Record>, JournalError> {
    let stored = store
        .prepare_cached(concat!(
            "SELECT d.*, ",
            body_columns!(),
            " FROM deliveries d LEFT JOIN bodies b ON b.delivery = d.seq WHERE d.id = :id"
        ))?
        .query_row(named_params! { ":id": id.as_str() }, row::stored)
        .optional()?;
    let Some(mut stored) = stored else { return Ok(None) };
    bodies::read_large(store, &mut stored.envelope)?;
    let mut record = stored.into_record()?;
    record.replays = replays(store, id)?;
    Ok(Some(record))
}

fn replays(store: &Connection, of: &DeliveryId) -> Result<Vec<DeliveryId>, JournalError> {
    let ids = store
        .prepare_cached("SELECT id FROM deliveries WHERE replay_of = :of ORDER BY seq")?
        .query_map(named_params! { ":of": of.as_str() }, |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let parsed = ids.iter().map(|id| id.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|_| JournalError::Corrupt { reason: format!("a replay of delivery {of} has an invalid id") })
}

/// Writes one row, as durably as every other.
pub(super) fn write_heartbeat(store: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    store
        .prepare_cached("UPDATE heartbeat SET at = :now")?
        .execute(named_params! { ":now": to_nanoseconds(now) })
        .map(drop)
}

/// Counts the queue.
pub(super) fn stats(store: &Connection) -> Result<Stats, JournalError> {
    let stats = store
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'claimed'), \
               min(received_at) \
             FROM deliveries WHERE ready_at IS NOT NULL",
        )?
        .query_row([], |row| {
            Ok(Stats {
                pending: row.get::<_, i64>(0)?.unsigned_abs(),
                claimed: row.get::<_, i64>(1)?.unsigned_abs(),
                oldest_unsettled: row.get::<_, Option<i64>>(2)?.map(from_nanoseconds),
            })
        })?;
    Ok(stats)
}
