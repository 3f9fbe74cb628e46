use jiff::Timestamp;

use super::Store;
use super::row::column;
use crate::JournalError;
use crate::timestamp::{from_nanoseconds, to_nanoseconds};

/// Raises a watermark; a higher one stays.
pub(super) async fn raise(store: &Store, name: &str, to: Timestamp) -> Result<(), JournalError> {
    let session = store.sessions.get().await?;
    let raise = "INSERT INTO watermarks AS mark VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE excluded.at > mark.at";
    session.execute(raise, &[&name, &to_nanoseconds(to)]).await?;
    session.keep();
    Ok(())
}

/// The watermark of this name.
pub(super) async fn read(store: &Store, name: &str) -> Result<Option<Timestamp>, JournalError> {
    let session = store.sessions.get().await?;
    let row = session.query_opt("SELECT at FROM watermarks WHERE name = $1", &[&name]).await?;
    session.keep();
    row.map(|row| column(&row, "at").map(from_nanoseconds)).transpose()
}
