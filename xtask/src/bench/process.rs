use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::process_usage::ProcessUsage;

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(20);

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

    pub(crate) fn used(&self) -> anyhow::Result<ProcessUsage> {
        ProcessUsage::of(&self.child.id().to_string())
    }

    /// The processor time of what it has started.
    pub(crate) fn time_of_children(&self) -> anyhow::Result<Duration> {
        ProcessUsage::of_children(self.child.id())
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
