use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;
use trigger_core::DeliveryId;

use super::group_commit::{Answers, Operation};
use super::row::column;
use super::session::Session;
use super::{Store, text};
use crate::new_delivery::NewDelivery;
use crate::timestamp::to_nanoseconds;
use crate::{AppendOutcome, JournalError};

/// How often an entry is tried again that was there and then was not, or failed and then had not: others
/// have to forget it and bring it again in between, so that one more time is already rare.
const TRIES: usize = 5;

/// Inserts what is not known, in one statement that is one commit. Every replica inserts in the order of the
/// ids, so that two which have the same deliveries in hand do not wait for each other. `place` keeps the
/// order in which they came.
const INSERT: &str = "\
    WITH entry AS ( \
      SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], \
          $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::text[], $14::bytea[], \
          $15::text[]) \
        AS e (id, place, received_at, event, repository, source, path, provider_id, headers, proof, tenant, \
          size, encoding, bytes, decisions) \
    ), moment AS MATERIALIZED (SELECT clock() AS now), \
    new AS ( \
      INSERT INTO deliveries (id, state, ready_at, settled_at, attempts, received_at, event, repository, \
        source, path, provider_id, headers, proof, tenant, size, decisions) \
      SELECT id, \
        CASE WHEN decisions IS NULL THEN 'pending' ELSE 'settled' END, \
        CASE WHEN decisions IS NULL THEN (SELECT now FROM moment) + place END, \
        CASE WHEN decisions IS NOT NULL THEN (SELECT now FROM moment) END, \
        CASE WHEN decisions IS NULL THEN 0 ELSE 1 END, \
        received_at, event, repository, source, path, provider_id, headers, proof, tenant, size, decisions \
      FROM entry ORDER BY id COLLATE \"C\" \
      ON CONFLICT (id) DO NOTHING RETURNING seq, id \
    ), kept AS ( \
      INSERT INTO bodies (delivery, encoding, bytes) \
      SELECT new.seq, entry.encoding, entry.bytes FROM new JOIN entry ON entry.id = new.id \
    ) \
    SELECT id FROM new";

/// Takes what has just arrived in place of what had failed: its proof is the one that holds today, and its
/// body may have been dropped since. What the last attempt came to stays until the next one ends.
const REOPEN: &str = "\
    WITH known AS ( \
      UPDATE deliveries SET state = 'pending', ready_at = clock(), due = NULL, settled_at = NULL, \
        received_at = $2, event = $3, repository = $4, source = $5, path = $6, provider_id = $7, \
        headers = $8, proof = $9, tenant = $10, tier = 0, size = $11 \
      WHERE id = $1 AND state = 'failed' RETURNING seq, id \
    ), kept AS ( \
      INSERT INTO bodies (delivery, encoding, bytes) SELECT seq, $12, $13 FROM known \
      ON CONFLICT (delivery) DO UPDATE SET encoding = excluded.encoding, bytes = excluded.bytes \
    ) \
    SELECT id FROM known";

const STATES: &str = "SELECT id, state FROM deliveries WHERE id = ANY($1)";

impl Operation for NewDelivery {
    type Answer = AppendOutcome;

    fn id(&self) -> &DeliveryId {
        &self.delivery.id
    }

    fn bytes(&self) -> usize {
        self.body_bytes()
    }

    async fn carry_out(store: &Store, jobs: &[&Self]) -> Answers<AppendOutcome> {
        let session = store.sessions.get().await?;
        let inserted = insert(&session, jobs).await;
        // Also if it is not known whether it happened, or if others were new than those: to look for nothing
        // costs little.
        let any_new = inserted.as_ref().map_or(true, |new| !new.is_empty());
        if any_new && jobs.iter().any(|job| job.decisions.is_none()) {
            store.arrivals.announce();
        }
        let new = ids(&inserted?)?;
        let known: Vec<_> = jobs.iter().filter(|job| !new.contains(job.id().as_str())).copied().collect();
        if known.is_empty() {
            session.keep();
            return Ok(jobs.iter().map(|_| Ok(AppendOutcome::New)).collect());
        }
        let mut states = states(&session, &known).await?;
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            if new.contains(job.id().as_str()) {
                answers.push(Ok(AppendOutcome::New));
                continue;
            }
            let answer = match states.remove(job.id().as_str()).as_deref() {
                Some("settled") => Ok(AppendOutcome::Settled),
                Some("pending" | "claimed") => Ok(AppendOutcome::InProgress),
                _ => again(store, &session, job).await,
            };
            answers.push(answer);
        }
        if answers.iter().all(Result::is_ok) {
            session.keep();
        }
        Ok(answers)
    }
}

/// Opens what had failed, or inserts what was forgotten just now.
async fn again(store: &Store, session: &Session, entry: &NewDelivery) -> Result<AppendOutcome, JournalError> {
    for _ in 0..TRIES {
        let reopened = reopen(session, entry).await;
        if reopened.as_ref().map_or(true, |known| !known.is_empty()) {
            store.arrivals.announce();
        }
        if !reopened?.is_empty() {
            return Ok(AppendOutcome::Reopened);
        }
        match states(session, &[entry]).await?.remove(entry.id().as_str()).as_deref() {
            Some("settled") => return Ok(AppendOutcome::Settled),
            Some("pending" | "claimed") => return Ok(AppendOutcome::InProgress),
            Some(_) => {}
            None => {
                if !insert(session, &[entry]).await?.is_empty() {
                    store.arrivals.announce();
                    return Ok(AppendOutcome::New);
                }
            }
        }
    }
    Err(JournalError::refused("others keep changing the delivery"))
}

async fn insert(session: &Session, entries: &[&NewDelivery]) -> Result<Vec<Row>, tokio_postgres::Error> {
    let column =
        |of: fn(&NewDelivery) -> &str| entries.iter().map(|entry| text(of(entry))).collect::<Vec<_>>();
    let number = |of: fn(&NewDelivery) -> i64| entries.iter().map(|entry| of(entry)).collect::<Vec<_>>();
    let places: Vec<i64> = (0..).take(entries.len()).collect();
    let repositories: Vec<_> = entries.iter().map(|entry| entry.repository.as_deref()).collect();
    let provider_ids: Vec<_> =
        entries.iter().map(|entry| entry.delivery.provider_id.as_deref().map(text)).collect();
    let bytes: Vec<_> = entries.iter().map(|entry| entry.body.bytes.as_ref()).collect();
    let decisions: Vec<_> = entries.iter().map(|entry| entry.decisions.as_deref().map(text)).collect();
    session
        .query(
            INSERT,
            &[
                &column(|entry| entry.delivery.id.as_str()),
                &places,
                &number(|entry| to_nanoseconds(entry.delivery.received_at)),
                &column(|entry| &entry.delivery.event),
                &repositories,
                &column(|entry| &entry.delivery.source),
                &column(|entry| &entry.delivery.path),
                &provider_ids,
                &column(|entry| &entry.headers),
                &column(|entry| &entry.verification),
                &column(|entry| &entry.tenant),
                &number(NewDelivery::size),
                &column(|entry| &entry.body.encoding),
                &bytes,
                &decisions,
            ],
        )
        .await
}

async fn reopen(session: &Session, entry: &NewDelivery) -> Result<Vec<Row>, tokio_postgres::Error> {
    let delivery = &entry.delivery;
    session
        .query(
            REOPEN,
            &[
                &delivery.id.as_str(),
                &to_nanoseconds(delivery.received_at),
                &text(&delivery.event),
                &entry.repository,
                &text(&delivery.source),
                &text(&delivery.path),
                &delivery.provider_id.as_deref().map(text),
                &entry.headers,
                &entry.verification,
                &entry.tenant.as_ref(),
                &entry.size(),
                &entry.body.encoding.as_ref(),
                &entry.body.bytes.as_ref(),
            ],
        )
        .await
}

async fn states(
    session: &Session,
    entries: &[&NewDelivery],
) -> Result<HashMap<String, String>, JournalError> {
    let ids: Vec<_> = entries.iter().map(|entry| entry.id().as_str()).collect();
    let rows = session.query(STATES, &[&ids]).await?;
    rows.iter().map(|row| Ok((column(row, "id")?, column(row, "state")?))).collect()
}

fn ids(rows: &[Row]) -> Result<HashSet<String>, JournalError> {
    rows.iter().map(|row| column(row, "id")).collect()
}
