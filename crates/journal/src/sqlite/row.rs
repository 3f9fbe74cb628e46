use rusqlite::Row;

use crate::row::{Envelope, StoredRow};
use crate::timestamp::from_nanoseconds;

pub(super) fn envelope(row: &Row<'_>) -> rusqlite::Result<Envelope> {
    Ok(Envelope {
        sequence: row.get("seq")?,
        attempts: row.get("attempts")?,
        received_at: from_nanoseconds(row.get("received_at")?),
        id: row.get("id")?,
        event: row.get("event")?,
        repository: row.get("repository")?,
        source: row.get("source")?,
        path: row.get("path")?,
        provider_id: row.get("provider_id")?,
        headers: row.get("headers")?,
        verification: row.get("proof")?,
        replay: row.get("replay")?,
        tier: row.get("tier")?,
        facts: row.get("facts")?,
        launches: row.get("launches")?,
        encoding: row.get("encoding")?,
        bytes: row.get("bytes")?,
    })
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredRow> {
    Ok(StoredRow {
        envelope: envelope(row)?,
        state: row.get("state")?,
        ready_at: row.get::<_, Option<i64>>("ready_at")?.map(from_nanoseconds),
        settled_at: row.get::<_, Option<i64>>("settled_at")?.map(from_nanoseconds),
        error: row.get("fault")?,
        decisions: row.get("decisions")?,
    })
}
