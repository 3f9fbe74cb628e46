use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use tracing::{error, warn};

use super::bodies::{self, body_columns};
use super::row;
use crate::queue::latest_due;
use crate::row::{ColumnError, Envelope};
use crate::timestamp::to_nanoseconds;
use crate::{ClaimToken, ClaimedDelivery};

/// A claimed row, not decoded yet.
pub(super) struct ClaimedRow {
    tenant: Arc<str>,
    envelope: Envelope,
    attempt: u32,
    claimed_until: Timestamp,
}

/// A claimed row that cannot be decoded.
pub(super) struct UnreadableRow {
    sequence: i64,
    attempt: u32,
    reason: String,
}

/// Deliveries whose time is corrected by one claim: few enough not to make the commit noticeably longer.
const CORRECTED: i64 = 1000;

/// The tenants with due deliveries, each with the time since which its oldest is due. Corrects the deliveries that are
/// due too late, see [`crate::LONGEST_WAIT`]: a claim on one lasts for `timeout` from now.
pub(super) fn waiting_tenants(
    store: &Connection,
    timeout: Duration,
    now: Timestamp,
) -> rusqlite::Result<Vec<(Arc<str>, i64)>> {
    // Skips from one tenant to the next in the index: the length of a queue does not count.
    let tenants = store
        .prepare_cached(
            "WITH RECURSIVE tenants (tenant) AS ( \
               SELECT (SELECT min(tenant) FROM deliveries WHERE ready_at IS NOT NULL) \
               UNION ALL \
               SELECT (SELECT min(tenant) FROM deliveries WHERE ready_at IS NOT NULL AND tenant > t.tenant) \
               FROM tenants t WHERE t.tenant IS NOT NULL) \
             SELECT t.tenant, \
               (SELECT min(ready_at) FROM deliveries d \
                WHERE d.tenant = t.tenant AND d.ready_at IS NOT NULL) AS first, \
               (SELECT max(ready_at) FROM deliveries d \
                WHERE d.tenant = t.tenant AND d.ready_at IS NOT NULL) AS last \
             FROM tenants t WHERE t.tenant IS NOT NULL AND (first <= :now OR last > :latest)",
        )?
        .query_map(named_params! { ":now": to_nanoseconds(now), ":latest": latest_due(now) }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<Vec<(Arc<str>, i64, i64)>>>()?;
    let mut waiting = Vec::with_capacity(tenants.len());
    for (tenant, first, last) in tenants {
        if last > latest_due(now) {
            correct(store, &tenant, timeout, now)?;
        }
        waiting.push((tenant, first.min(to_nanoseconds(now))));
    }
    Ok(waiting)
}

/// Makes the deliveries of one tenant due now that a clock which was ahead has made due too late.
fn correct(store: &Connection, tenant: &str, timeout: Duration, now: Timestamp) -> rusqlite::Result<()> {
    let claimed_until = now.checked_add(timeout).unwrap_or(Timestamp::MAX);
    let corrected = store
        .prepare_cached(
            "UPDATE deliveries SET ready_at = CASE state WHEN 'claimed' THEN :until ELSE :now END \
             WHERE seq IN (SELECT seq FROM deliveries WHERE tenant = :tenant AND ready_at > :latest \
                           ORDER BY ready_at, seq LIMIT :most)",
        )?
        .execute(named_params! {
            ":tenant": tenant,
            ":until": to_nanoseconds(claimed_until),
            ":now": to_nanoseconds(now),
            ":latest": latest_due(now),
            ":most": CORRECTED,
        })?;
    warn!(tenant, corrected, "deliveries were due too late, by a clock that was ahead; they are due now");
    Ok(())
}

/// Claims due deliveries of one tenant, in the order in which they became due, while `bytes` are left for their bodies.
pub(super) fn claim_tenant(
    store: &Connection,
    tenant: &Arc<str>,
    max: usize,
    bytes: &mut u64,
    timeout: Duration,
    now: Timestamp,
) -> rusqlite::Result<Vec<ClaimedRow>> {
    let mut statement = store.prepare_cached(concat!(
        "SELECT d.*, ",
        body_columns!(),
        " FROM deliveries d LEFT JOIN bodies b ON b.delivery = d.seq \
             WHERE d.tenant = :tenant AND d.ready_at <= :now ORDER BY d.ready_at, d.seq LIMIT :max"
    ))?;
    let rows = statement.query_map(
        named_params! {
            ":tenant": tenant,
            ":now": to_nanoseconds(now),
            ":max": i64::try_from(max).unwrap_or(i64::MAX),
        },
        row::envelope,
    )?;
    let mut due = Vec::new();
    for envelope in rows {
        if *bytes == 0 {
            break;
        }
        let mut envelope = envelope?;
        bodies::read_large(store, &mut envelope)?;
        *bytes = bytes.saturating_sub(envelope.body_length());
        due.push(envelope);
    }
    let claimed_until = now.checked_add(timeout).unwrap_or(Timestamp::MAX);
    let mut claimed = Vec::with_capacity(due.len());
    for envelope in due {
        let attempt = envelope.attempts.saturating_add(1);
        mark_claimed(store, envelope.sequence, attempt, claimed_until)?;
        claimed.push(ClaimedRow { tenant: Arc::clone(tenant), envelope, attempt, claimed_until });
    }
    Ok(claimed)
}

impl ClaimedRow {
    /// Decodes the row. The caller does this, which spares the one thread that writes.
    pub(super) fn open(self) -> Result<ClaimedDelivery, UnreadableRow> {
        let Self { attempt, ref envelope, .. } = self;
        let sequence = envelope.sequence;
        self.decode().map_err(|unreadable| {
            error!(%unreadable, sequence, "a delivery cannot be read and is failed");
            UnreadableRow { sequence, attempt, reason: unreadable.to_string() }
        })
    }

    fn decode(self) -> Result<ClaimedDelivery, ColumnError> {
        let Self { tenant, envelope, attempt, claimed_until } = self;
        let (facts, launches) = (envelope.facts()?, envelope.launches()?);
        let (delivery, verification) = envelope.open()?;
        let token = ClaimToken { id: delivery.id.clone(), attempt };
        Ok(ClaimedDelivery { token, delivery, verification, facts, tenant, launches, claimed_until })
    }
}

/// Ends every claim. The caller holds the lock of the file, so the processes that claimed have ended: their claims need
/// not time out.
pub(super) fn release_all(store: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    store
        .prepare(
            "UPDATE deliveries SET state = 'pending', ready_at = min(ready_at, :now) WHERE state = 'claimed'",
        )?
        .execute(named_params! { ":now": to_nanoseconds(now) })
}

fn mark_claimed(store: &Connection, sequence: i64, attempt: u32, until: Timestamp) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE deliveries SET state = 'claimed', attempts = :attempt, ready_at = :until \
             WHERE seq = :seq",
        )?
        .execute(named_params! { ":seq": sequence, ":attempt": attempt, ":until": to_nanoseconds(until) })
        .map(drop)
}

/// Fails a delivery that cannot be read, while the claim on it is held. In the queue it would be claimed again and
/// again.
pub(super) fn fail_unreadable(
    store: &Connection,
    unreadable: &UnreadableRow,
    now: Timestamp,
) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "UPDATE deliveries SET state = 'failed', ready_at = NULL, settled_at = :now, fault = :error \
             WHERE seq = :seq AND state = 'claimed' AND attempts = :attempt",
        )?
        .execute(named_params! {
            ":seq": unreadable.sequence,
            ":attempt": unreadable.attempt,
            ":error": unreadable.reason,
            ":now": to_nanoseconds(now),
        })
        .map(drop)
}
