use rusqlite::{Connection, TransactionBehavior};

/// Identifies the file in its header ("SHWT"), so that the database of another program is not changed.
const APPLICATION_ID: i32 = 0x5348_5754;

/// The steps from an empty file to the current schema. The version of a file is the number of its steps.
const MIGRATIONS: [&str; 7] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
];

/// Why the schema of a file cannot be used.
#[derive(Debug)]
pub(super) enum SchemaError {
    /// A newer version of this program migrated it.
    Newer { found: i64, known: i64 },
    /// Another program made it.
    Foreign,
    /// SQLite could not read or change it.
    Store(rusqlite::Error),
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

/// The schema version of a journal, which is not changed.
pub(super) fn version(store: &Connection) -> Result<i64, SchemaError> {
    let application: i32 = store.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    let found: i64 = store.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known { Err(SchemaError::Newer { found, known }) } else { Ok(found) }
}

/// Migrates the file to the current schema: all missing steps, or none of them.
pub(super) fn migrate(store: &mut Connection) -> Result<(), SchemaError> {
    let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let untouched = found == 0 && application == 0 && tables == 0;
    if !untouched && application != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let seen = usize::try_from(found).map_err(|_| SchemaError::Foreign)?;
    let Some(missing) = MIGRATIONS.get(seen..) else {
        return Err(SchemaError::Newer { found, known });
    };
    if missing.is_empty() {
        return Ok(());
    }
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}
