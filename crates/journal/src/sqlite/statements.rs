//! Every statement that works on one delivery or on the queue. The history has a file of its own, because
//! its statement is put together from the filters.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};
use tracing::error;
use trigger_core::DeliveryId;

use super::row;
use crate::body::Stored as StoredBody;
use crate::new_delivery::{NewDelivery, Outcome};
use crate::row::Envelope;
use crate::row::tier;
use crate::timestamp::{from_nanoseconds, to_nanoseconds};
use crate::{
    AppendOutcome, ClaimToken, ClaimedDelivery, JournalError, Record, ReplayOutcome, ReplayRequest, State,
    Stats,
};

/// Inserts the delivery if its id is unknown; opens it again if it had failed.
pub(super) fn append(
    store: &Connection,
    entry: &NewDelivery,
    now: Timestamp,
) -> rusqlite::Result<AppendOutcome> {
    let delivery = &entry.delivery;
    let now_or_none = |wanted: bool| wanted.then(|| to_nanoseconds(now));
    let settled = entry.decisions.is_some();
    let inserted = store
        .prepare_cached(
            "INSERT INTO deliveries (id, state, ready_at, settled_at, attempts, received_at, event, repository, \
               source, path, provider_id, headers, proof, tenant, size, decisions) \
             VALUES (:id, :state, :ready_at, :settled_at, :attempts, :received_at, :event, :repository, \
               :source, :path, :provider_id, :headers, :proof, :tenant, :size, :decisions) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": delivery.id.as_str(),
            ":state": if settled { State::Settled } else { State::Pending }.name(),
            ":ready_at": now_or_none(!settled),
            ":settled_at": now_or_none(settled),
            ":attempts": u32::from(settled),
            ":decisions": entry.decisions,
            ":received_at": to_nanoseconds(delivery.received_at),
            ":event": delivery.event,
            ":repository": entry.repository,
            ":source": delivery.source,
            ":path": delivery.path,
            ":provider_id": delivery.provider_id,
            ":headers": entry.headers,
            ":proof": entry.verification,
            ":tenant": entry.tenant,
            ":size": entry.size(),
        })?;
    if inserted == 1 {
        write_body(store, store.last_insert_rowid(), &entry.body)?;
        return Ok(AppendOutcome::New);
    }
    let (sequence, state) = store
        .prepare_cached("SELECT seq, state FROM deliveries WHERE id = :id")?
        .query_row(named_params! { ":id": delivery.id.as_str() }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
    match state.as_str() {
        "failed" => reopen(store, sequence, entry, now).map(|()| AppendOutcome::Reopened),
        "settled" => Ok(AppendOutcome::Settled),
        _ => Ok(AppendOutcome::InProgress),
    }
}

/// Takes what has just arrived in place of what had failed: its proof is the one that holds today, and its
/// body may have been dropped since. What the last attempt came to stays until the next one ends.
fn reopen(store: &Connection, sequence: i64, entry: &NewDelivery, now: Timestamp) -> rusqlite::Result<()> {
    let delivery = &entry.delivery;
    store
        .prepare_cached(
            "UPDATE deliveries SET state = 'pending', ready_at = :now, settled_at = NULL, \
               received_at = :received_at, event = :event, repository = :repository, source = :source, \
               path = :path, provider_id = :provider_id, headers = :headers, proof = :proof, \
               tenant = :tenant, tier = 0, size = :size \
             WHERE seq = :seq",
        )?
        .execute(named_params! {
            ":seq": sequence,
            ":now": to_nanoseconds(now),
            ":received_at": to_nanoseconds(delivery.received_at),
            ":event": delivery.event,
            ":repository": entry.repository,
            ":source": delivery.source,
            ":path": delivery.path,
            ":provider_id": delivery.provider_id,
            ":headers": entry.headers,
            ":proof": entry.verification,
            ":tenant": entry.tenant,
            ":size": entry.size(),
        })?;
    write_body(store, sequence, &entry.body)
}

fn write_body(store: &Connection, sequence: i64, body: &StoredBody) -> rusqlite::Result<()> {
    store
        .prepare_cached("INSERT OR REPLACE INTO bodies (delivery, encoding, bytes) VALUES (?1, ?2, ?3)")?
        .execute((sequence, body.encoding.as_ref(), body.bytes.as_ref()))
        .map(drop)
}

/// Copies a delivery that has ended, under the id of the order.
pub(super) fn replay(
    store: &Connection,
    order: &ReplayRequest,
    replay: &str,
    now: Timestamp,
) -> rusqlite::Result<ReplayOutcome> {
    let id = order.id();
    let found = store
        .prepare_cached("SELECT seq, state, tier FROM deliveries WHERE id = :id AND tier < 2")?
        .query_row(named_params! { ":id": order.of.as_str() }, |row| {
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
               provider_id, headers, proof, tenant, size, replay_of, replay) \
             SELECT :id, 'pending', :now, :now, event, repository, source, path, provider_id, headers, \
               proof, tenant, size, :of, :replay \
             FROM deliveries WHERE seq = :seq \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": id.as_str(),
            ":now": to_nanoseconds(now),
            ":of": order.of.as_str(),
            ":replay": replay,
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

/// The tenants that have something due, each with the moment since which the oldest of it is.
pub(super) fn waiting_tenants(store: &Connection, now: Timestamp) -> rusqlite::Result<Vec<(Arc<str>, i64)>> {
    // Leaps from one tenant to the next in the index, whatever the length of their lines.
    store
        .prepare_cached(
            "WITH RECURSIVE tenants (tenant) AS ( \
               SELECT (SELECT min(tenant) FROM deliveries WHERE ready_at IS NOT NULL) \
               UNION ALL \
               SELECT (SELECT min(tenant) FROM deliveries WHERE ready_at IS NOT NULL AND tenant > t.tenant) \
               FROM tenants t WHERE t.tenant IS NOT NULL) \
             SELECT t.tenant, (SELECT min(ready_at) FROM deliveries d \
               WHERE d.tenant = t.tenant AND d.ready_at IS NOT NULL) AS since \
             FROM tenants t WHERE t.tenant IS NOT NULL AND since <= :now",
        )?
        .query_map(named_params! { ":now": to_nanoseconds(now) }, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// A row that was leased, not looked into yet.
pub(super) struct Leased {
    tenant: Arc<str>,
    envelope: Envelope,
    attempt: u32,
    lease_until: Timestamp,
}

/// A row that was leased and cannot be understood.
pub(super) struct Unusable {
    sequence: i64,
    attempt: u32,
    reason: String,
}

/// Leases what is due of one tenant, in the order in which it became due.
pub(super) fn lease(
    store: &Connection,
    tenant: &Arc<str>,
    max: usize,
    lease: Duration,
    now: Timestamp,
) -> rusqlite::Result<Vec<Leased>> {
    let due = store
        .prepare_cached(
            "SELECT d.*, b.encoding, b.bytes FROM deliveries d LEFT JOIN bodies b ON b.delivery = d.seq \
             WHERE d.tenant = :tenant AND d.ready_at <= :now ORDER BY d.ready_at, d.seq LIMIT :max",
        )?
        .query_map(
            named_params! {
                ":tenant": tenant,
                ":now": to_nanoseconds(now),
                ":max": i64::try_from(max).unwrap_or(i64::MAX),
            },
            row::envelope,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let lease_until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let mut leased = Vec::with_capacity(due.len());
    for envelope in due {
        let attempt = envelope.attempts.saturating_add(1);
        lease_row(store, envelope.sequence, attempt, lease_until)?;
        leased.push(Leased { tenant: Arc::clone(tenant), envelope, attempt, lease_until });
    }
    Ok(leased)
}

impl Leased {
    /// Looks into the row. Done by who claims, to spare the one thread that writes.
    pub(super) fn open(self) -> Result<ClaimedDelivery, Unusable> {
        let Self { tenant, envelope, attempt, lease_until } = self;
        let sequence = envelope.sequence;
        let launches = envelope.launches();
        match launches.and_then(|launches| Ok((envelope.open()?, launches))) {
            Ok(((delivery, verification), launches)) => {
                let ticket = ClaimToken { id: delivery.id.clone(), attempt };
                Ok(ClaimedDelivery { ticket, delivery, verification, tenant, launches, lease_until })
            }
            Err(unreadable) => {
                error!(%unreadable, sequence, "a delivery cannot be read and is failed");
                Err(Unusable { sequence, attempt, reason: unreadable.to_string() })
            }
        }
    }
}

/// Takes back what is leased. Whoever holds the lock is alone, so those who leased it have ended: nobody
/// has to wait for their leases to run out.
pub(super) fn take_back(store: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    store
        .prepare(
            "UPDATE deliveries SET state = 'pending', ready_at = min(ready_at, :now) WHERE state = 'claimed'",
        )?
        .execute(named_params! { ":now": to_nanoseconds(now) })
}

fn lease_row(store: &Connection, sequence: i64, attempt: u32, until: Timestamp) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE deliveries SET state = 'claimed', attempts = :attempt, ready_at = :until \
             WHERE seq = :seq",
        )?
        .execute(named_params! { ":seq": sequence, ":attempt": attempt, ":until": to_nanoseconds(until) })
        .map(drop)
}

/// Fails what cannot be understood, as long as it is ours to end: in the queue it would be claimed again and
/// again.
pub(super) fn bury(store: &Connection, unusable: &Unusable, now: Timestamp) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE deliveries SET state = 'failed', ready_at = NULL, settled_at = :now, fault = :fault \
             WHERE seq = :seq AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":seq": unusable.sequence,
            ":attempt": unusable.attempt,
            ":fault": unusable.reason,
            ":now": to_nanoseconds(now),
        })
        .map(drop)
}

/// Ends the work on a delivery. False if the ticket is stale.
pub(super) fn settle(store: &Connection, outcome: &Outcome, now: Timestamp) -> rusqlite::Result<bool> {
    let state = if outcome.fault.is_some() { State::Failed } else { State::Settled };
    let changed = store
        .prepare_cached(
            "UPDATE deliveries SET state = :state, ready_at = NULL, settled_at = :now, fault = :fault, \
               decisions = :decisions, launches = :launches \
             WHERE id = :id AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":id": outcome.ticket.id.as_str(),
            ":attempt": outcome.ticket.attempt,
            ":state": state.name(),
            ":now": to_nanoseconds(now),
            ":fault": outcome.fault,
            ":decisions": outcome.decisions,
            ":launches": outcome.launches,
        })?;
    Ok(changed == 1)
}

/// Gives a delivery back until `due`. False if the ticket is stale.
pub(super) fn release(store: &Connection, outcome: &Outcome, due: Timestamp) -> rusqlite::Result<bool> {
    let changed = store
        .prepare_cached(
            "UPDATE deliveries SET state = 'pending', ready_at = :due, fault = :fault, \
               decisions = :decisions, launches = :launches \
             WHERE id = :id AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":id": outcome.ticket.id.as_str(),
            ":attempt": outcome.ticket.attempt,
            ":due": to_nanoseconds(due),
            ":fault": outcome.fault,
            ":decisions": outcome.decisions,
            ":launches": outcome.launches,
        })?;
    Ok(changed == 1)
}

/// One delivery with its body.
pub(super) fn find(store: &Connection, id: &DeliveryId) -> Result<Option<Record>, JournalError> {
    let stored = store
        .prepare_cached(
            "SELECT d.*, b.encoding, b.bytes FROM deliveries d LEFT JOIN bodies b ON b.delivery = d.seq \
             WHERE d.id = :id",
        )?
        .query_row(named_params! { ":id": id.as_str() }, row::stored)
        .optional()?;
    let Some(stored) = stored else { return Ok(None) };
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
    parsed.collect::<Result<_, _>>().map_err(|_| JournalError::Corrupt {
        reason: format!("a replay of delivery {of} has an id that is none"),
    })
}

/// Writes a little, as durably as everything else.
pub(super) fn beat(store: &Connection, now: Timestamp) -> rusqlite::Result<()> {
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
