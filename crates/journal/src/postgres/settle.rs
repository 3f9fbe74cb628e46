use std::collections::HashSet;

use jiff::Timestamp;
use trigger_core::DeliveryId;

use super::group_commit::{Answers, Operation};
use super::row::column;
use super::{Store, text};
use crate::new_delivery::Outcome;
use crate::timestamp::to_nanoseconds;
use crate::{ClaimToken, JournalError, Settlement, State};

/// The end of an attempt: the delivery is settled, or is given back for another attempt.
pub(super) struct Ending {
    outcome: Outcome,
    state: State,
    /// When the next attempt is due by our clock, and how long that is from now on. Not used where there is
    /// none.
    due: i64,
    delay: i64,
}

/// The rows are locked in the order of the ids, so that two replicas do not wait for each other. What is due
/// already stays where it stands in the queue; what is due later is so by the clock of the database.
const END: &str = "\
    WITH ending AS ( \
      SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], \
          $7::text[], $8::text[]) \
        AS e (id, attempt, state, due, delay, fault, decisions, launches) \
    ), moment AS MATERIALIZED (SELECT clock() AS now), \
    held AS MATERIALIZED ( \
      SELECT d.seq, e.state, e.due, e.delay, e.fault, e.decisions, e.launches \
      FROM deliveries d JOIN ending e ON d.id = e.id \
      WHERE d.state = 'claimed' AND d.attempts = e.attempt ORDER BY d.id FOR UPDATE OF d \
    ) \
    UPDATE deliveries d SET state = h.state, fault = h.fault, decisions = h.decisions, launches = h.launches, \
      settled_at = CASE WHEN h.state <> 'pending' THEN (SELECT now FROM moment) END, \
      due = CASE WHEN h.state = 'pending' THEN h.due END, \
      ready_at = CASE \
        WHEN h.state <> 'pending' THEN NULL \
        WHEN h.delay <= 0 THEN least(h.due, (SELECT now FROM moment)) \
        ELSE least((SELECT now FROM moment)::numeric + h.delay, 9223372036854775807)::bigint END \
    FROM held h WHERE d.seq = h.seq \
    RETURNING d.id";

impl Ending {
    pub(super) fn settle(ticket: ClaimToken, settlement: Settlement) -> Result<Self, JournalError> {
        let outcome = Outcome::new(ticket, settlement)?;
        let state = if outcome.fault.is_some() { State::Failed } else { State::Settled };
        Ok(Self { outcome, state, due: 0, delay: 0 })
    }

    pub(super) fn release(
        ticket: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> Result<Self, JournalError> {
        let outcome = Outcome::new(ticket, settlement)?;
        let (due, now) = (to_nanoseconds(due), to_nanoseconds(Timestamp::now()));
        Ok(Self { outcome, state: State::Pending, due, delay: due.saturating_sub(now) })
    }
}

impl Operation for Ending {
    /// Whether the ticket was not stale.
    type Answer = bool;

    fn id(&self) -> &DeliveryId {
        &self.outcome.ticket.id
    }

    fn bytes(&self) -> usize {
        self.outcome.decisions.len() + self.outcome.launches.len()
    }

    async fn carry_out(store: &Store, jobs: &[&Self]) -> Answers<bool> {
        let session = store.sessions.get().await?;
        let column_of = |of: fn(&Self) -> &str| jobs.iter().map(|job| of(job)).collect::<Vec<_>>();
        let number = |of: fn(&Self) -> i64| jobs.iter().map(|job| of(job)).collect::<Vec<_>>();
        let attempt = |job: &&Self| i32::try_from(job.outcome.ticket.attempt).unwrap_or(i32::MAX);
        let attempts: Vec<_> = jobs.iter().map(attempt).collect();
        let faults: Vec<_> = jobs.iter().map(|job| job.outcome.fault.as_deref().map(text)).collect();
        let ended = session
            .query(
                END,
                &[
                    &column_of(|job| job.id().as_str()),
                    &attempts,
                    &column_of(|job| job.state.name()),
                    &number(|job| job.due),
                    &number(|job| job.delay),
                    &faults,
                    &column_of(|job| &job.outcome.decisions),
                    &column_of(|job| &job.outcome.launches),
                ],
            )
            .await;
        let held: Result<HashSet<String>, JournalError> = match &ended {
            Ok(rows) => rows.iter().map(|row| column(row, "id")).collect(),
            Err(_) => Ok(HashSet::new()),
        };
        let held = held?;
        let released = |job: &&&Self| job.state == State::Pending;
        // Also if it is not known whether it happened: to look for nothing costs little.
        if jobs.iter().filter(released).any(|job| ended.is_err() || held.contains(job.id().as_str())) {
            store.arrivals.announce();
        }
        ended?;
        session.keep();
        Ok(jobs.iter().map(|job| Ok(held.contains(job.id().as_str()))).collect())
    }
}
