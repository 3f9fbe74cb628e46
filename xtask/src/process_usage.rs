//! Processor time and memory of a process, as Linux counts them.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;

/// What the kernel counts processor time in: `USER_HZ` is 100 on every Linux that Rust knows.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProcessUsage {
    /// Processor time, user and system.
    pub(crate) time: Duration,
    /// Resident memory now, in bytes.
    pub(crate) resident: u64,
    /// The most resident memory that there has been, in bytes.
    pub(crate) peak: u64,
}

impl ProcessUsage {
    /// What `process`, a number or `self`, has used.
    pub(crate) fn of(process: &str) -> anyhow::Result<Self> {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{process}/{name}")).context("Linux only: /proc is read")
        };
        let status = read("status")?;
        let bytes = |name: &str| -> anyhow::Result<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("a line is missing")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        let Stat { time, .. } = Stat::read(&read("stat")?)?;
        Ok(Self { time, resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }

    /// The processor time of all that runs now and was started by `process`, and by those in turn.
    pub(crate) fn of_children(process: u32) -> anyhow::Result<Duration> {
        let mut all = HashMap::<u32, Vec<(u32, Duration)>>::new();
        for entry in std::fs::read_dir("/proc").context("Linux only: /proc is read")? {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // What ends meanwhile has no file any more.
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            let Stat { parent, time } = Stat::read(&stat)?;
            all.entry(parent).or_default().push((id, time));
        }
        let (mut parents, mut sum) = (vec![process], Duration::ZERO);
        while let Some(parent) = parents.pop() {
            for (child, time) in all.remove(&parent).unwrap_or_default() {
                parents.push(child);
                sum += time;
            }
        }
        Ok(sum)
    }
}

/// What is wanted of a process's `stat` file.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Processor time, user and system.
    time: Duration,
}

impl Stat {
    fn read(stat: &str) -> anyhow::Result<Self> {
        // The name of the program, in parentheses, may hold anything; the numbers stand behind it.
        let (_, numbers) = stat.rsplit_once(')').context("not a stat file")?;
        let numbers: Vec<_> = numbers.split_whitespace().collect();
        let number = |at: usize| -> anyhow::Result<u64> {
            Ok(numbers.get(at).context("a number is missing")?.parse()?)
        };
        let time = Duration::from_millis((number(11)? + number(12)?) * 1000 / TICKS_PER_SECOND);
        Ok(Self { parent: u32::try_from(number(1)?)?, time })
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_stat_file_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 1 0 100 1000 10";
        assert_eq!(Stat::read(stat).unwrap(), Stat { parent: 3, time: Duration::from_millis(1750) });
        assert!(Stat::read("7 (a) S").is_err());
    }

    #[test]
    fn what_children_and_their_children_use_is_added_up() {
        let busy = "i=0; while :; do i=$((i+1)); done";
        let mut shell = Command::new("sh")
            .args(["-c", &format!("sh -c '{busy}' & read _; kill $!")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while ProcessUsage::of_children(shell.id()).unwrap() < Duration::from_millis(50) {
            assert!(Instant::now() < deadline, "the child of the child is not seen");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(ProcessUsage::of_children(std::process::id()).unwrap() >= Duration::from_millis(50));
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
