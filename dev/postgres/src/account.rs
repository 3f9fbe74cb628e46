use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Who the server runs as: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Account {
    /// Whoever runs this process.
    Ours,
    /// A user without privileges, where this process has them all.
    Other { user: u32, group: u32 },
}

/// Who is there on most machines with PostgreSQL, and who on nearly all.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

impl Account {
    /// The account for a server in `directory`, which this process has just made. It is given to that
    /// account.
    pub(crate) fn for_directory(directory: &Path) -> io::Result<Self> {
        // Who made it owns it: a way to ask for our own user without a call into C.
        if fs::metadata(directory)?.uid() != 0 {
            return Ok(Self::Ours);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let found = UNPRIVILEGED.iter().find_map(|name| ids(&users, name));
        let (user, group) = found.ok_or_else(|| {
            io::Error::other("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
        })?;
        let account = Self::Other { user, group };
        account.give(directory)?;
        Ok(account)
    }

    /// Makes the account the owner of a file or directory of ours.
    pub(crate) fn give(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ours => Ok(()),
            Self::Other { user, group } => chown(path, Some(user), Some(group)),
        }
    }

    /// A command that runs as this account, apart from the signals of our terminal.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
        command.process_group(0);
        command
    }
}

/// The user and the group that a line of `/etc/passwd` gives for a name.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
