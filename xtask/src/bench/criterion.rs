//! What the benchmarks of the crates say: they are run, and their estimates read.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::report::{Goal, Report, Row};

/// A benchmark of a crate: where criterion keeps its estimate, what it is, and its budget in nanoseconds.
struct Benchmark {
    folder: &'static str,
    what: &'static str,
    budget: Option<f64>,
}

const fn timed(folder: &'static str, what: &'static str, budget: Option<f64>) -> Benchmark {
    Benchmark { folder, what, budget }
}

/// By the crate that has them.
const BENCHMARKS: [(&str, &[Benchmark]); 2] = [
    (
        "trigger-rules",
        &[
            timed(
                "decide_1000_builds",
                "deciding one push, 1,000 Builds with a repository each",
                Some(50_000.0),
            ),
            timed("decide_100000_builds", "deciding one push, 100,000 Builds", Some(100_000.0)),
        ],
    ),
    (
        "trigger-providers",
        &[
            timed("github push/credential", "GitHub push of 12 KB: signature", None),
            timed("github push/payload and selector", "… repository cut out", None),
            timed("github push/events", "… read whole", None),
            timed("github push/all", "… all together", Some(60_000.0)),
        ],
    ),
];

pub(super) fn measure(report: &mut Report) -> anyhow::Result<()> {
    for (package, benchmarks) in BENCHMARKS {
        let status = Command::new(env!("CARGO"))
            .args(["bench", "--quiet", "--package", package, "--", "--noplot"])
            .stdout(std::process::Stdio::null())
            .status()?;
        ensure!(status.success(), "the benchmarks of {package} cannot be run");
        for benchmark in benchmarks {
            let nanoseconds = estimate(benchmark.folder)?;
            let goal = benchmark.budget.map(|budget| Goal::at_most(nanoseconds, budget, micros(budget)));
            report.row(Row {
                what: benchmark.what.to_owned(),
                number: micros(nanoseconds),
                share: None,
                goal,
            });
        }
    }
    Ok(())
}

/// The median time of a benchmark in nanoseconds.
fn estimate(folder: &str) -> anyhow::Result<f64> {
    let path = Path::new("target/criterion").join(folder).join("new/estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"].as_f64().context("criterion has not written a median")
}

fn micros(nanoseconds: f64) -> String {
    format!("{:.1} µs", nanoseconds / 1000.0)
}
