//! `cargo xtask bench`: everything that is measured, in one table.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, ensure};

use super::machine::machine;
use super::report::{Goal, Report, Row, mebibytes};
use super::{criterion, ingest, start};
use crate::memory;

/// The page that publishes the numbers.
const PAGE: &str = "docs/benchmarks.md";
/// Where in it.
const BEGIN: &str = "<!-- begin: cargo xtask bench --write -->\n";
const END: &str = "<!-- end -->";

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
        let (number, budget) = (measured.bytes, measured.budget);
        let text = |bytes: u64| if bytes < 10_240 { format!("{bytes} bytes") } else { mebibytes(bytes) };
        report.row(Row {
            what: measured.what,
            number: text(number),
            share: None,
            goal: Some(Goal::at_most(number as f64, budget as f64, text(budget))),
        });
    }
    report = ingest::measure(&ingest::Args::of(args.seconds, args.rounds), report)?;
    if args.write {
        write(&report.text(true))?;
    } else {
        anstream::println!("{}", report.text(true));
    }
    Ok(if args.check && report.missed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Puts the table in the place of the one before.
fn write(table: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(PAGE).context("run this in the repository's own folder")?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no place for the table")?;
    let (_, after) = rest.split_once(END).context("the place for the table has no end")?;
    ensure!(!table.contains(END), "the table would end its own place");
    fs::write(PAGE, format!("{before}{BEGIN}\n{table}\n{END}{after}"))?;
    anstream::eprintln!("written to {PAGE}");
    Ok(())
}
