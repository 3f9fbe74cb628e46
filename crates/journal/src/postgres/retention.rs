use std::time::Duration;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;

use super::Store;
use super::row::column;
use crate::row::tier;
use crate::timestamp::{from_nanoseconds, to_nanoseconds};
use crate::{JournalError, LONGEST_WAIT, Pruned, Retention, Usage};

/// Few enough that a call which waits for one of the rows does not wait long.
const BATCH: i64 = 100;

const TOTALS: &str = "\
    SELECT count(*) FILTER (WHERE tier = 0) AS whole, count(*) FILTER (WHERE tier = 1) AS bodiless, \
      coalesce(sum(size) FILTER (WHERE tier = 0), 0)::bigint AS bytes, clock() AS now \
    FROM deliveries WHERE tier < 2 AND settled_at IS NOT NULL";

/// The tables of the first schema in the search path, which is the journal's.
const USAGE: &str = "\
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes, \
      (SELECT coalesce(sum(size), 0)::bigint FROM deliveries \
       WHERE tier = 0 AND settled_at IS NOT NULL) AS payloads \
    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'";

/// The first row that may stay if so many have to go.
const BOUND: &str = "\
    SELECT settled_at, seq FROM deliveries WHERE tier = $1 AND settled_at IS NOT NULL \
    ORDER BY settled_at, seq OFFSET $2 LIMIT 1";

/// The oldest rows of a tier before a bound, except those that another replica has locked.
macro_rules! chosen {
    () => {
        "WITH chosen AS MATERIALIZED ( \
           SELECT seq FROM deliveries \
           WHERE tier = $1 AND settled_at IS NOT NULL AND (settled_at, seq) < ($2, $3) \
           ORDER BY settled_at, seq LIMIT $4 FOR UPDATE SKIP LOCKED)"
    };
}

const DROP_BODIES: &str = concat!(
    chosen!(),
    ", dropped AS (DELETE FROM bodies b USING chosen WHERE b.delivery = chosen.seq) \
     UPDATE deliveries d SET tier = 1, size = 0 FROM chosen WHERE d.seq = chosen.seq"
);

/// The verification stays: it distinguishes a repetition from a delivery that a further key verifies.
const REDUCE_TO_KEYS: &str = concat!(
    chosen!(),
    ", dropped AS (DELETE FROM bodies b USING chosen WHERE b.delivery = chosen.seq) \
     UPDATE deliveries d SET tier = 2, size = 0, decisions = NULL, facts = NULL, launches = NULL, fault = NULL, \
       replay = NULL, replay_of = NULL, headers = '{\"v\":1,\"data\":[]}' \
     FROM chosen WHERE d.seq = chosen.seq"
);

const DELETE_KEYS: &str =
    concat!(chosen!(), " DELETE FROM deliveries d USING chosen WHERE d.seq = chosen.seq");

/// Has the deliveries settled now that were settled by a clock which was ahead: they would be retained until its date.
const CORRECT: &str = "\
    UPDATE deliveries SET settled_at = clock() WHERE seq IN ( \
      SELECT d.seq FROM unnest('{0,1,2}'::smallint[]) AS t (tier), LATERAL ( \
        SELECT seq FROM deliveries WHERE tier = t.tier AND settled_at > clock() + $1::bigint LIMIT $2 \
        FOR UPDATE SKIP LOCKED) d)";

/// A position in the order in which a tier was settled: earlier rows are pruned. It is a position rather than a
/// number, so that two replicas that find the same excess prune it once.
type Bound = (i64, i64);

/// Before every row.
const NOTHING: Bound = (i64::MIN, i64::MIN);

/// After every row.
const ALL: Bound = (i64::MAX, i64::MAX);

/// The bound of each step.
struct Plan {
    bodies: Bound,
    bodiless: Bound,
    whole: Bound,
    keys: Bound,
}

/// Sums the sizes of the tables with their indexes.
pub(super) async fn usage(store: &Store) -> Result<Usage, JournalError> {
    let session = store.sessions.get().await?;
    let rows = session.query(USAGE, &[]).await?;
    session.keep();
    let Some(row) = rows.first() else { return Ok(Usage::default()) };
    Ok(Usage {
        bytes: column::<i64>(row, "bytes")?.unsigned_abs(),
        payload_bytes: column::<i64>(row, "payloads")?.unsigned_abs(),
        free_bytes: None,
    })
}

/// Deletes a batch. Planning is not part of the transaction that writes.
pub(super) async fn prune(store: &Store, retention: &Retention) -> Result<Pruned, JournalError> {
    let mut session = store.sessions.get().await?;
    let longest = i64::try_from(LONGEST_WAIT.as_nanos()).unwrap_or(i64::MAX);
    session.query(CORRECT, &[&longest, &BATCH]).await?;
    // One snapshot: rows that another replica prunes in between must not be counted twice.
    let moment =
        session.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start();
    let moment = moment.await?;
    let plan = plan(&moment, retention).await?;
    moment.commit().await?;
    let transaction = session.transaction().await?;
    let mut pruned = Pruned {
        payloads: run(&transaction, DROP_BODIES, tier::WHOLE, plan.bodies).await?,
        ..Pruned::default()
    };
    // Deliveries without a body are mostly older than those with one.
    pruned.deliveries += run(&transaction, REDUCE_TO_KEYS, tier::BODILESS, plan.bodiless).await?;
    pruned.deliveries += run(&transaction, REDUCE_TO_KEYS, tier::WHOLE, plan.whole).await?;
    pruned.keys += run(&transaction, DELETE_KEYS, tier::KEY, plan.keys).await?;
    transaction.commit().await?;
    session.keep();
    Ok(pruned)
}

async fn run(
    transaction: &Transaction<'_>,
    statement: &str,
    tier: u8,
    (settled_at, sequence): Bound,
) -> Result<u64, JournalError> {
    let statement = transaction.prepare_cached(statement).await?;
    let values: [&(dyn ToSql + Sync); 4] = [&i16::from(tier), &settled_at, &sequence, &BATCH];
    Ok(transaction.execute(&statement, &values).await?)
}

/// Compares the totals with the limits, by the clock of the database.
async fn plan(moment: &Transaction<'_>, retention: &Retention) -> Result<Plan, JournalError> {
    let statement = moment.prepare_cached(TOTALS).await?;
    let totals = moment.query_one(&statement, &[]).await?;
    let total = |name| column::<i64>(&totals, name).map(i64::unsigned_abs);
    let (whole, bodiless, bytes) = (total("whole")?, total("bodiless")?, total("bytes")?);
    let now = from_nanoseconds(column(&totals, "now")?);
    let before = |age: Duration| (to_nanoseconds(now.checked_sub(age).unwrap_or(Timestamp::MIN)), i64::MIN);
    // The number of deliveries in excess is an estimate from their mean size; the next call corrects it.
    let mean = (bytes / whole.max(1)).max(1);
    let bodies_in_excess = bytes.saturating_sub(retention.max_payload_bytes).div_ceil(mean);
    let excess = (whole + bodiless).saturating_sub(retention.max_deliveries);
    let of_bodiless = excess.min(bodiless);
    let deliveries = before(retention.deliveries.min(retention.keys));
    let payloads = before(retention.payloads.min(retention.deliveries).min(retention.keys));
    Ok(Plan {
        bodies: payloads.max(bound(moment, tier::WHOLE, bodies_in_excess).await?),
        bodiless: deliveries.max(bound(moment, tier::BODILESS, of_bodiless).await?),
        whole: deliveries.max(bound(moment, tier::WHOLE, excess - of_bodiless).await?),
        keys: before(retention.keys),
    })
}

/// The bound after the `excess` oldest rows of a tier. No further than a batch: finding a later one would only take
/// longer.
async fn bound(moment: &Transaction<'_>, tier: u8, excess: u64) -> Result<Bound, JournalError> {
    if excess == 0 {
        return Ok(NOTHING);
    }
    let offset = i64::try_from(excess).unwrap_or(BATCH).min(BATCH);
    let statement = moment.prepare_cached(BOUND).await?;
    let rows = moment.query(&statement, &[&i16::from(tier), &offset]).await?;
    match rows.first() {
        Some(row) => Ok((column(row, "settled_at")?, column(row, "seq")?)),
        None => Ok(ALL),
    }
}
