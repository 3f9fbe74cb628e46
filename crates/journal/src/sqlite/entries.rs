use rusqlite::{Connection, OptionalExtension, named_params};

use crate::{Entry, JournalError};

/// Replaces an entry. False if it is not at the revision `after`.
pub(super) fn replace(store: &Connection, name: &str, after: u64, text: &str) -> rusqlite::Result<bool> {
    let statement = if after == 0 {
        "INSERT INTO memos VALUES (:name, :after + 1, :text) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE memos SET revision = revision + 1, text = :text WHERE name = :name AND revision = :after"
    };
    let after = i64::try_from(after).unwrap_or(i64::MAX - 1);
    let changed = store.prepare_cached(statement)?.execute(named_params! {
        ":name": name,
        ":after": after,
        ":text": text,
    })?;
    Ok(changed == 1)
}

/// The entry of this name.
pub(super) fn read(store: &Connection, name: &str) -> Result<Option<Entry>, JournalError> {
    let entry = store
        .prepare_cached("SELECT revision, text FROM memos WHERE name = :name")?
        .query_row(named_params! { ":name": name }, |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
        .optional()?;
    Ok(entry.map(|(revision, text)| Entry { revision: revision.unsigned_abs(), text }))
}
