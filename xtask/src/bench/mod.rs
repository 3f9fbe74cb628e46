//! `cargo xtask bench`: what the program achieves, beside what limits it, measured in one run.
//!
//! `ingest` has the measurements; `load` and `wire` are the generator, `pushes` what it sends; `raw` has what
//! the parts achieve by themselves. `server` and `cluster` run in processes of their own, see `process`.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, microseconds and bytes as they occur here are far from where that matters"
)]

pub(crate) mod cluster;
mod ingest;
mod load;
mod nothing;
mod process;
mod pushes;
mod raw;
mod report;
mod scene;
pub(crate) mod server;
mod wire;

use std::process::{Command, ExitCode};

/// What to measure.
#[derive(clap::Subcommand)]
pub(crate) enum What {
    /// How many deliveries come in and what becomes of them, in a second; latency; memory.
    Ingest(ingest::Args),
}

pub(crate) async fn run(what: What) -> anyhow::Result<ExitCode> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    let What::Ingest(args) = what;
    // It waits for processes and has runtimes of its own.
    tokio::task::spawn_blocking(move || ingest::run(&args)).await?
}

/// Measuring a debug build would say nothing.
fn again_in_release() -> anyhow::Result<ExitCode> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
