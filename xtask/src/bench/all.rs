//! `cargo xtask bench`: everything that is measured, in one table.

use std::process::ExitCode;

use super::machine::machine;
use super::report::{Report, Row};
use super::{criterion, ingest, page, start};
use crate::memory;

/// Flags of `bench` as a whole.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// How long each measurement under load takes, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often what is compared is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Write the table into docs/benchmarks.md.
    #[arg(long)]
    write: bool,
    /// Fail if a goal is missed.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    report.note(machine()?);
    criterion::measure(&mut report)?;
    start::measure(&mut report)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for measured in runtime.block_on(memory::measure())? {
        report.row(Row::of(measured));
    }
    report = ingest::measure(&ingest::Args::of(args.seconds, args.rounds), report)?;
    if args.write {
        page::write("bench", &report.text(true))?;
    } else {
        anstream::println!("{}", report.text(true));
    }
    Ok(if args.check && report.missed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
