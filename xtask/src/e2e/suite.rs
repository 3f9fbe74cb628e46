//! The scenarios as a process, and what it says.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

/// How a scenario begins the line by which it says that it cannot be played here.
const SKIPPED: &str = "skipped on this cluster: ";

/// What became of the scenarios.
pub(super) struct Suite {
    pub(super) succeeded: bool,
    took: Duration,
    /// The runner's closing lines: the scenarios, and those of the manifests.
    results: Vec<String>,
    /// `scenario: reason`
    skipped: Vec<String>,
}

/// Plays them on the cluster of a kubeconfig. What they say is passed on.
pub(super) fn run(
    kubeconfig: &Path,
    has_controllers: bool,
    threads: usize,
    filters: &[String],
) -> anyhow::Result<Suite> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // The same selection as that of a plain `cargo test`, so that nothing is compiled anew after one.
    command.args([
        "test",
        "--workspace",
        "--test",
        "e2e",
        "--test",
        "deploy",
        "--",
        "--test-threads",
        &threads.to_string(),
    ]);
    command.args(filters).env("TRIGGER_E2E_KUBECONFIG", kubeconfig);
    if !has_controllers {
        command.env("TRIGGER_E2E_NO_CONTROLLERS", "1");
    }
    let begin = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cargo cannot be started")?;
    let complaints = child.stderr.take().context("cargo has no standard error")?;
    let complaints = thread::spawn(move || pass_on(complaints, SKIPPED, true));
    let results = pass_on(child.stdout.take().context("cargo has no output")?, "test result: ", false);
    let mut skipped = complaints.join().unwrap_or_default();
    skipped.sort();
    // A scenario that is played for every provider says it for each.
    skipped.dedup();
    let succeeded = child.wait()?.success();
    Ok(Suite { succeeded, took: begin.elapsed(), results, skipped })
}

/// Passes lines on, and returns those that begin like this, without the beginning.
fn pass_on(from: impl Read, beginning: &str, complaints: bool) -> Vec<String> {
    let mut found = Vec::new();
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if let Some(rest) = line.strip_prefix(beginning) {
            found.push(rest.to_owned());
        }
        if complaints {
            anstream::eprintln!("{line}");
        } else {
            anstream::println!("{line}");
        }
    }
    found
}

impl Suite {
    pub(super) fn report(&self) {
        anstream::println!("\nscenarios: {} in {:.0?}", self.results.join("; "), self.took);
        anstream::println!(
            "of those that passed, {} only said why they cannot be played here:",
            self.skipped.len()
        );
        for line in &self.skipped {
            anstream::println!("  {line}");
        }
    }
}
