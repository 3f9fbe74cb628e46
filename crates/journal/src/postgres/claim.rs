use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use tokio_postgres::Row;
use tracing::{error, warn};

use super::Store;
use super::row::{self, column, columns};
use super::session::Session;
use crate::row::{ColumnError, Envelope};
use crate::{ClaimRequest, ClaimToken, ClaimedDelivery, JournalError, LONGEST_WAIT};

/// The tenants with due deliveries, each with the time since which its oldest is due. Skips from one tenant to the
/// next in the index: the length of a queue does not count. `late` if a delivery is due later than after the longest wait.
const WAITING: &str = "\
    WITH RECURSIVE moment AS MATERIALIZED (SELECT clock() AS now), tenants AS ( \
      (SELECT tenant, ready_at FROM deliveries WHERE ready_at IS NOT NULL \
       ORDER BY tenant, ready_at LIMIT 1) \
      UNION ALL \
      SELECT next.tenant, next.ready_at FROM tenants t, LATERAL ( \
        SELECT d.tenant, d.ready_at FROM deliveries d \
        WHERE d.ready_at IS NOT NULL AND d.tenant > t.tenant \
        ORDER BY d.tenant, d.ready_at LIMIT 1) next \
    ), ends AS ( \
      SELECT t.tenant, least(t.ready_at, (SELECT now FROM moment)) AS since, \
        t.ready_at <= (SELECT now FROM moment) AS due, last.ready_at > (SELECT now FROM moment) + $1 AS late \
      FROM tenants t, LATERAL ( \
        SELECT d.ready_at FROM deliveries d WHERE d.ready_at IS NOT NULL AND d.tenant = t.tenant \
        ORDER BY d.ready_at DESC LIMIT 1) last \
    ) \
    SELECT tenant, since, late FROM ends WHERE due OR late";

/// Makes the deliveries of some tenants due now that a clock which was ahead has made due too late. A claim on one lasts
/// for the time of this one.
const CORRECT: &str = "\
    WITH moment AS MATERIALIZED (SELECT clock() AS now), late AS MATERIALIZED ( \
      SELECT d.seq FROM unnest($1::text[]) AS t (tenant), LATERAL ( \
        SELECT seq FROM deliveries WHERE tenant = t.tenant AND ready_at > (SELECT now FROM moment) + $2 \
        ORDER BY ready_at, seq LIMIT 1000 FOR UPDATE SKIP LOCKED) d \
    ) \
    UPDATE deliveries d SET due = NULL, \
      ready_at = (SELECT now FROM moment) + CASE d.state WHEN 'claimed' THEN $3::bigint ELSE 0 END \
    FROM late WHERE d.seq = late.seq RETURNING d.seq";

/// Claims due deliveries of each tenant, in the order in which they became due, and skips those that another replica is
/// claiming at this moment. Claims no more of them once the bodies of those before fill the budget; the others stay as they
/// are.
const CLAIM: &str = concat!(
    "WITH moment AS MATERIALIZED (SELECT clock() AS now), \
    due AS MATERIALIZED ( \
      SELECT d.seq, d.ready_at, share.place, d.length \
      FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS share (tenant, size, place), LATERAL ( \
        SELECT seq, ready_at, greatest(length, size) AS length FROM deliveries \
        WHERE tenant = share.tenant AND ready_at <= (SELECT now FROM moment) \
        ORDER BY ready_at, seq LIMIT share.size FOR UPDATE SKIP LOCKED) d \
    ), fitting AS MATERIALIZED ( \
      SELECT seq, ready_at, place FROM ( \
        SELECT seq, ready_at, place, sum(length) OVER (ORDER BY place, ready_at, seq) - length AS before \
        FROM due) d \
      WHERE d.before < $4::bigint \
    ), claimed AS ( \
      UPDATE deliveries d SET state = 'claimed', attempts = d.attempts + 1, due = NULL, \
        ready_at = least((SELECT now FROM moment)::numeric + $3::bigint, 9223372036854775807)::bigint \
      FROM fitting due WHERE d.seq = due.seq \
      RETURNING due.place, due.ready_at AS since, d.tenant, ",
    columns!(),
    ") \
    SELECT c.*, b.encoding, b.bytes FROM claimed c LEFT JOIN bodies b ON b.delivery = c.seq \
    ORDER BY c.place, c.since, c.seq"
);

/// Fails a delivery that cannot be read, while the claim on it is held.
const FAIL_UNREADABLE: &str = "\
    UPDATE deliveries SET state = 'failed', ready_at = NULL, due = NULL, settled_at = clock(), fault = $3 \
    WHERE seq = $1 AND state = 'claimed' AND attempts = $2 RETURNING seq";

pub(super) async fn claim(
    store: &Store,
    request: ClaimRequest,
) -> Result<Vec<ClaimedDelivery>, JournalError> {
    let session = store.sessions.get().await?;
    let timeout = i64::try_from(request.timeout().as_nanos()).unwrap_or(i64::MAX);
    let longest = i64::try_from(LONGEST_WAIT.as_nanos()).unwrap_or(i64::MAX);
    let tenants = session.query(WAITING, &[&longest]).await?;
    let (mut waiting, mut late) = (Vec::new(), Vec::new());
    for row in &tenants {
        let tenant = column::<&str>(row, "tenant")?;
        waiting.push((Arc::from(tenant), column(row, "since")?));
        late.extend(column::<bool>(row, "late")?.then_some(tenant));
    }
    if !late.is_empty() {
        let corrected = session.query(CORRECT, &[&late, &longest, &timeout]).await?.len();
        warn!(corrected, "deliveries were due too late, by a clock that was ahead; they are due now");
    }
    let shares = share(store, waiting, &request);
    if shares.is_empty() {
        session.keep();
        return Ok(Vec::new());
    }
    let tenants: Vec<&str> = shares.iter().map(|(tenant, _)| tenant.as_ref()).collect();
    let sizes: Vec<_> = shares.iter().map(|(_, size)| i64::try_from(*size).unwrap_or(i64::MAX)).collect();
    let bytes = i64::try_from(request.bytes).unwrap_or(i64::MAX);
    // By this process's clock, from before the call: here the claim times out no later than in the database.
    let claimed_until = Timestamp::now().checked_add(request.timeout()).unwrap_or(Timestamp::MAX);
    let rows = session.query(CLAIM, &[&tenants, &sizes, &timeout, &bytes]).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        claimed.extend(open(&session, &row, claimed_until).await?);
    }
    session.keep();
    Ok(claimed)
}

fn share(store: &Store, waiting: Vec<(Arc<str>, i64)>, request: &ClaimRequest) -> Vec<(Arc<str>, usize)> {
    let mut round_robin = store.round_robin.lock().unwrap_or_else(PoisonError::into_inner);
    let shares = round_robin.share(waiting, request.max, |tenant| request.room(tenant));
    for (tenant, _) in &shares {
        round_robin.served(tenant);
    }
    shares
}

/// The delivery of a claimed row; `None` if it cannot be read, and is failed.
async fn open(
    session: &Session,
    row: &Row,
    claimed_until: Timestamp,
) -> Result<Option<ClaimedDelivery>, JournalError> {
    let tenant: Arc<str> = column::<&str>(row, "tenant")?.into();
    let envelope: Envelope = row::envelope(row)?;
    let (sequence, attempt) = (envelope.sequence, envelope.attempts);
    match decode(tenant, envelope, claimed_until) {
        Ok(claimed) => Ok(Some(claimed)),
        Err(unreadable) => {
            // In the queue it would be claimed again and again.
            error!(%unreadable, sequence, "a delivery cannot be read and is failed");
            let attempt = i32::try_from(attempt).unwrap_or(i32::MAX);
            session.query(FAIL_UNREADABLE, &[&sequence, &attempt, &unreadable.to_string()]).await?;
            Ok(None)
        }
    }
}

fn decode(
    tenant: Arc<str>,
    envelope: Envelope,
    claimed_until: Timestamp,
) -> Result<ClaimedDelivery, ColumnError> {
    let attempt = envelope.attempts;
    let (facts, launches) = (envelope.facts()?, envelope.launches()?);
    let (delivery, verification) = envelope.open()?;
    let token = ClaimToken { id: delivery.id.clone(), attempt };
    Ok(ClaimedDelivery { token, delivery, verification, facts, tenant, launches, claimed_until })
}
