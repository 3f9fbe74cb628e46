//! A second process for a test: the test binary runs the same test again, with a variable that names the journal.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROLE: &str = "TRIGGER_JOURNAL_TEST_CHILD";

/// The journal of this process, if [`command`] started it.
pub(crate) fn journal() -> Option<PathBuf> {
    env::var_os(ROLE).map(PathBuf::from)
}

/// A command that runs `test`, by its full name, in a process of its own on `journal`.
pub(crate) fn command(test: &str, journal: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, journal);
    command
}
