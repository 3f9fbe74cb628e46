use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use tokio_postgres::Row;
use tracing::error;

use super::Store;
use super::row::{self, column, columns};
use super::session::Session;
use crate::row::Envelope;
use crate::{ClaimRequest, ClaimToken, ClaimedDelivery, JournalError};

/// The tenants that have something due, each with the moment since which the oldest of it is. Leaps from one
/// tenant to the next in the index, whatever the length of their lines.
const WAITING: &str = "\
    WITH RECURSIVE moment AS MATERIALIZED (SELECT clock() AS now), tenants AS ( \
      (SELECT tenant, ready_at FROM deliveries WHERE ready_at IS NOT NULL \
       ORDER BY tenant, ready_at LIMIT 1) \
      UNION ALL \
      SELECT next.tenant, next.ready_at FROM tenants t, LATERAL ( \
        SELECT d.tenant, d.ready_at FROM deliveries d \
        WHERE d.ready_at IS NOT NULL AND d.tenant > t.tenant \
        ORDER BY d.tenant, d.ready_at LIMIT 1) next \
    ) \
    SELECT tenant, ready_at FROM tenants WHERE ready_at <= (SELECT now FROM moment)";

/// Leases what is due of each tenant, in the order in which it became due, and passes over what another
/// replica is leasing at this moment.
const LEASE: &str = concat!(
    "WITH moment AS MATERIALIZED (SELECT clock() AS now), \
    due AS MATERIALIZED ( \
      SELECT d.seq, d.ready_at, share.place \
      FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS share (tenant, size, place), LATERAL ( \
        SELECT seq, ready_at FROM deliveries \
        WHERE tenant = share.tenant AND ready_at <= (SELECT now FROM moment) \
        ORDER BY ready_at, seq LIMIT share.size FOR UPDATE SKIP LOCKED) d \
    ), leased AS ( \
      UPDATE deliveries d SET state = 'claimed', attempts = d.attempts + 1, due = NULL, \
        ready_at = least((SELECT now FROM moment)::numeric + $3::bigint, 9223372036854775807)::bigint \
      FROM due WHERE d.seq = due.seq \
      RETURNING due.place, due.ready_at AS since, d.tenant, ",
    columns!(),
    ") \
    SELECT l.*, b.encoding, b.bytes FROM leased l LEFT JOIN bodies b ON b.delivery = l.seq \
    ORDER BY l.place, l.since, l.seq"
);

/// An entry that cannot be read. As long as it is ours to end: its lease may have run out meanwhile.
const BURY: &str = "\
    UPDATE deliveries SET state = 'failed', ready_at = NULL, due = NULL, settled_at = clock(), fault = $3 \
    WHERE seq = $1 AND state = 'claimed' AND attempts = $2 RETURNING seq";

pub(super) async fn claim(store: &Store, demand: ClaimRequest) -> Result<Vec<ClaimedDelivery>, JournalError> {
    let session = store.sessions.get().await?;
    let mut waiting = Vec::new();
    for row in session.query(WAITING, &[]).await? {
        waiting.push((Arc::from(column::<&str>(&row, "tenant")?), column(&row, "ready_at")?));
    }
    let shares = share(store, waiting, &demand);
    if shares.is_empty() {
        session.keep();
        return Ok(Vec::new());
    }
    let tenants: Vec<&str> = shares.iter().map(|(tenant, _)| tenant.as_ref()).collect();
    let sizes: Vec<_> = shares.iter().map(|(_, size)| i64::try_from(*size).unwrap_or(i64::MAX)).collect();
    let lease = i64::try_from(demand.lease.as_nanos()).unwrap_or(i64::MAX);
    // By our clock, and from before it was asked for: it ends no later for us than for the database.
    let lease_until = Timestamp::now().checked_add(demand.lease).unwrap_or(Timestamp::MAX);
    let rows = session.query(LEASE, &[&tenants, &sizes, &lease]).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        claimed.extend(open(&session, &row, lease_until).await?);
    }
    session.keep();
    Ok(claimed)
}

fn share(store: &Store, waiting: Vec<(Arc<str>, i64)>, demand: &ClaimRequest) -> Vec<(Arc<str>, usize)> {
    let mut turns = store.turns.lock().unwrap_or_else(PoisonError::into_inner);
    let shares = turns.share(waiting, demand.max, |tenant| demand.room(tenant));
    for (tenant, _) in &shares {
        turns.served(tenant);
    }
    shares
}

/// What a row that was leased holds; nothing if it cannot be read.
async fn open(
    session: &Session,
    row: &Row,
    lease_until: Timestamp,
) -> Result<Option<ClaimedDelivery>, JournalError> {
    let tenant: Arc<str> = column::<&str>(row, "tenant")?.into();
    let envelope: Envelope = row::envelope(row)?;
    let (sequence, attempt) = (envelope.sequence, envelope.attempts);
    let launches = envelope.launches();
    match launches.and_then(|launches| Ok((envelope.open()?, launches))) {
        Ok(((delivery, verification), launches)) => {
            let ticket = ClaimToken { id: delivery.id.clone(), attempt };
            Ok(Some(ClaimedDelivery { ticket, delivery, verification, tenant, launches, lease_until }))
        }
        Err(unreadable) => {
            // Left in the queue it would be claimed again and again.
            error!(%unreadable, sequence, "a delivery cannot be read and is failed");
            let attempt = i32::try_from(attempt).unwrap_or(i32::MAX);
            session.query(BURY, &[&sequence, &attempt, &unreadable.to_string()]).await?;
            Ok(None)
        }
    }
}
