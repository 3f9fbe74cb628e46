use tokio_postgres::types::FromSql;
use tokio_postgres::{Error, Row};

use super::pg_error;
use crate::JournalError;
use crate::row::{Envelope, StoredRow};
use crate::timestamp::from_nanoseconds;

/// The columns that [`envelope`] and [`stored`] read. By name: a replica of a newer version may add columns while
/// this one runs, and a prepared `*` would then no longer fit.
macro_rules! columns {
    () => {
        "d.seq, d.id, d.state, d.attempts, d.received_at, d.settled_at, coalesce(d.due, d.ready_at) AS due, \
         d.tier, d.event, d.repository, d.source, d.path, d.provider_id, d.fault, d.headers, d.proof, \
         d.replay, d.facts, d.launches, d.decisions"
    };
}
pub(super) use columns;

pub(super) fn envelope(row: &Row) -> Result<Envelope, JournalError> {
    read_envelope(row).map_err(|error| pg_error::corrupt(&error))
}

pub(super) fn stored(row: &Row) -> Result<StoredRow, JournalError> {
    read_stored(row).map_err(|error| pg_error::corrupt(&error))
}

/// One column, by its type in the schema.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, JournalError> {
    row.try_get(name).map_err(|error| pg_error::corrupt(&error))
}

fn read_envelope(row: &Row) -> Result<Envelope, Error> {
    Ok(Envelope {
        sequence: row.try_get("seq")?,
        attempts: row.try_get::<_, i32>("attempts")?.unsigned_abs(),
        received_at: from_nanoseconds(row.try_get("received_at")?),
        id: row.try_get("id")?,
        event: row.try_get("event")?,
        repository: row.try_get("repository")?,
        source: row.try_get("source")?,
        path: row.try_get("path")?,
        provider_id: row.try_get("provider_id")?,
        headers: row.try_get("headers")?,
        verification: row.try_get("proof")?,
        replay: row.try_get("replay")?,
        tier: u8::try_from(row.try_get::<_, i16>("tier")?).unwrap_or(u8::MAX),
        facts: row.try_get("facts")?,
        launches: row.try_get("launches")?,
        encoding: row.try_get("encoding")?,
        bytes: row.try_get("bytes")?,
    })
}

fn read_stored(row: &Row) -> Result<StoredRow, Error> {
    Ok(StoredRow {
        envelope: read_envelope(row)?,
        state: row.try_get("state")?,
        ready_at: row.try_get::<_, Option<i64>>("due")?.map(from_nanoseconds),
        settled_at: row.try_get::<_, Option<i64>>("settled_at")?.map(from_nanoseconds),
        error: row.try_get("fault")?,
        decisions: row.try_get("decisions")?,
    })
}
