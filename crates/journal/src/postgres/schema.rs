use deadpool_postgres::Transaction;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::session::Session;

/// The journal's schema within the database, so that other programs may have theirs beside it.
pub(super) const SCHEMA: &str = "shipwright_trigger";

/// The advisory lock by which replicas that start together migrate one after the other ("shiptrig" in ASCII).
const LOCK: i64 = 0x7368_6970_7472_6967;

/// The name in the table `installed`, which identifies the schema.
const PROGRAM: &str = "shipwright-trigger";

/// The steps from an empty schema to the current one. The version of a schema is the number of its steps.
const MIGRATIONS: [&str; 7] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
];

/// Why the schema of a database cannot be used.
#[derive(Debug)]
pub(super) enum SchemaError {
    /// A newer version of this program migrated it.
    Newer { found: i64, known: i64 },
    /// Another program made it.
    Foreign,
    /// PostgreSQL could not read or change it.
    Store(Error),
}

impl From<Error> for SchemaError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Migrates the schema: all missing steps, or none of them.
pub(super) async fn migrate(mut session: Session) -> Result<(), SchemaError> {
    let transaction = session.transaction().await?;
    // Waiting for another replica that migrates, and migrating, may take longer than an ordinary call.
    let no_timeouts = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    transaction.batch_execute(no_timeouts).await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = version(&transaction).await?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let seen = usize::try_from(found).map_err(|_| SchemaError::Foreign)?;
    let Some(missing) = MIGRATIONS.get(seen..) else {
        return Err(SchemaError::Newer { found, known });
    };
    for step in missing {
        transaction.batch_execute(step).await?;
    }
    if !missing.is_empty() {
        let version = i32::try_from(known).unwrap_or(i32::MAX);
        transaction.execute("UPDATE installed SET version = $1", &[&version]).await?;
    }
    transaction.commit().await?;
    session.keep();
    Ok(())
}

/// The version of the schema; 0 if it is empty. Creates it if it does not exist.
async fn version(transaction: &Transaction<'_>) -> Result<i64, SchemaError> {
    let schema = transaction.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&SCHEMA]).await?;
    if !schema.try_get::<_, bool>(0)? {
        // Not `IF NOT EXISTS`, which requires the right to create even if the schema exists.
        transaction.batch_execute(&format!("CREATE SCHEMA {SCHEMA}")).await?;
        return Ok(0);
    }
    let tables = "SELECT count(*), count(*) FILTER (WHERE relname = 'installed') FROM pg_class \
                  WHERE relnamespace = to_regnamespace($1)";
    let row = transaction.query_one(tables, &[&SCHEMA]).await?;
    let (tables, ours) = (row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?);
    if tables == 0 {
        // An administrator has created it for this journal.
        return Ok(0);
    }
    if ours == 0 {
        return Err(SchemaError::Foreign);
    }
    let installed = format!("SELECT version FROM {SCHEMA}.installed WHERE program = $1");
    match transaction.query_opt(&installed, &[&PROGRAM]).await {
        Ok(Some(row)) => Ok(row.try_get::<_, i32>(0).map_err(|_| SchemaError::Foreign)?.into()),
        Ok(None) => Err(SchemaError::Foreign),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => Err(SchemaError::Foreign),
        Err(error) => Err(error.into()),
    }
}
