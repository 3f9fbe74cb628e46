//! `cargo xtask bench ingest`.

mod acknowledgements;
mod latency;
mod memory;
mod priorities;
mod runs;

use std::process::ExitCode;

use clap::ValueEnum;

use super::machine::machine;
use super::report::Report;
use super::testbed::{self, Settings};

/// Flags of `bench ingest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only this. Repeat it for several.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Name>,
    #[command(flatten)]
    settings: Settings,
    /// Send a million deliveries and see whether the memory grows. Takes minutes.
    #[arg(long)]
    million: bool,
    /// Write the table as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Fail if a goal is missed.
    #[arg(long)]
    check: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Durable acknowledgements, one repository.
    Acknowledgements,
    /// Durable acknowledgements, 200 repositories with a Secret each.
    Secrets,
    /// Latency at a fixed rate.
    Latency,
    /// Runs created.
    Runs,
    /// Acknowledgements beside runs, runs beside conditions, conditions beside their controller.
    Priorities,
    /// Resident memory.
    Memory,
}

impl Args {
    /// All of it, for so many seconds and rounds each.
    pub(crate) fn of(seconds: u64, rounds: u8) -> Self {
        let settings = Settings::of(seconds, rounds);
        Self { only: Vec::new(), settings, million: false, markdown: false, check: false }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    report.note(machine()?);
    let report = measure(args, report)?;
    anstream::println!("{}", report.text(args.markdown));
    Ok(if args.check && report.missed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Adds what is measured to `report`.
pub(crate) fn measure(args: &Args, report: Report) -> anyhow::Result<Report> {
    let wanted = |name| args.only.is_empty() || args.only.contains(&name);
    testbed::measure(&args.settings, report, |bench| {
        if wanted(Name::Acknowledgements) {
            acknowledgements::one_repository(bench)?;
        }
        if wanted(Name::Secrets) {
            acknowledgements::many_repositories(bench)?;
        }
        if wanted(Name::Latency) {
            latency::measure(bench)?;
        }
        if wanted(Name::Runs) {
            runs::measure(bench)?;
        }
        if wanted(Name::Priorities) {
            priorities::measure(bench)?;
        }
        if wanted(Name::Memory) {
            memory::measure(bench, args.million)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::bench::testbed::ApiServer;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_api_server_can_be_chosen() {
        let chosen = |words: &[&str]| {
            let words = std::iter::once("ingest").chain(words.iter().copied());
            Line::try_parse_from(words).ok().map(|line| line.args.settings.api_server)
        };
        assert_eq!(chosen(&[]), Some(ApiServer::Dev));
        assert_eq!(chosen(&["--api-server", "dev"]), Some(ApiServer::Dev));
        assert_eq!(chosen(&["--api-server", "real", "--only", "runs"]), Some(ApiServer::Real));
        assert_eq!(chosen(&["--api-server", "other"]), None);
    }
}
