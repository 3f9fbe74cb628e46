use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::JournalError;
use crate::timestamp::{from_nanoseconds, to_nanoseconds};

/// Raises a watermark; a higher one stays.
pub(super) fn raise(store: &Connection, name: &str, to: Timestamp) -> rusqlite::Result<()> {
    store
        .prepare_cached(
            "INSERT INTO watermarks VALUES (:name, :at) \
             ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > at",
        )?
        .execute(named_params! { ":name": name, ":at": to_nanoseconds(to) })
        .map(drop)
}

/// The watermark of this name.
pub(super) fn read(store: &Connection, name: &str) -> Result<Option<Timestamp>, JournalError> {
    let at: Option<i64> = store
        .prepare_cached("SELECT at FROM watermarks WHERE name = :name")?
        .query_row(named_params! { ":name": name }, |row| row.get(0))
        .optional()?;
    Ok(at.map(from_nanoseconds))
}
