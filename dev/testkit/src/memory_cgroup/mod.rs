//! Processes with as much memory as a pod has: in a cgroup with a limit, where the kernel kills what exceeds it.
//!
//! `location` finds the place for a new cgroup.

mod location;

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use self::location::{Location, Version};
use crate::watchdog::Watchdog;

/// Joins the cgroup, then becomes the program: `exec` keeps the process and its membership. Joining between fork and
/// exec would need unsafe code.
const JOIN: &str = "echo $$ > \"$0\" && exec \"$@\"";

/// Kills the processes that are left and removes the cgroup, once the script's standard input is closed. A process that
/// was killed stays a member until its memory is released, so removing is tried for some seconds.
const SCRIPT: &str = "trap '' INT TERM HUP; read _; for process in $(cat \"$0/cgroup.procs\"); do kill -9 $process; \
     done; for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do rmdir \"$0\" && exit; sleep 0.1; done";

/// If set, the absence of a cgroup fails a test that a plain `cargo test` skips.
const REQUIRED: &str = "TRIGGER_REQUIRE_CGROUP";

/// This process cannot make a memory cgroup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {
    /// No hierarchy with the memory controller is mounted.
    #[error("no cgroup hierarchy with the memory controller is mounted; mount one below /sys/fs/cgroup")]
    NotMounted,
    /// The kernel refused in every place that may hold the new cgroup.
    #[error("no memory cgroup can be made, run as root or with a delegated cgroup: {0}")]
    Refused(String),
    /// A file of the kernel could not be read.
    #[error("cannot read the cgroups of this process: {0}")]
    Io(#[from] io::Error),
}

/// A cgroup with a limit on memory and without swap, initially empty. Dropping it kills the processes in it and removes
/// it; so does the end of our process.
#[derive(Debug)]
pub struct MemoryCgroup {
    _watchdog: Watchdog,
    directory: PathBuf,
    version: Version,
}

impl MemoryCgroup {
    /// Creates a cgroup whose processes together have `bytes` of memory, page cache included. It lies beside or below
    /// our own cgroup, in version 1 or 2 of the kernel's interface.
    pub fn create(bytes: u64) -> Result<Self, CgroupError> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let location = Location::of_this_process()?;
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("trigger-{}-{number}", std::process::id());
        let mut refusals = Vec::new();
        for parent in location.parents() {
            match Self::create_in(parent, &name, location.version, bytes) {
                Ok(cgroup) => return Ok(cgroup),
                Err(error) => refusals.push(format!("{}: {error}", parent.display())),
            }
        }
        Err(CgroupError::Refused(refusals.join("; ")))
    }

    /// The same for a test. Where no cgroup can be made it is None, and one line on standard error says that `test` is
    /// skipped.
    ///
    /// # Panics
    ///
    /// If none can be made although `TRIGGER_REQUIRE_CGROUP` is set.
    pub fn for_test(test: &str, bytes: u64) -> Option<Self> {
        match Self::create(bytes) {
            Ok(cgroup) => Some(cgroup),
            Err(error) => {
                let required = std::env::var_os(REQUIRED).is_some();
                assert!(!required, "{REQUIRED} is set: {error}");
                // Past the test runner, which shows output of failed tests only. A lost line changes nothing.
                let _ = writeln!(io::stderr(), "skipped without a memory cgroup: {test}");
                None
            }
        }
    }

    fn create_in(parent: &Path, name: &str, version: Version, bytes: u64) -> io::Result<Self> {
        let directory = parent.join(name);
        if version == Version::Two {
            // Fails where it is enabled by a manager that we may not change; then the limit's file decides.
            let _ = std::fs::write(parent.join("cgroup.subtree_control"), "+memory");
        }
        std::fs::create_dir(&directory)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT]).arg(&directory).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = match Watchdog::start(command) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                std::fs::remove_dir(&directory)?;
                return Err(error);
            }
        };
        // From now on the watchdog removes the directory.
        let cgroup = Self { _watchdog: watchdog, directory, version };
        let (limit, swap, without_swap) = match version {
            // Memory and swap together, so the same number again leaves no swap.
            Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes),
            Version::Two => ("memory.max", "memory.swap.max", 0),
        };
        std::fs::write(cgroup.directory.join(limit), bytes.to_string())?;
        // Kernels without accounting of swap have no such file.
        if cgroup.directory.join(swap).exists() {
            std::fs::write(cgroup.directory.join(swap), without_swap.to_string())?;
        }
        let joined = cgroup.command("true").stderr(Stdio::null()).status()?;
        if joined.success() { Ok(cgroup) } else { Err(io::Error::other("a process may not join")) }
    }

    /// A command that runs `program` in the cgroup. Its process has the id of the command's child.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", JOIN]).arg(self.directory.join("cgroup.procs")).arg(program);
        command
    }

    /// The most memory used at once so far, in bytes, page cache included. The kernel reclaims page cache before it
    /// kills, so that a process which writes large files gets near the limit without danger.
    pub fn peak(&self) -> io::Result<u64> {
        let file = match self.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        number(self.read(file)?.trim())
    }

    /// The anonymous memory in use now, in bytes: without swap, the part that the kernel cannot reclaim.
    pub fn anonymous(&self) -> io::Result<u64> {
        let key = match self.version {
            Version::One => "total_rss",
            Version::Two => "anon",
        };
        value(&self.read("memory.stat")?, key)
    }

    /// How many processes the kernel has killed here because the limit was reached.
    pub fn oom_kills(&self) -> io::Result<u64> {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        value(&self.read(file)?, "oom_kill")
    }

    fn read(&self, file: &str) -> io::Result<String> {
        std::fs::read_to_string(self.directory.join(file))
    }
}

/// The number behind `key` in lines of `key number`.
fn value(text: &str, key: &str) -> io::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    number(line.ok_or_else(|| io::Error::other(format!("the kernel does not count {key}")))?)
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| io::Error::other(format!("{text:?} is not a number of bytes")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// `tail` keeps the last line, which here is all.
    fn hold(mebibytes: u64) -> String {
        format!("head -c {mebibytes}M /dev/zero | tail > /dev/null")
    }

    #[test]
    fn a_process_beyond_the_limit_is_killed_and_counted() {
        let Some(cgroup) = MemoryCgroup::for_test("a process beyond the limit", 32 * MIB) else { return };
        // `exec` in a pipe would hide the signal behind the status of a shell.
        let script = format!("{}; kill -9 $$", hold(128));
        let status = cgroup.command("sh").args(["-c", &script]).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.signal(), Some(9));
        assert!(cgroup.oom_kills().unwrap() >= 1);
        let peak = cgroup.peak().unwrap();
        assert!((16 * MIB..=32 * MIB).contains(&peak), "{peak}");
    }

    #[test]
    fn a_process_within_the_limit_runs_and_neighbours_have_their_own() {
        let test = "a process within the limit";
        let Some(cgroup) = MemoryCgroup::for_test(test, 128 * MIB) else { return };
        let Some(neighbour) = MemoryCgroup::for_test(test, 128 * MIB) else { return };
        let status = cgroup.command("sh").args(["-c", &hold(32)]).status().unwrap();
        assert!(status.success(), "{status}");
        assert_eq!(cgroup.oom_kills().unwrap(), 0);
        assert!(cgroup.peak().unwrap() >= 32 * MIB);
        assert!(neighbour.peak().unwrap() < 32 * MIB);
    }

    #[test]
    fn a_dropped_cgroup_ends_its_processes_and_is_gone() {
        let Some(cgroup) = MemoryCgroup::for_test("a dropped cgroup", 32 * MIB) else { return };
        let directory = cgroup.directory.clone();
        let mut child = cgroup.command("sleep").arg("600").spawn().unwrap();
        while std::fs::read_to_string(directory.join("cgroup.procs")).unwrap().is_empty() {
            std::thread::yield_now();
        }
        drop(cgroup);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(!directory.exists());
    }

    #[test]
    fn numbers_are_found_by_their_whole_key() {
        let events = "low 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(value(events, "oom").unwrap(), 3);
        assert_eq!(value(events, "oom_kill").unwrap(), 2);
        assert!(value(events, "oom_").is_err());
    }
}
