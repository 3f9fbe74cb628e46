use super::Store;
use super::row::column;
use crate::{Entry, JournalError};

/// Replaces an entry. False if it is not at the revision `after`.
pub(super) async fn replace(store: &Store, name: &str, after: u64, text: &str) -> Result<bool, JournalError> {
    let statement = if after == 0 {
        "INSERT INTO memos VALUES ($1, $2::bigint + 1, $3) ON CONFLICT (name) DO NOTHING"
    } else {
        "UPDATE memos SET revision = revision + 1, text = $3 WHERE name = $1 AND revision = $2"
    };
    let after = i64::try_from(after).unwrap_or(i64::MAX - 1);
    let session = store.sessions.get().await?;
    let changed = session.execute(statement, &[&name, &after, &text]).await?;
    session.keep();
    Ok(changed == 1)
}

/// The entry of this name.
pub(super) async fn read(store: &Store, name: &str) -> Result<Option<Entry>, JournalError> {
    let session = store.sessions.get().await?;
    let row = session.query_opt("SELECT revision, text FROM memos WHERE name = $1", &[&name]).await?;
    session.keep();
    let Some(row) = row else { return Ok(None) };
    let revision: i64 = column(&row, "revision")?;
    Ok(Some(Entry { revision: revision.unsigned_abs(), text: column(&row, "text")? }))
}
