use std::fmt::Write as _;

use rusqlite::{Connection, ToSql};
use serde_json::Value;

use super::row;
use crate::cursor::Cursor;
use crate::history::PAGE_BYTES;
use crate::row::StoredRow;
use crate::timestamp::to_nanoseconds;
use crate::{JournalError, Page, Query};

/// A page of the history, newest first. Bodies are not read.
pub(super) fn history(store: &Connection, query: &Query) -> Result<Page, JournalError> {
    let limit = query.size();
    let after = query.after.as_deref().map(Cursor::parse).transpose()?;
    let filter = Filter::new(query, after);
    // One row more than requested shows whether there is another page.
    let text = format!(
        "SELECT d.*, NULL AS encoding, NULL AS bytes FROM deliveries d WHERE d.tier < 2{} \
         ORDER BY d.received_at DESC, d.seq DESC LIMIT {}",
        filter.conditions,
        limit + 1,
    );
    let values: Vec<(&str, &dyn ToSql)> =
        filter.values.iter().map(|(name, value)| (*name, &**value)).collect();
    let mut statement = store.prepare_cached(&text)?;
    let (mut rows, mut bytes, mut more) = (Vec::new(), 0, false);
    for stored in statement.query_map(&values[..], row::stored)? {
        let stored = stored?;
        more = rows.len() == limit || bytes >= PAGE_BYTES;
        if more {
            break;
        }
        bytes += stored.text_bytes();
        rows.push(stored);
    }
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
    values: Vec<(&'static str, Box<dyn ToSql>)>,
}

impl Filter {
    fn new(query: &Query, after: Option<Cursor>) -> Self {
        let mut filter = Self::default();
        if let Some(id) = &query.id {
            filter.add("d.id = :id", ":id", id.as_str().to_owned());
        }
        if let Some(repository) = &query.repository {
            filter.add("d.repository = :repository", ":repository", repository.clone());
        }
        if !query.events.is_empty() {
            let events = Value::from(query.events.clone()).to_string();
            filter.add("d.event IN (SELECT value FROM json_each(:events))", ":events", events);
        }
        if let Some(since) = query.since {
            filter.add("d.received_at >= :since", ":since", to_nanoseconds(since));
        }
        if let Some(until) = query.until {
            filter.add("d.received_at < :until", ":until", to_nanoseconds(until));
        }
        if let Some(state) = query.state {
            // As a literal, one of four constants: otherwise SQLite cannot use the partial index of failures.
            let _ = write!(filter.conditions, " AND d.state = '{}'", state.name());
        }
        if let Some(cursor) = after {
            filter.add(
                "(d.received_at, d.seq) < (:received_at, :seq)",
                ":received_at",
                to_nanoseconds(cursor.received_at),
            );
            filter.values.push((":seq", Box::new(cursor.sequence)));
        }
        filter
    }

    fn add(&mut self, condition: &str, name: &'static str, value: impl ToSql + 'static) {
        self.conditions.push_str(" AND ");
        self.conditions.push_str(condition);
        self.values.push((name, Box::new(value)));
    }
}
