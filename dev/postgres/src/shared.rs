use std::io::{Write as _, stderr};
use std::sync::LazyLock;

use crate::{Server, StartError};

/// With this variable set, the absence of PostgreSQL fails the tests that need it.
const REQUIRED: &str = "TRIGGER_REQUIRE_POSTGRES";

/// Never dropped, as no static is: the server's watchdog ends it when the process ends.
static SERVER: LazyLock<Option<Server>> = LazyLock::new(start);

/// The one server that all tests of this process share, each with a database of its own. Absent, with one
/// line on standard error for all of them, where PostgreSQL is not installed: those tests have nothing to do.
///
/// # Panics
///
/// If there is no server although `TRIGGER_REQUIRE_POSTGRES` is set, or if one cannot be started although
/// PostgreSQL is installed.
pub fn shared() -> Option<&'static Server> {
    SERVER.as_ref()
}

#[allow(clippy::panic, reason = "it serves tests, which fail by panicking")]
fn start() -> Option<Server> {
    match Server::start() {
        Ok(server) => Some(server),
        Err(StartError::NotInstalled) if std::env::var_os(REQUIRED).is_none() => {
            // Past the test runner, which shows what tests print only if they fail. Nobody is left to be
            // told if that fails too.
            let _ = stderr().write_all(b"skipped for want of PostgreSQL: every test that needs a server\n");
            None
        }
        Err(error) => panic!("there is no PostgreSQL server for the tests: {error}"),
    }
}
