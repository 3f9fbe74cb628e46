use rusqlite::{Connection, named_params};

use crate::{JournalError, REJECTIONS, Rejection, format};

/// Appends rejections, oldest first, and deletes the oldest beyond [`REJECTIONS`].
pub(super) fn write(store: &Connection, rejections: &[String]) -> rusqlite::Result<()> {
    let mut insert = store.prepare_cached("INSERT INTO refusals (data) VALUES (:data)")?;
    for data in rejections {
        insert.execute(named_params! { ":data": data })?;
    }
    store
        .prepare_cached("DELETE FROM refusals WHERE seq <= (SELECT max(seq) FROM refusals) - :kept")?
        .execute(named_params! { ":kept": i64::try_from(REJECTIONS).unwrap_or(i64::MAX) })
        .map(drop)
}

/// The retained rejections, newest first.
pub(super) fn read(store: &Connection) -> Result<Vec<Rejection>, JournalError> {
    let data = store
        .prepare_cached("SELECT data FROM refusals ORDER BY seq DESC")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let decoded = data.iter().map(|data| format::decode(data));
    decoded.collect::<Result<_, _>>().map_err(|error| JournalError::Corrupt {
        reason: format!("a rejected request cannot be read: {error}"),
    })
}
