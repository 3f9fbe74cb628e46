//! The system user that a server runs as.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The system user of a server. PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub(super) enum Account {
    /// The user of this process.
    Current,
    /// An unprivileged user, where this process runs as root.
    Unprivileged { user: u32, group: u32 },
}

/// Unprivileged users by preference: PostgreSQL's packages create the first, nearly all systems have the second.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

impl Account {
    /// The account for a server in `directory`, which this process has just created. The account becomes the
    /// directory's owner.
    pub(super) fn for_directory(directory: &Path) -> io::Result<Self> {
        // The owner of a new file is the process's user; `geteuid` would need unsafe code.
        if fs::metadata(directory)?.uid() != 0 {
            return Ok(Self::Current);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let found = UNPRIVILEGED.iter().find_map(|name| ids(&users, name));
        let (user, group) = found.ok_or_else(|| {
            io::Error::other(
                "PostgreSQL refuses to run as root and there is no user postgres or nobody; create one of them",
            )
        })?;
        let account = Self::Unprivileged { user, group };
        account.take_ownership(directory)?;
        Ok(account)
    }

    /// Makes the account the owner of a file or directory.
    pub(super) fn take_ownership(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Current => Ok(()),
            Self::Unprivileged { user, group } => chown(path, Some(user), Some(group)),
        }
    }

    /// A command that runs as this account, in a process group of its own: Ctrl-C in the terminal does not reach it.
    pub(super) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self::Unprivileged { user, group } = self {
            command.uid(user).gid(group);
        }
        command.process_group(0);
        command
    }
}

/// User and group id of `name` in the text of `/etc/passwd`.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
