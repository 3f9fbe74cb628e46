use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;
use trigger_core::DeliveryId;

use super::group_commit::{Answers, Operation};
use super::row::column;
use super::session::Session;
use super::{Store, text};
use crate::new_delivery::{NewDelivery, Reopens};
use crate::reopening::{KnownRow, LaunchHistory, Reopening};
use crate::timestamp::to_nanoseconds;
use crate::{AppendOutcome, JournalError, State};

/// How often an append is repeated because the row disappeared, or was no longer failed. Other replicas have to prune
/// or reopen it in between, so a second time is already rare.
const MOST_TRIES: usize = 5;

/// Inserts the unknown deliveries, in one statement that is one commit. Every replica inserts in the order of the
/// ids, so that two replicas with the same deliveries do not wait for each other. `place` keeps the order of arrival.
const INSERT: &str = "\
    WITH entry AS ( \
      SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
          $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[], $14::bytea[], \
          $15::text[], $16::text[], $17::bigint[]) \
        AS e (id, place, received_at, event, repository, source, path, provider_id, headers, proof, tenant, \
          size, encoding, bytes, decisions, facts, length) \
    ), moment AS MATERIALIZED (SELECT clock() AS now), \
    new AS ( \
      INSERT INTO deliveries (id, state, ready_at, settled_at, attempts, received_at, event, repository, \
        source, path, provider_id, headers, proof, tenant, size, decisions, facts, length) \
      SELECT id, \
        CASE WHEN decisions IS NULL THEN 'pending' ELSE 'settled' END, \
        CASE WHEN decisions IS NULL THEN (SELECT now FROM moment) + place END, \
        CASE WHEN decisions IS NOT NULL THEN (SELECT now FROM moment) END, \
        CASE WHEN decisions IS NULL THEN 0 ELSE 1 END, \
        received_at, event, repository, source, path, provider_id, headers, proof, tenant, size, decisions, facts, \
        length \
      FROM entry ORDER BY id COLLATE \"C\" \
      ON CONFLICT (id) DO NOTHING RETURNING seq, id \
    ), kept AS ( \
      INSERT INTO bodies (delivery, encoding, bytes) \
      SELECT new.seq, entry.encoding, entry.bytes FROM new JOIN entry ON entry.id = new.id \
    ) \
    SELECT id FROM new";

/// Returns a delivery that arrived again to the queue, as [`Reopening`] says, unless another replica has changed its state
/// or its verification since it was read. The body is stored again, because it may have been pruned. The result of the last
/// attempt stays until the next one ends, and so do the facts.
const REOPEN: &str = "\
    WITH known AS ( \
      UPDATE deliveries SET state = 'pending', ready_at = clock(), due = NULL, settled_at = NULL, \
        idle_attempts = CASE WHEN state = 'settled' THEN attempts ELSE idle_attempts END, \
        received_at = $2, proof = $9, tenant = $10, tier = 0, size = $11, length = $16, \
        event = CASE WHEN $15 THEN $3 ELSE event END, \
        repository = CASE WHEN $15 THEN $4 ELSE repository END, \
        source = CASE WHEN $15 THEN $5 ELSE source END, \
        path = CASE WHEN $15 THEN $6 ELSE path END, \
        provider_id = CASE WHEN $15 THEN $7 ELSE provider_id END, \
        headers = CASE WHEN $15 THEN $8 ELSE headers END \
      WHERE id = $1 AND state = $17 AND proof = $14 RETURNING seq, id \
    ), kept AS ( \
      INSERT INTO bodies (delivery, encoding, bytes) SELECT seq, $12, $13 FROM known \
      ON CONFLICT (delivery) DO UPDATE SET encoding = excluded.encoding, bytes = excluded.bytes \
    ) \
    SELECT id FROM known";

const STATES: &str = "SELECT id, state FROM deliveries WHERE id = ANY($1)";

const FAILED: &str = "SELECT proof, headers, tier FROM deliveries WHERE id = $1 AND state = 'failed'";

/// Reads a settled delivery, and locks it until the transaction ends: a replay locks it, too.
const SETTLED: &str = "\
    SELECT proof, headers, tier, launches, attempts, idle_attempts FROM deliveries \
    WHERE id = $1 AND state = 'settled' FOR NO KEY UPDATE";

/// A statement of its own after [`SETTLED`], so that it sees a replay that was waited for.
const HAS_REPLAY: &str = "SELECT EXISTS (SELECT FROM deliveries WHERE replay_of = $1) AS has_replay";

impl Operation for NewDelivery {
    type Answer = AppendOutcome;

    fn id(&self) -> &DeliveryId {
        &self.delivery.id
    }

    fn bytes(&self) -> usize {
        self.body_bytes()
    }

    async fn execute(store: &Store, operations: &[&Self]) -> Answers<AppendOutcome> {
        let session = store.sessions.get().await?;
        let mut full = HashMap::new();
        for operation in operations {
            match store.accounts.make_room(&session, operation.space()).await {
                Ok(()) => {}
                // A repetition stores nothing.
                Err(error @ JournalError::TenantFull { .. }) => {
                    if states(&session, &[operation]).await?.is_empty() {
                        full.insert(operation.id(), error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let with_room: Vec<_> =
            operations.iter().filter(|operation| !full.contains_key(operation.id())).copied().collect();
        let mut answers = append_all(store, session, &with_room).await?.into_iter();
        let missing = || Err(JournalError::unavailable_because("the operation was not run"));
        let answers = operations.iter().map(|operation| match full.remove(operation.id()) {
            Some(error) => Err(error),
            None => answers.next().unwrap_or_else(missing),
        });
        Ok(answers.collect())
    }
}

/// Inserts the deliveries that are not known, and reopens those that have failed or started nothing and may be reopened.
async fn append_all(store: &Store, session: Session, operations: &[&NewDelivery]) -> Answers<AppendOutcome> {
    if operations.is_empty() {
        session.keep();
        return Ok(Vec::new());
    }
    let inserted = insert(&session, operations).await;
    // Also if it is unknown whether the commit happened, or which deliveries were new: an unnecessary claim costs
    // little.
    let any_new = inserted.as_ref().map_or(true, |new| !new.is_empty());
    if any_new && operations.iter().any(|operation| operation.decisions.is_none()) {
        store.wakeups.announce();
    }
    let new = ids(&inserted?)?;
    for operation in operations.iter().filter(|operation| new.contains(operation.id().as_str())) {
        store.accounts.stored(operation.space());
    }
    let known: Vec<_> =
        operations.iter().filter(|operation| !new.contains(operation.id().as_str())).copied().collect();
    if known.is_empty() {
        session.keep();
        return Ok(operations.iter().map(|_| Ok(AppendOutcome::New)).collect());
    }
    let mut states = states(&session, &known).await?;
    let mut answers = Vec::with_capacity(operations.len());
    for operation in operations {
        if new.contains(operation.id().as_str()) {
            answers.push(Ok(AppendOutcome::New));
            continue;
        }
        let answer = match states.remove(operation.id().as_str()).as_deref() {
            Some("settled") if operation.reopens == Reopens::FailedOrIdle => {
                reopen_idle(store, &session, operation).await
            }
            Some("settled") => Ok(AppendOutcome::Settled),
            Some("pending" | "claimed") => Ok(AppendOutcome::InProgress),
            Some("failed") if operation.reopens == Reopens::Nothing => Ok(AppendOutcome::Failed),
            _ => reopen_or_insert(store, &session, operation).await,
        };
        answers.push(answer);
    }
    if answers.iter().all(Result::is_ok) {
        session.keep();
    }
    Ok(answers)
}

/// Reopens a failed delivery, or inserts one whose key was pruned in between.
async fn reopen_or_insert(
    store: &Store,
    session: &Session,
    new: &NewDelivery,
) -> Result<AppendOutcome, JournalError> {
    for _ in 0..MOST_TRIES {
        if new.reopens != Reopens::Nothing
            && let Some(stored) = failed_row(session, new).await?
        {
            let reopened = reopen(session, new, State::Failed, &stored).await;
            if reopened.as_ref().map_or(true, |known| !known.is_empty()) {
                store.wakeups.announce();
            }
            if !reopened?.is_empty() {
                return Ok(AppendOutcome::Reopened);
            }
        }
        match states(session, &[new]).await?.remove(new.id().as_str()).as_deref() {
            Some("settled") => return Ok(AppendOutcome::Settled),
            Some("pending" | "claimed") => return Ok(AppendOutcome::InProgress),
            Some(_) if new.reopens == Reopens::Nothing => return Ok(AppendOutcome::Failed),
            Some(_) => {}
            None => {
                if !insert(session, &[new]).await?.is_empty() {
                    store.wakeups.announce();
                    return Ok(AppendOutcome::New);
                }
            }
        }
    }
    Err(JournalError::unavailable_because("other replicas keep changing the delivery"))
}

/// Reopens a settled delivery that has started nothing. In a transaction, so that no replay is made in between.
async fn reopen_idle(
    store: &Store,
    session: &Session,
    new: &NewDelivery,
) -> Result<AppendOutcome, JournalError> {
    // The session is discarded after an error, and its transaction with it.
    session.batch_execute("BEGIN").await?;
    let reopened = match idle_row(session, new).await? {
        Some(stored) => reopen(session, new, State::Settled, &stored).await?,
        None => Vec::new(),
    };
    let committed = session.batch_execute("COMMIT").await;
    if reopened.is_empty() {
        committed?;
        // Another replica may have reopened it.
        return reopen_or_insert(store, session, new).await;
    }
    store.wakeups.announce();
    committed?;
    Ok(AppendOutcome::Reopened)
}

/// A settled delivery that has started nothing.
async fn idle_row(session: &Session, new: &NewDelivery) -> Result<Option<KnownRow>, JournalError> {
    let id = new.id().as_str();
    let rows = session.query(SETTLED, &[&id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let stored = known_row(row)?;
    let history = LaunchHistory {
        tier: stored.tier,
        launches: column(row, "launches")?,
        attempts: column::<i32>(row, "attempts")?.into(),
        idle_attempts: column::<i32>(row, "idle_attempts")?.into(),
        has_replay: column(&session.query_one(HAS_REPLAY, &[&id]).await?, "has_replay")?,
    };
    Ok(history.is_idle().then_some(stored))
}

async fn insert(session: &Session, deliveries: &[&NewDelivery]) -> Result<Vec<Row>, tokio_postgres::Error> {
    let column =
        |of: fn(&NewDelivery) -> &str| deliveries.iter().map(|new| text(of(new))).collect::<Vec<_>>();
    let number = |of: fn(&NewDelivery) -> i64| deliveries.iter().map(|new| of(new)).collect::<Vec<_>>();
    let places: Vec<i64> = (0..).take(deliveries.len()).collect();
    let repositories: Vec<_> = deliveries.iter().map(|new| new.repository.as_deref()).collect();
    let provider_ids: Vec<_> =
        deliveries.iter().map(|new| new.delivery.provider_id.as_deref().map(text)).collect();
    let bytes: Vec<_> = deliveries.iter().map(|new| new.body.bytes.as_ref()).collect();
    let decisions: Vec<_> = deliveries.iter().map(|new| new.decisions.as_deref().map(text)).collect();
    let facts: Vec<_> = deliveries.iter().map(|new| new.facts.as_deref().map(text)).collect();
    session
        .query(
            INSERT,
            &[
                &column(|new| new.delivery.id.as_str()),
                &places,
                &number(|new| to_nanoseconds(new.delivery.received_at)),
                &column(|new| &new.delivery.event),
                &repositories,
                &column(|new| &new.delivery.source),
                &column(|new| &new.delivery.path),
                &provider_ids,
                &column(|new| &new.headers),
                &column(|new| &new.verification),
                &column(|new| &new.tenant),
                &number(NewDelivery::size),
                &column(|new| &new.body.encoding),
                &bytes,
                &decisions,
                &facts,
                &number(NewDelivery::length),
            ],
        )
        .await
}

async fn failed_row(session: &Session, new: &NewDelivery) -> Result<Option<KnownRow>, JournalError> {
    let rows = session.query(FAILED, &[&new.id().as_str()]).await?;
    rows.first().map(known_row).transpose()
}

fn known_row(row: &Row) -> Result<KnownRow, JournalError> {
    let tier = u8::try_from(column::<i16>(row, "tier")?).unwrap_or(u8::MAX);
    Ok(KnownRow { verification: column(row, "proof")?, headers: column(row, "headers")?, tier })
}

/// Makes a delivery pending that is in this state. The id, unless another replica has changed it.
async fn reopen(
    session: &Session,
    new: &NewDelivery,
    from: State,
    stored: &KnownRow,
) -> Result<Vec<Row>, JournalError> {
    let delivery = &new.delivery;
    let reopening = Reopening::of(new, stored)?;
    let reopened = session
        .query(
            REOPEN,
            &[
                &delivery.id.as_str(),
                &to_nanoseconds(delivery.received_at),
                &text(&delivery.event),
                &new.repository,
                &text(&delivery.source),
                &text(&delivery.path),
                &delivery.provider_id.as_deref().map(text),
                &text(&new.headers),
                &text(&reopening.verification),
                &reopening.tenant.as_ref(),
                &new.size(),
                &new.body.encoding.as_ref(),
                &new.body.bytes.as_ref(),
                &stored.verification,
                &reopening.replaces_request,
                &new.length(),
                &from.name(),
            ],
        )
        .await?;
    Ok(reopened)
}

async fn states(
    session: &Session,
    deliveries: &[&NewDelivery],
) -> Result<HashMap<String, String>, JournalError> {
    let ids: Vec<_> = deliveries.iter().map(|new| new.id().as_str()).collect();
    let rows = session.query(STATES, &[&ids]).await?;
    rows.iter().map(|row| Ok((column(row, "id")?, column(row, "state")?))).collect()
}

fn ids(rows: &[Row]) -> Result<HashSet<String>, JournalError> {
    rows.iter().map(|row| column(row, "id")).collect()
}
