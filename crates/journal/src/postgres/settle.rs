use std::collections::HashSet;

use jiff::Timestamp;
use trigger_core::DeliveryId;

use super::group_commit::{Answers, Operation};
use super::row::column;
use super::{Store, text};
use crate::new_delivery::{AttemptResult, NewFacts, NewVerification};
use crate::queue::delay_until;
use crate::timestamp::to_nanoseconds;
use crate::{ClaimToken, JournalError, Settlement, State};

/// The end of an attempt: the delivery is settled, or returns to the queue for another attempt.
pub(super) struct AttemptEnd {
    result: AttemptResult,
    state: State,
    /// When the next attempt is due by this process's clock, and how long that is from now on. Unused if the delivery
    /// is settled.
    due: i64,
    delay: i64,
}

/// The rows are locked in the order of the ids, so that two replicas do not wait for each other. A delivery that is due
/// already keeps its place in the queue; a later one is due by the clock of the database.
const END: &str = "\
    WITH ending AS ( \
      SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], \
          $7::text[], $8::text[], $9::boolean[]) \
        AS e (id, attempt, state, due, delay, fault, decisions, launches, is_idle) \
    ), moment AS MATERIALIZED (SELECT clock() AS now), \
    held AS MATERIALIZED ( \
      SELECT d.seq, e.state, e.due, e.delay, e.fault, e.decisions, e.launches, e.is_idle \
      FROM deliveries d JOIN ending e ON d.id = e.id \
      WHERE d.state = 'claimed' AND d.attempts = e.attempt ORDER BY d.id FOR UPDATE OF d \
    ) \
    UPDATE deliveries d SET state = h.state, fault = h.fault, decisions = h.decisions, launches = h.launches, \
      idle_attempts = CASE WHEN h.is_idle AND d.attempts <= d.idle_attempts + 1 THEN d.attempts \
        ELSE d.idle_attempts END, \
      settled_at = CASE WHEN h.state <> 'pending' THEN (SELECT now FROM moment) END, \
      due = CASE WHEN h.state = 'pending' THEN h.due END, \
      ready_at = CASE \
        WHEN h.state <> 'pending' THEN NULL \
        WHEN h.delay <= 0 THEN least(h.due, (SELECT now FROM moment)) \
        ELSE least((SELECT now FROM moment)::numeric + h.delay, 9223372036854775807)::bigint END \
    FROM held h WHERE d.seq = h.seq \
    RETURNING d.id";

/// Few deliveries need facts, so their writes are not grouped.
const RECORD_FACTS: &str = "\
    UPDATE deliveries SET facts = $3 WHERE id = $1 AND state = 'claimed' AND attempts = $2 RETURNING id";

/// Stores the facts of a claimed delivery.
pub(super) async fn record_facts(store: &Store, new: NewFacts) -> Result<(), JournalError> {
    let NewFacts { token, facts } = new;
    let session = store.sessions.get().await?;
    let held = session.query(RECORD_FACTS, &[&token.id.as_str(), &attempt(&token), &facts]).await?;
    session.keep();
    if held.is_empty() { Err(JournalError::StaleToken { id: token.id }) } else { Ok(()) }
}

const RECORD_VERIFICATION: &str = "\
    UPDATE deliveries SET proof = $3 WHERE id = $1 AND state = 'claimed' AND attempts = $2 RETURNING id";

/// Stores the verification of a claimed delivery.
pub(super) async fn record_verification(store: &Store, new: NewVerification) -> Result<(), JournalError> {
    let NewVerification { token, verification } = new;
    let session = store.sessions.get().await?;
    let held =
        session.query(RECORD_VERIFICATION, &[&token.id.as_str(), &attempt(&token), &verification]).await?;
    session.keep();
    if held.is_empty() { Err(JournalError::StaleToken { id: token.id }) } else { Ok(()) }
}

/// The attempt as the database counts it.
fn attempt(token: &ClaimToken) -> i32 {
    i32::try_from(token.attempt).unwrap_or(i32::MAX)
}

impl AttemptEnd {
    pub(super) fn settle(token: ClaimToken, settlement: Settlement) -> Result<Self, JournalError> {
        let result = AttemptResult::new(token, settlement)?;
        let state = if result.error.is_some() { State::Failed } else { State::Settled };
        Ok(Self { result, state, due: 0, delay: 0 })
    }

    pub(super) fn release(
        token: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> Result<Self, JournalError> {
        let result = AttemptResult::new(token, settlement)?;
        let (delay, now) = (delay_until(due), to_nanoseconds(Timestamp::now()));
        let due = to_nanoseconds(due).min(now.saturating_add(delay.max(0)));
        Ok(Self { result, state: State::Pending, due, delay })
    }
}

impl Operation for AttemptEnd {
    /// Whether the token was valid.
    type Answer = bool;

    fn id(&self) -> &DeliveryId {
        &self.result.token.id
    }

    fn bytes(&self) -> usize {
        self.result.decisions.len() + self.result.launches.len()
    }

    async fn execute(store: &Store, operations: &[&Self]) -> Answers<bool> {
        let session = store.sessions.get().await?;
        let column_of = |of: fn(&Self) -> &str| operations.iter().map(|end| of(end)).collect::<Vec<_>>();
        let number = |of: fn(&Self) -> i64| operations.iter().map(|end| of(end)).collect::<Vec<_>>();
        let attempts: Vec<_> = operations.iter().map(|end| attempt(&end.result.token)).collect();
        let idle: Vec<_> = operations.iter().map(|end| end.result.is_idle).collect();
        let errors: Vec<_> = operations.iter().map(|end| end.result.error.as_deref().map(text)).collect();
        let ended = session
            .query(
                END,
                &[
                    &column_of(|end| end.id().as_str()),
                    &attempts,
                    &column_of(|end| end.state.name()),
                    &number(|end| end.due),
                    &number(|end| end.delay),
                    &errors,
                    &column_of(|end| &end.result.decisions),
                    &column_of(|end| &end.result.launches),
                    &idle,
                ],
            )
            .await;
        let held: Result<HashSet<String>, JournalError> = match &ended {
            Ok(rows) => rows.iter().map(|row| column(row, "id")).collect(),
            Err(_) => Ok(HashSet::new()),
        };
        let held = held?;
        let released = |end: &&&Self| end.state == State::Pending;
        // Also if it is unknown whether the commit happened: an unnecessary claim costs little.
        if operations.iter().filter(released).any(|end| ended.is_err() || held.contains(end.id().as_str())) {
            store.wakeups.announce();
        }
        ended?;
        session.keep();
        Ok(operations.iter().map(|end| Ok(held.contains(end.id().as_str()))).collect())
    }
}
