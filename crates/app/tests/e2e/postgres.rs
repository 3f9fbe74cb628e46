//! Journals in PostgreSQL, on a server that the tests start.

use std::io::{Write, stderr};
use std::sync::atomic::{AtomicU32, Ordering};

use trigger_testkit::postgres::PostgresServer;

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of an empty database. Without PostgreSQL on this machine none, and `test` is said to be
/// skipped; where the tests are required to have it, its absence fails them.
pub fn database(test: &str) -> Option<String> {
    let Some(server) = trigger_testkit::postgres::shared() else {
        let line = format!("skipped for want of PostgreSQL: {test}\n");
        // Past the test runner, which shows what tests print only if they fail.
        stderr().write_all(line.as_bytes()).unwrap();
        return None;
    };
    let name = format!("e2e_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).unwrap();
    Some(server.url(&name))
}

/// A server for one test, which crashes it; skipped and required like [`database`].
pub fn own_server(test: &str) -> Option<PostgresServer> {
    // Says whether it is skipped here, or fails.
    database(test)?;
    Some(PostgresServer::start().unwrap())
}
