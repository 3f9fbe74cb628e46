//! A test that needs a second process runs itself again, with a variable that tells it which part to play.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROLE: &str = "TRIGGER_JOURNAL_TEST_CHILD";

/// The journal that this process is to work on, if it was started by [`command`].
pub(crate) fn journal() -> Option<PathBuf> {
    env::var_os(ROLE).map(PathBuf::from)
}

/// Runs `test`, by its full name, in a process of its own that works on `journal`.
pub(crate) fn command(test: &str, journal: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, journal);
    command
}
