//! `cargo xtask bench`: what the program achieves, beside what limits it, measured in one run.
//!
//! `all` is everything in one table; `ingest` and `listeners` have the measurements under load, which `testbed` sets up
//! with the objects of a `scene`. `load` and `wire` are the generator, `pushes` what it sends; `acknowledged` measures
//! pushes that start nothing, `creations` those that do. `raw` has what the parts achieve by themselves, `api` how an API
//! server is asked for that: over `wire`, or over `tls` with what `access` says. `server` and `cluster` run in processes
//! of their own, see `process`. `report` makes a table, `page` publishes it.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, microseconds and bytes as they occur here are far from where that matters"
)]

mod access;
mod acknowledged;
mod all;
mod api;
pub(crate) mod cluster;
mod creations;
mod criterion;
mod ingest;
mod listeners;
mod load;
mod machine;
mod nothing;
mod page;
pub(crate) mod process;
pub(crate) mod pushes;
mod raw;
mod report;
pub(crate) mod scene;
pub(crate) mod server;
mod start;
mod testbed;
mod tls;
pub(crate) mod wire;

use std::process::{Command, ExitCode};

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    only: Option<Only>,
    #[command(flatten)]
    all: all::Args,
}

/// A part of it, with more to choose.
#[derive(Debug, clap::Subcommand)]
enum Only {
    /// How many deliveries come in and what becomes of them, in a second; latency; memory.
    Ingest(ingest::Args),
    /// The same for listeners of Tekton.
    Listeners(listeners::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    // It waits for processes and has runtimes of its own.
    tokio::task::spawn_blocking(move || match &args.only {
        None => all::run(&args.all),
        Some(Only::Ingest(args)) => ingest::run(args),
        Some(Only::Listeners(args)) => listeners::run(args),
    })
    .await?
}

/// Measuring a debug build would say nothing.
fn again_in_release() -> anyhow::Result<ExitCode> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--quiet", "--package", "xtask", "--"])
        .args(std::env::args_os().skip(1))
        .status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
