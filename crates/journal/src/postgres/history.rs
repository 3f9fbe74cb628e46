use std::fmt::Write as _;

use tokio_postgres::types::ToSql;

use super::Store;
use super::row::{self, column, columns};
use crate::cursor::Cursor;
use crate::history::PAGE_BYTES;
use crate::row::StoredRow;
use crate::timestamp::to_nanoseconds;
use crate::{JournalError, Page, Query};

/// The deliveries of a page, and how many there are for it. The weights decide where it ends before any row is read.
const PAGE: &str = "\
    WITH page AS MATERIALIZED ( \
      SELECT d.seq, d.received_at, d.weight - d.size AS bytes FROM deliveries d WHERE d.tier < 2";

const SELECT: &str = concat!(
    "), fitting AS MATERIALIZED ( \
      SELECT seq, count(*) OVER () AS found, \
        sum(bytes) OVER (ORDER BY received_at DESC, seq DESC) - bytes AS before FROM page \
    ) \
    SELECT f.found, ",
    columns!(),
    ", NULL::text AS encoding, NULL::bytea AS bytes FROM fitting f JOIN deliveries d ON d.seq = f.seq \
     WHERE f.before < "
);

/// A page of the history, newest first. Bodies are not read.
pub(super) async fn history(store: &Store, query: &Query) -> Result<Page, JournalError> {
    let limit = query.size();
    let after = query.after.as_deref().map(Cursor::parse).transpose()?;
    let mut filter = Filter::new(query, after);
    // One row more than requested shows whether there is another page.
    let size = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let (size, bytes) = (filter.value(size), filter.value(i64::try_from(PAGE_BYTES).unwrap_or(i64::MAX)));
    let order = "ORDER BY d.received_at DESC, d.seq DESC";
    let text = format!("{PAGE}{} {order} LIMIT {size}{SELECT}{bytes}::bigint {order}", filter.conditions);
    let values: Vec<&(dyn ToSql + Sync)> = filter.values.iter().map(|value| &**value as _).collect();
    let session = store.sessions.get().await?;
    let rows = session.query(&text, &values).await?;
    session.keep();
    let found = rows.first().map(|row| column::<i64>(row, "found")).transpose()?.unwrap_or(0);
    let more = rows.len() > limit || found > i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let rows = rows.iter().take(limit).map(row::stored).collect::<Result<Vec<_>, _>>()?;
    let end = rows.last().filter(|_| more);
    let next = end.map(|stored| {
        let envelope = &stored.envelope;
        Cursor { received_at: envelope.received_at, sequence: envelope.sequence }.to_text()
    });
    let records = rows.into_iter().map(StoredRow::into_record).collect::<Result<_, _>>()?;
    Ok(Page { records, next })
}

/// The conditions of a statement and the values they name.
#[derive(Default)]
struct Filter {
    conditions: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Filter {
    fn new(query: &Query, after: Option<Cursor>) -> Self {
        let mut filter = Self::default();
        if let Some(id) = &query.id {
            filter.add("d.id =", id.as_str().to_owned());
        }
        if let Some(repository) = &query.repository {
            filter.add("d.repository =", repository.clone());
        }
        if !query.events.is_empty() {
            let events = filter.value(query.events.clone());
            let _ = write!(filter.conditions, " AND d.event = ANY({events})");
        }
        if let Some(since) = query.since {
            filter.add("d.received_at >=", to_nanoseconds(since));
        }
        if let Some(until) = query.until {
            filter.add("d.received_at <", to_nanoseconds(until));
        }
        if let Some(state) = query.state {
            // As a literal, one of four constants: otherwise PostgreSQL cannot use the partial index of failures.
            let _ = write!(filter.conditions, " AND d.state = '{}'", state.name());
        }
        if let Some(cursor) = after {
            let received_at = filter.value(to_nanoseconds(cursor.received_at));
            let sequence = filter.value(cursor.sequence);
            let _ = write!(filter.conditions, " AND (d.received_at, d.seq) < ({received_at}, {sequence})");
        }
        filter
    }

    fn add(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        let value = self.value(value);
        let _ = write!(self.conditions, " AND {condition} {value}");
    }

    /// Adds a value. Returns its name in the statement.
    fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }
}
