//! Bodies in the store. SQLite copies a value twice while it is written, and once more while it is read: large bodies are
//! written and read in parts.

use std::io::{self, Read as _, Write as _};

use rusqlite::blob::ZeroBlob;
use rusqlite::{Connection, MAIN_DB};

use crate::body::StoredBody;
use crate::row::Envelope;

/// A body that is longer is written and read in parts, in bytes. Its parts cost statements of their own.
const LARGE: usize = 256 << 10;
const _: () = assert!(LARGE == 262_144, "the statement has the number");

/// The columns of a body beside those of its delivery, of a row `b` of `bodies`: large ones without their bytes.
macro_rules! body_columns {
    () => {
        "b.encoding, iif(length(b.bytes) <= 262144, b.bytes, NULL) AS bytes"
    };
}
pub(super) use body_columns;

/// Stores the body of a delivery, in the place of one that it has.
pub(super) fn write(store: &Connection, sequence: i64, body: &StoredBody) -> rusqlite::Result<()> {
    let mut statement = store
        .prepare_cached("INSERT OR REPLACE INTO bodies (delivery, encoding, bytes) VALUES (?1, ?2, ?3)")?;
    let (encoding, bytes) = (body.encoding.as_ref(), body.bytes.as_ref());
    let room = u64::try_from(bytes.len()).ok().filter(|_| bytes.len() > LARGE);
    let Some(room) = room else { return statement.execute((sequence, encoding, bytes)).map(drop) };
    statement.execute((sequence, encoding, ZeroBlob(room)))?;
    let mut stored = store.blob_open(MAIN_DB, "bodies", "bytes", sequence, false)?;
    stored.write_all(bytes).map_err(unusable)?;
    stored.close()
}

/// Reads the body of a row that was read with [`body_columns`], if it is large.
pub(super) fn read_large(store: &Connection, envelope: &mut Envelope) -> rusqlite::Result<()> {
    if envelope.bytes.is_some() || envelope.encoding.is_none() {
        return Ok(());
    }
    let mut stored = store.blob_open(MAIN_DB, "bodies", "bytes", envelope.sequence, true)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(stored.len()).map_err(|error| unusable(io::Error::other(error)))?;
    stored.read_to_end(&mut bytes).map_err(unusable)?;
    envelope.bytes = Some(bytes);
    stored.close()
}

fn unusable(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn bodies_of_every_length_are_written_replaced_and_read() {
        let store = Connection::open_in_memory().unwrap();
        store
            .execute_batch("CREATE TABLE bodies (delivery INTEGER PRIMARY KEY, encoding TEXT, bytes BLOB)")
            .unwrap();
        let read = || {
            let query = concat!("SELECT ", body_columns!(), " FROM bodies b");
            let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let (encoding, bytes) = store.query_row(query, [], columns).unwrap();
            let mut envelope = Envelope { sequence: 7, encoding, bytes, ..Envelope::default() };
            let at_once = envelope.bytes.is_some();
            read_large(&store, &mut envelope).unwrap();
            (at_once, envelope.bytes.unwrap())
        };
        for length in [0, 1, LARGE, LARGE + 1, 3 << 20, 5] {
            let bytes: Vec<_> = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
            let body = StoredBody { encoding: "identity".into(), bytes: Bytes::from(bytes.clone()) };
            write(&store, 7, &body).unwrap();
            assert!(read() == (length <= LARGE, bytes), "{length}");
        }
    }

    #[test]
    fn a_delivery_without_a_body_has_none() {
        let store = Connection::open_in_memory().unwrap();
        let mut envelope = Envelope::default();
        read_large(&store, &mut envelope).unwrap();
        assert_eq!(envelope.bytes, None);
    }
}
