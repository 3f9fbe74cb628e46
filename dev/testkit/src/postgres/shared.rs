//! One server for all tests of a process.

use std::io::{Write as _, stderr};
use std::sync::LazyLock;

use super::{PostgresError, PostgresServer};

/// If this variable is set, tests that need PostgreSQL fail where it is missing.
const REQUIRED: &str = "TRIGGER_REQUIRE_POSTGRES";

/// Statics are never dropped: the server's watchdog ends the server with the process.
static SERVER: LazyLock<Option<PostgresServer>> = LazyLock::new(start);

/// The server that all tests of this process share, each with its own database. `None` where PostgreSQL is not
/// installed; one line on standard error then says that those tests are skipped.
///
/// # Panics
///
/// If PostgreSQL is missing although `TRIGGER_REQUIRE_POSTGRES` is set, or if an installed one does not start.
pub fn shared() -> Option<&'static PostgresServer> {
    SERVER.as_ref()
}

#[allow(clippy::panic, reason = "it serves tests, which fail by panicking")]
fn start() -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(server) => Some(server),
        Err(PostgresError::NotInstalled) if std::env::var_os(REQUIRED).is_none() => {
            // `eprintln!` would write into the test's captured output, which a passing test does not show. A failed
            // write has no remedy.
            let _ =
                stderr().write_all(b"skipped: PostgreSQL is not installed; tests that need it did nothing\n");
            None
        }
        Err(error) => panic!("cannot start PostgreSQL for the tests: {error}"),
    }
}
