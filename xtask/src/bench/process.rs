use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the kernel counts processor time in: `USER_HZ` is 100 on every Linux that Rust knows.
const TICKS_PER_SECOND: u64 = 100;

/// This program once more, as a process of its own, so that what it uses can be told apart.
///
/// It says a line of JSON when it is ready, answers each line it is sent by one of JSON, and ends when its
/// standard input does: however this process ends, nothing stays behind.
pub(crate) struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub(crate) greeting: Value,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// Processor time, user and system.
    pub(crate) time: Duration,
    /// Resident memory now, in bytes.
    pub(crate) resident: u64,
    /// The most resident memory that there has been, in bytes.
    pub(crate) peak: u64,
}

impl Process {
    pub(crate) fn start(arguments: &[&str], log: &Path) -> anyhow::Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the program cannot be started once more")?;
        let questions = child.stdin.take();
        let answers = child.stdout.take().context("the process has no output")?;
        let mut process = Self { child, questions, answers: BufReader::new(answers), greeting: Value::Null };
        process.greeting =
            process.hear().with_context(|| format!("`{}` did not start", arguments.join(" ")))?;
        Ok(process)
    }

    /// Sends a line and waits for the one that answers it.
    pub(crate) fn ask(&mut self, question: &str) -> anyhow::Result<Value> {
        let questions = self.questions.as_mut().context("the process was told to end")?;
        writeln!(questions, "{question}")?;
        questions.flush()?;
        self.hear()
    }

    fn hear(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "the process ended early");
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) fn used(&self) -> anyhow::Result<Used> {
        Used::by(&self.child.id().to_string())
    }

    /// The processor time of what it has started.
    pub(crate) fn time_of_children(&self) -> anyhow::Result<Duration> {
        Used::by_children_of(self.child.id())
    }

    /// Has it end, and waits for that.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.questions = None;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "a process did not end within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.questions = None;
        // After `end` both fail, and that is well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Used {
    /// What `process`, a number or `self`, has used.
    pub(crate) fn by(process: &str) -> anyhow::Result<Self> {
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
    pub(crate) fn by_children_of(process: u32) -> anyhow::Result<Duration> {
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

/// The other side: says that it is ready, then answers every line until there are no more.
pub(crate) async fn answer_questions(
    greeting: &Value,
    mut answer: impl AsyncFnMut(&str) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let (lines, mut questions) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    anstream::println!("{greeting}");
    while let Some(question) = questions.recv().await {
        anstream::println!("{}", answer(&question).await?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        let deadline = Instant::now() + PATIENCE;
        while Used::by_children_of(shell.id()).unwrap() < Duration::from_millis(50) {
            assert!(Instant::now() < deadline, "the child of the child is not seen");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(Used::by_children_of(std::process::id()).unwrap() >= Duration::from_millis(50));
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
