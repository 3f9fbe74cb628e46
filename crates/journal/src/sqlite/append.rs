use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::bodies;
use crate::new_delivery::{NewDelivery, Reopens};
use crate::reopening::{KnownRow, LaunchHistory, Reopening};
use crate::timestamp::to_nanoseconds;
use crate::{AppendOutcome, State};

/// Inserts the delivery if its id is unknown; reopens it if it has failed or started nothing, and may be reopened.
pub(super) fn append(
    store: &Connection,
    new: &NewDelivery,
    now: Timestamp,
) -> rusqlite::Result<AppendOutcome> {
    let delivery = &new.delivery;
    let now_or_none = |wanted: bool| wanted.then(|| to_nanoseconds(now));
    let settled = new.decisions.is_some();
    let inserted = store
        .prepare_cached(
            "INSERT INTO deliveries (id, state, ready_at, settled_at, attempts, received_at, event, repository, \
               source, path, provider_id, headers, proof, tenant, size, decisions, facts) \
             VALUES (:id, :state, :ready_at, :settled_at, :attempts, :received_at, :event, :repository, \
               :source, :path, :provider_id, :headers, :proof, :tenant, :size, :decisions, :facts) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(named_params! {
            ":id": delivery.id.as_str(),
            ":state": if settled { State::Settled } else { State::Pending }.name(),
            ":ready_at": now_or_none(!settled),
            ":settled_at": now_or_none(settled),
            ":attempts": u32::from(settled),
            ":decisions": new.decisions,
            ":facts": new.facts,
            ":received_at": to_nanoseconds(delivery.received_at),
            ":event": delivery.event,
            ":repository": new.repository,
            ":source": delivery.source,
            ":path": delivery.path,
            ":provider_id": delivery.provider_id,
            ":headers": new.headers,
            ":proof": new.verification,
            ":tenant": new.tenant,
            ":size": new.size(),
        })?;
    if inserted == 1 {
        bodies::write(store, store.last_insert_rowid(), &new.body)?;
        return Ok(AppendOutcome::New);
    }
    let (sequence, state, stored) = store
        .prepare_cached("SELECT seq, state, proof, headers, tier FROM deliveries WHERE id = :id")?
        .query_row(named_params! { ":id": delivery.id.as_str() }, |row| {
            let stored = KnownRow { verification: row.get(2)?, headers: row.get(3)?, tier: row.get(4)? };
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, stored))
        })?;
    match (state.as_str(), new.reopens) {
        ("failed", Reopens::Nothing) => Ok(AppendOutcome::Failed),
        ("failed", Reopens::Failed | Reopens::FailedOrIdle) => {
            reopen(store, sequence, new, &stored, now).map(|()| AppendOutcome::Reopened)
        }
        ("settled", Reopens::FailedOrIdle) if launch_history(store, sequence)?.is_idle() => {
            reopen(store, sequence, new, &stored, now).map(|()| AppendOutcome::Reopened)
        }
        ("settled", _) => Ok(AppendOutcome::Settled),
        _ => Ok(AppendOutcome::InProgress),
    }
}

fn launch_history(store: &Connection, sequence: i64) -> rusqlite::Result<LaunchHistory> {
    store
        .prepare_cached(
            "SELECT tier, launches, attempts, idle_attempts, \
               EXISTS (SELECT 1 FROM deliveries r WHERE r.replay_of = d.id) \
             FROM deliveries d WHERE seq = :seq",
        )?
        .query_row(named_params! { ":seq": sequence }, |row| {
            Ok(LaunchHistory {
                tier: row.get(0)?,
                launches: row.get(1)?,
                attempts: row.get(2)?,
                idle_attempts: row.get(3)?,
                has_replay: row.get(4)?,
            })
        })
}

/// Returns a delivery that arrived again to the queue, as [`Reopening`] says. The body is stored again, because it
/// may have been pruned. The result of the last attempt stays until the next one ends, and so do the facts.
fn reopen(
    store: &Connection,
    sequence: i64,
    new: &NewDelivery,
    stored: &KnownRow,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let delivery = &new.delivery;
    let reopening =
        Reopening::of(new, stored).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    if reopening.replaces_request {
        store
            .prepare_cached(
                "UPDATE deliveries SET event = :event, repository = :repository, source = :source, \
                   path = :path, provider_id = :provider_id, headers = :headers WHERE seq = :seq",
            )?
            .execute(named_params! {
                ":seq": sequence,
                ":event": delivery.event,
                ":repository": new.repository,
                ":source": delivery.source,
                ":path": delivery.path,
                ":provider_id": delivery.provider_id,
                ":headers": new.headers,
            })?;
    }
    store
        .prepare_cached(
            "UPDATE deliveries SET ready_at = :now, settled_at = NULL, \
               idle_attempts = iif(state = 'settled', attempts, idle_attempts), state = 'pending', \
               received_at = :received_at, proof = :proof, tenant = :tenant, tier = 0, size = :size \
             WHERE seq = :seq",
        )?
        .execute(named_params! {
            ":seq": sequence,
            ":now": to_nanoseconds(now),
            ":received_at": to_nanoseconds(delivery.received_at),
            ":proof": reopening.verification,
            ":tenant": reopening.tenant,
            ":size": new.size(),
        })?;
    bodies::write(store, sequence, &new.body)
}
