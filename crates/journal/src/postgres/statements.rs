//! The statements about one delivery, or about the queue as a whole, that have no file of their own.

use tokio_postgres::types::ToSql;
use trigger_core::DeliveryId;

use super::Store;
use super::row::{self, column, columns};
use crate::new_delivery::NewReplay;
use crate::row::tier;
use crate::space_request::SpaceRequest;
use crate::timestamp::from_nanoseconds;
use crate::{JournalError, Record, ReplayOutcome, Stats};

const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", b.encoding, b.bytes, \
       ARRAY(SELECT r.id FROM deliveries r WHERE r.replay_of = d.id ORDER BY r.seq) AS replays \
     FROM deliveries d LEFT JOIN bodies b ON b.delivery = d.seq WHERE d.id = $1"
);

/// Copies a settled or failed delivery, under another id. All parts see one snapshot. The original is locked, so that it is
/// not decided again at the same moment.
const REPLAY: &str = "\
    WITH old AS MATERIALIZED ( \
      SELECT seq, state, tier FROM deliveries WHERE id = $1 AND tier < 2 FOR NO KEY UPDATE \
    ), moment AS MATERIALIZED (SELECT clock() AS now), \
    new AS ( \
      INSERT INTO deliveries (id, state, ready_at, received_at, event, repository, source, path, \
        provider_id, headers, proof, tenant, size, length, facts, replay_of, replay) \
      SELECT $2, 'pending', (SELECT now FROM moment), (SELECT now FROM moment), d.event, d.repository, \
        d.source, d.path, d.provider_id, d.headers, coalesce($4, d.proof), coalesce($5, d.tenant), d.size, \
        d.length, d.facts, $1, $3 \
      FROM deliveries d JOIN old ON old.seq = d.seq \
      WHERE old.state IN ('settled', 'failed') AND old.tier = 0 \
      ON CONFLICT (id) DO NOTHING RETURNING seq \
    ), kept AS ( \
      INSERT INTO bodies (delivery, encoding, bytes) \
      SELECT new.seq, b.encoding, b.bytes FROM new, old JOIN bodies b ON b.delivery = old.seq \
    ) \
    SELECT old.state, old.tier, EXISTS (SELECT FROM new) AS is_new FROM old";

/// What the copy of a delivery takes beside a row of short columns.
const SIZE_OF_COPY: &str = "\
    SELECT tenant, \
      size + octet_length(headers) + octet_length(proof) + coalesce(octet_length(facts), 0) AS bytes \
    FROM deliveries WHERE id = $1 AND tier = 0 AND state IN ('settled', 'failed')";

const KNOWN: &str = "SELECT EXISTS (SELECT FROM deliveries WHERE id = $1) AS is_known";

const VERIFICATION: &str = "SELECT proof FROM deliveries WHERE id = $1 AND tier < 2";

const STATS: &str = "\
    SELECT count(*) FILTER (WHERE state = 'pending') AS pending, \
      count(*) FILTER (WHERE state = 'claimed') AS claimed, min(received_at) AS oldest \
    FROM deliveries WHERE ready_at IS NOT NULL";

/// One delivery with its body.
pub(super) async fn find(store: &Store, id: &DeliveryId) -> Result<Option<Record>, JournalError> {
    let session = store.sessions.get().await?;
    let rows = session.query(FIND, &[&id.as_str()]).await?;
    session.keep();
    let Some(row) = rows.first() else { return Ok(None) };
    let mut record = row::stored(row)?.into_record()?;
    let replays = column::<Vec<&str>>(row, "replays")?;
    let parsed = replays.into_iter().map(str::parse).collect::<Result<_, _>>();
    record.replays = parsed.map_err(|_| JournalError::Corrupt {
        reason: format!("a replay of delivery {id} has an invalid id"),
    })?;
    Ok(Some(record))
}

/// The stored verification of a delivery.
pub(super) async fn verification(store: &Store, id: &DeliveryId) -> Result<Option<String>, JournalError> {
    let session = store.sessions.get().await?;
    let rows = session.query(VERIFICATION, &[&id.as_str()]).await?;
    session.keep();
    rows.first().map(|row| column(row, "proof")).transpose()
}

/// Queues a copy of a settled or failed delivery.
pub(super) async fn replay(store: &Store, new: &NewReplay) -> Result<ReplayOutcome, JournalError> {
    let NewReplay { request, replay, restricted } = new;
    let (verification, tenant) = restricted.as_ref().map(|(text, tenant)| (text, tenant.as_ref())).unzip();
    let id = request.id();
    let session = store.sessions.get().await?;
    let rows = session.query(SIZE_OF_COPY, &[&request.of.as_str()]).await?;
    let mut space = None;
    if let Some(row) = rows.first() {
        let (owner, bytes) = (column::<&str>(row, "tenant")?.into(), column::<i64>(row, "bytes")?);
        space = Some(new.space(owner, bytes.unsigned_abs()));
    }
    let space = space.as_ref().map(|(tenant, bytes)| SpaceRequest {
        id: &id,
        tenant,
        bytes: *bytes,
        spared: Some(&request.of),
    });
    if let Some(space) = space
        && let Err(error) = store.accounts.make_room(&session, space).await
    {
        // A repetition stores nothing.
        let is_full = matches!(error, JournalError::TenantFull { .. });
        if !is_full || !column::<bool>(&session.query_one(KNOWN, &[&id.as_str()]).await?, "is_known")? {
            return Err(error);
        }
    }
    let values: [&(dyn ToSql + Sync); 5] =
        [&request.of.as_str(), &id.as_str(), replay, &verification, &tenant];
    let copied = session.query(REPLAY, &values).await;
    // Also if it is unknown whether the commit happened: an unnecessary claim costs little.
    let Ok(rows) = &copied else {
        store.wakeups.announce();
        return Err(copied
            .err()
            .map_or_else(|| JournalError::unavailable_because("the copy failed"), Into::into));
    };
    session.keep();
    let Some(row) = rows.first() else { return Ok(ReplayOutcome::Missing) };
    if column::<bool>(row, "is_new")? {
        store.wakeups.announce();
        if let Some(space) = space {
            store.accounts.stored(space);
        }
        return Ok(ReplayOutcome::New(id));
    }
    Ok(match (column(row, "state")?, u8::try_from(column::<i16>(row, "tier")?)) {
        ("pending" | "claimed", _) => ReplayOutcome::InProgress,
        (_, Ok(tier::WHOLE)) => ReplayOutcome::Known(id),
        _ => ReplayOutcome::BodyGone,
    })
}

/// Counts the queue.
pub(super) async fn stats(store: &Store) -> Result<Stats, JournalError> {
    let session = store.sessions.get().await?;
    let row = session.query_one(STATS, &[]).await?;
    session.keep();
    Ok(Stats {
        pending: column::<i64>(&row, "pending")?.unsigned_abs(),
        claimed: column::<i64>(&row, "claimed")?.unsigned_abs(),
        oldest_unsettled: column::<Option<i64>>(&row, "oldest")?.map(from_nanoseconds),
    })
}

/// Writes one row, as durably as every other.
pub(super) async fn write_heartbeat(store: &Store) -> Result<(), JournalError> {
    let session = store.sessions.get().await?;
    session.query("UPDATE heartbeat SET at = clock()", &[]).await?;
    session.keep();
    Ok(())
}
