//! `cargo xtask bench ingest`.

mod acknowledgements;
mod latency;
mod memory;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use trigger_journal::Address;

use super::load::Pace;
use super::machine::machine;
use super::process::Process;
use super::report::Report;

/// Flags of `bench ingest`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only this. Repeat it for several.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Name>,
    /// How long each measurement takes, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often what is compared is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Keep the deliveries here, such as `postgres://USER@HOST/DATABASE`. Default: a SQLite file in the build
    /// directory, a new one each time.
    #[arg(long, value_name = "ADDRESS")]
    journal: Option<Address>,
    /// What the program logs. Default: as `serve` does. Written to a file in the build directory.
    #[arg(long, default_value = LOG, value_name = "FILTER")]
    log: String,
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
    /// Resident memory.
    Memory,
}

/// What `serve` logs by default.
const LOG: &str = "info,kube_client=off";
/// Connections of the load generator.
const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
/// More than any server answers on the machines at hand: so many pushes are signed beforehand.
const FASTEST: u64 = 40_000;

/// What all measurements share.
struct Bench<'a> {
    args: &'a Args,
    folder: &'a Path,
    report: Report,
    journals: u32,
    /// Where the next pushes are numbered from: no two are ever the same.
    next: u64,
}

/// An API server with Builds and Secrets.
struct Cluster {
    process: Process,
    /// Host and port.
    host: String,
    kubeconfig: PathBuf,
}

impl Args {
    /// All of it, for so many seconds and rounds each.
    pub(crate) fn of(seconds: u64, rounds: u8) -> Self {
        Self { seconds, rounds, ..Self::default() }
    }
}

impl Default for Args {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            seconds: 5,
            rounds: 3,
            journal: None,
            log: LOG.to_owned(),
            million: false,
            markdown: false,
            check: false,
        }
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
    // Beside the program itself: on the file system of the build directory, not one in memory.
    let program = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(program.parent().context("the program is in no directory")?)?;
    let mut bench = Bench { args, folder: folder.path(), report, journals: 0, next: 0 };
    bench.report.note(format!(
        "Load generator, program and API server (the dev cluster) are a process each, on the same cores. \
         {CONNECTIONS} connections; pushes signed beforehand; {} rounds of {} s; logs (`{}`) go to a file.",
        args.rounds, args.seconds, args.log
    ));
    let wanted = |name| args.only.is_empty() || args.only.contains(&name);
    if wanted(Name::Acknowledgements) {
        acknowledgements::one_repository(&mut bench)?;
    }
    if wanted(Name::Secrets) {
        acknowledgements::many_repositories(&mut bench)?;
    }
    if wanted(Name::Latency) {
        latency::measure(&mut bench)?;
    }
    if wanted(Name::Runs) {
        runs::measure(&mut bench)?;
    }
    if wanted(Name::Memory) {
        memory::measure(&mut bench)?;
    }
    let report = bench.report;
    folder.close()?;
    Ok(report)
}

impl Bench<'_> {
    fn time(&self) -> Duration {
        Duration::from_secs(self.args.seconds)
    }

    fn pace<'a>(&self, address: &'a str, expected: u16) -> Pace<'a> {
        Pace { address, connections: CONNECTIONS, warm_up: WARM_UP, measure: self.time(), expected }
    }

    /// The numbers of pushes that were not sent yet, enough for one measurement: the first, and how many.
    fn fresh(&mut self) -> (u64, u64) {
        let count = FASTEST * (self.args.seconds + WARM_UP.as_secs());
        let first = self.next;
        self.next += count;
        (first, count)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn cluster(&self, repositories: usize) -> anyhow::Result<Cluster> {
        let process =
            Process::start(&["bench-cluster", "--repositories", &repositories.to_string()], &self.log())?;
        let text = |key: &str| process.greeting[key].as_str().unwrap_or_default().to_owned();
        let kubeconfig = self.folder.join("kubeconfig");
        fs::write(&kubeconfig, text("kubeconfig"))?;
        let host = text("url").trim_start_matches("http://").to_owned();
        Ok(Cluster { process, host, kubeconfig })
    }

    /// The address of an empty journal, or of the one that was asked for.
    fn journal(&mut self) -> anyhow::Result<Address> {
        // Earlier ones are done with; their pages need not be written back beside the measurement.
        for number in 1..=self.journals {
            for suffix in ["", "-wal", "-shm", ".lock"] {
                let _ = fs::remove_file(self.folder.join(format!("journal-{number}.db{suffix}")));
            }
        }
        // Nobody reads the log of what went well.
        fs::write(self.log(), "")?;
        self.journals += 1;
        let own = self.folder.join(format!("journal-{}.db", self.journals));
        Ok(self.args.journal.clone().unwrap_or(Address::Sqlite(own)))
    }

    /// The program on `cluster`.
    fn server(&self, cluster: &Cluster, journal: Option<&Address>) -> anyhow::Result<Process> {
        let journal = match journal {
            None => "none".to_owned(),
            Some(Address::Sqlite(path)) => format!("sqlite:{}", path.display()),
            Some(Address::Postgres(address)) => address.clone(),
        };
        let kubeconfig = cluster.kubeconfig.to_string_lossy();
        let arguments =
            ["bench-server", "--journal", &journal, "--kubeconfig", &kubeconfig, "--log", &self.args.log];
        Process::start(&arguments, &self.log())
    }
}

fn hooks(server: &Process) -> anyhow::Result<String> {
    Ok(server.greeting["hooks"].as_str().context("the server does not say where it listens")?.to_owned())
}
