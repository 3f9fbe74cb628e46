use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::State;
use crate::new_delivery::{AttemptResult, NewFacts, NewVerification};
use crate::queue::delay_until;
use crate::timestamp::to_nanoseconds;

/// Stores the facts of a claimed delivery. False if the token is stale.
pub(super) fn record_facts(store: &Connection, new: &NewFacts) -> rusqlite::Result<bool> {
    let changed = store
        .prepare_cached(
            "UPDATE deliveries SET facts = :facts \
             WHERE id = :id AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":id": new.token.id.as_str(),
            ":attempt": new.token.attempt,
            ":facts": new.facts,
        })?;
    Ok(changed == 1)
}

/// Stores the verification of a claimed delivery. False if the token is stale.
pub(super) fn record_verification(store: &Connection, new: &NewVerification) -> rusqlite::Result<bool> {
    let changed = store
        .prepare_cached(
            "UPDATE deliveries SET proof = :proof \
             WHERE id = :id AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":id": new.token.id.as_str(),
            ":attempt": new.token.attempt,
            ":proof": new.verification,
        })?;
    Ok(changed == 1)
}

/// Ends the work on a delivery. False if the token is stale.
pub(super) fn settle(store: &Connection, result: &AttemptResult, now: Timestamp) -> rusqlite::Result<bool> {
    let state = if result.error.is_some() { State::Failed } else { State::Settled };
    let changed = store
        .prepare_cached(
            "UPDATE deliveries SET state = :state, ready_at = NULL, settled_at = :now, fault = :error, \
               decisions = :decisions, launches = :launches, \
               idle_attempts = iif(:is_idle AND attempts <= idle_attempts + 1, attempts, idle_attempts) \
             WHERE id = :id AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":id": result.token.id.as_str(),
            ":attempt": result.token.attempt,
            ":state": state.name(),
            ":now": to_nanoseconds(now),
            ":error": result.error,
            ":decisions": result.decisions,
            ":launches": result.launches,
            ":is_idle": result.is_idle,
        })?;
    Ok(changed == 1)
}

/// Returns a delivery to the queue, due at `due`. False if the token is stale.
///
/// A delivery that is due already keeps its place in the queue; a later one is due by the clock of the queue.
pub(super) fn release(
    store: &Connection,
    result: &AttemptResult,
    due: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let (delay, now) = (delay_until(due), to_nanoseconds(now));
    let ready_at = if delay > 0 { now.saturating_add(delay) } else { now.min(to_nanoseconds(due)) };
    let changed = store
        .prepare_cached(
            "UPDATE deliveries SET state = 'pending', ready_at = :due, fault = :error, \
               decisions = :decisions, launches = :launches, \
               idle_attempts = iif(:is_idle AND attempts <= idle_attempts + 1, attempts, idle_attempts) \
             WHERE id = :id AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":id": result.token.id.as_str(),
            ":attempt": result.token.attempt,
            ":due": ready_at,
            ":error": result.error,
            ":decisions": result.decisions,
            ":launches": result.launches,
            ":is_idle": result.is_idle,
        })?;
    Ok(changed == 1)
}
