//! `cargo xtask bench listeners`: listeners of Tekton, whose triggers have the interceptors `github` and `cel`.

mod acknowledgements;
mod objects;
mod secrets;
mod triggers;

use std::process::ExitCode;

use clap::ValueEnum;

use super::machine::machine;
use super::page;
use super::report::{Report, Row};
use super::testbed::{self, Settings};
use crate::{memory, shipped};

/// Flags of `bench listeners`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only this. Repeat it for several.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Name>,
    #[command(flatten)]
    settings: Settings,
    /// Write the table as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Write the table into docs/benchmarks.md.
    #[arg(long)]
    write: bool,
    /// Fail if a goal is missed.
    #[arg(long)]
    check: bool,
}

/// The measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Durable acknowledgements while nothing matches.
    Acknowledgements,
    /// The same with 1,000 triggers.
    Triggers,
    /// Objects created.
    Objects,
    /// One push for 60 triggers with a Secret each.
    Secrets,
    /// Resident memory with 100 listeners.
    Memory,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let wanted = |name| args.only.is_empty() || args.only.contains(&name);
    let mut report = Report::default();
    report.note(machine()?);
    let mut report = testbed::measure(&args.settings, report, |bench| {
        if wanted(Name::Acknowledgements) {
            acknowledgements::measure(bench)?;
        }
        if wanted(Name::Triggers) {
            triggers::measure(bench)?;
        }
        if wanted(Name::Objects) {
            objects::measure(bench)?;
        }
        if wanted(Name::Secrets) {
            secrets::measure(bench)?;
        }
        Ok(())
    })?;
    if wanted(Name::Memory) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report.row(Row::of(runtime.block_on(memory::listeners(&shipped::binary()?))?));
    }
    if args.write {
        page::write("bench listeners", &report.text(true))?;
    } else {
        anstream::println!("{}", report.text(args.markdown));
    }
    Ok(if args.check && report.missed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
