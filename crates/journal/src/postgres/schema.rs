use deadpool_postgres::Transaction;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::session::Session;

/// Our schema within the database, so that others may have theirs beside it.
pub(super) const SCHEMA: &str = "shipwright_trigger";

/// Replicas that start together take turns by this lock ("shiptrig" in ASCII).
const LOCK: i64 = 0x7368_6970_7472_6967;

/// What our schema says of itself.
const PROGRAM: &str = "shipwright-trigger";

/// The steps from an empty schema to today's. The version of a schema is the number of steps it has seen.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// Why the schema of a database is not the one this program works with.
#[derive(Debug)]
pub(super) enum Mismatch {
    /// A later version of this program made it.
    Newer { found: i64, known: i64 },
    /// Another program made it.
    Foreign,
    /// PostgreSQL could not read or change it.
    Store(Error),
}

impl From<Error> for Mismatch {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Brings the schema up to date: all missing steps, or none of them.
pub(super) async fn migrate(mut session: Session) -> Result<(), Mismatch> {
    let transaction = session.transaction().await?;
    // Waiting for another replica that migrates, and migrating, may take longer than an ordinary call.
    let patient = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    transaction.batch_execute(patient).await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = version(&transaction).await?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let seen = usize::try_from(found).map_err(|_| Mismatch::Foreign)?;
    let Some(missing) = MIGRATIONS.get(seen..) else {
        return Err(Mismatch::Newer { found, known });
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

/// The version of the schema; 0 of one that is empty, which is made if it is missing.
async fn version(transaction: &Transaction<'_>) -> Result<i64, Mismatch> {
    let schema = transaction.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&SCHEMA]).await?;
    if !schema.try_get::<_, bool>(0)? {
        // Not `IF NOT EXISTS`, which asks for the right to create even where there is nothing to create.
        transaction.batch_execute(&format!("CREATE SCHEMA {SCHEMA}")).await?;
        return Ok(0);
    }
    let tables = "SELECT count(*), count(*) FILTER (WHERE relname = 'installed') FROM pg_class \
                  WHERE relnamespace = to_regnamespace($1)";
    let row = transaction.query_one(tables, &[&SCHEMA]).await?;
    let (tables, ours) = (row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?);
    if tables == 0 {
        // An administrator has made it for us.
        return Ok(0);
    }
    if ours == 0 {
        return Err(Mismatch::Foreign);
    }
    let installed = format!("SELECT version FROM {SCHEMA}.installed WHERE program = $1");
    match transaction.query_opt(&installed, &[&PROGRAM]).await {
        Ok(Some(row)) => Ok(row.try_get::<_, i32>(0).map_err(|_| Mismatch::Foreign)?.into()),
        Ok(None) => Err(Mismatch::Foreign),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => Err(Mismatch::Foreign),
        Err(error) => Err(error.into()),
    }
}
