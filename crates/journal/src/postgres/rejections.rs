use super::Store;
use super::row::column;
use crate::{JournalError, REJECTIONS, Rejection, format};

/// Deletes the oldest rejections. Skips those that another replica deletes at this moment.
const TRIM: &str = "\
    DELETE FROM refusals WHERE seq IN ( \
      SELECT seq FROM refusals ORDER BY seq DESC OFFSET $1 FOR UPDATE SKIP LOCKED)";

/// Appends rejections, oldest first, and deletes the oldest beyond [`REJECTIONS`].
pub(super) async fn write(store: &Store, rejections: &[String]) -> Result<(), JournalError> {
    let mut session = store.sessions.get().await?;
    let transaction = session.transaction().await?;
    let insert = "INSERT INTO refusals (data) SELECT * FROM unnest($1::text[])";
    transaction.execute(insert, &[&rejections]).await?;
    transaction.execute(TRIM, &[&kept()]).await?;
    transaction.commit().await?;
    session.keep();
    Ok(())
}

/// The retained rejections, newest first.
pub(super) async fn read(store: &Store) -> Result<Vec<Rejection>, JournalError> {
    let session = store.sessions.get().await?;
    let rows = session.query("SELECT data FROM refusals ORDER BY seq DESC LIMIT $1", &[&kept()]).await?;
    session.keep();
    let decoded = rows.iter().map(|row| {
        format::decode(column(row, "data")?).map_err(|error| JournalError::Corrupt {
            reason: format!("a rejected request cannot be read: {error}"),
        })
    });
    decoded.collect()
}

fn kept() -> i64 {
    i64::try_from(REJECTIONS).unwrap_or(i64::MAX)
}
