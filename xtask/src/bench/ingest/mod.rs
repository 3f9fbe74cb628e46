//! `cargo xtask bench ingest`.

mod acknowledgements;
mod latency;
mod memory;
mod priorities;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde_json::Value;
use trigger_journal::Address;

use super::access::Access;
use super::api::Api;
use super::load::{Load, Pace};
use super::machine::machine;
use super::process::Process;
use super::report::Report;
use crate::e2e::components;

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
    /// The API server. A real one is found or built as `cargo xtask e2e` does, and keeps its data in the build directory.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    api_server: ApiServer,
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
    /// Acknowledgements beside runs, runs beside conditions, conditions beside their controller.
    Priorities,
    /// Resident memory.
    Memory,
}

/// An API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ApiServer {
    /// The dev cluster.
    #[default]
    Dev,
    /// `kube-apiserver` and `etcd`.
    Real,
}

/// What `serve` logs by default.
const LOG: &str = "info,kube_client=off";
/// Connections of the load generator.
const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
/// More than any server answers on the machines at hand: so many pushes are signed beforehand.
const FASTEST: u64 = 40_000;

/// How the real API server is set up, which decides what it achieves.
const OF_THE_REAL_ONE: &str = "\
    The real API server: etcd keeps its data on the disk of the build directory and syncs each write; no audit log; \
    limits as by default. The program is an administrator, whose requests no limit of priority and fairness holds \
    back. The processor time is that of kube-apiserver and etcd together. Plain requests go over TLS, HTTP/1.1, a \
    connection for each caller.";

/// What all measurements share.
struct Bench<'a> {
    args: &'a Args,
    folder: &'a Path,
    /// The programs of the real API server, if it is to be that.
    components: Option<PathBuf>,
    report: Report,
    journals: u32,
    /// Where the next pushes are numbered from: no two are ever the same.
    next: u64,
}

/// An API server with Builds and Secrets.
struct Cluster {
    process: Process,
    api: Api,
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
            api_server: ApiServer::Dev,
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
    let (components, which) = match args.api_server {
        ApiServer::Dev => (None, "the dev cluster".to_owned()),
        ApiServer::Real => {
            let components = components::find_or_build()?;
            let which = components::versions(&components)?;
            (Some(components), format!("a real one: {which}"))
        }
    };
    let mut bench = Bench { args, folder: folder.path(), components, report, journals: 0, next: 0 };
    bench.report.note(format!(
        "Load generator, program and API server ({which}) are processes of their own, on the same cores. \
         {CONNECTIONS} connections; pushes signed beforehand; {} rounds of {} s; logs (`{}`) go to a file.",
        args.rounds, args.seconds, args.log
    ));
    if args.api_server == ApiServer::Real {
        bench.report.note(OF_THE_REAL_ONE.to_owned());
    }
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
    if wanted(Name::Priorities) {
        priorities::measure(&mut bench)?;
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
        let repositories = repositories.to_string();
        let mut arguments = vec!["bench-cluster", "--repositories", &repositories];
        let components = self.components.as_ref().map(|components| components.to_string_lossy());
        let data = self.folder.to_string_lossy();
        if let Some(components) = &components {
            arguments.extend(["--components", components, "--data", &data]);
        }
        let process = Process::start(&arguments, &self.log())?;
        let text = |key: &str| process.greeting[key].as_str().unwrap_or_default().to_owned();
        let kubeconfig = self.folder.join("kubeconfig");
        fs::write(&kubeconfig, text("kubeconfig"))?;
        let api = match self.args.api_server {
            ApiServer::Dev => Api::Plain { host: text("url").trim_start_matches("http://").to_owned() },
            ApiServer::Real => Api::Tls(Access::read(&text("kubeconfig"))?),
        };
        Ok(Cluster { process, api, kubeconfig })
    }

    /// What a line of the table says about the API server.
    fn on(&self) -> &'static str {
        match self.args.api_server {
            ApiServer::Dev => "the dev cluster",
            ApiServer::Real => "a real API server",
        }
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

impl Cluster {
    /// What was asked of it so far.
    fn counts(&mut self) -> anyhow::Result<Value> {
        self.process.ask("counts")
    }

    /// The processor time of the API server.
    fn time(&self) -> anyhow::Result<Duration> {
        match self.api {
            Api::Plain { .. } => Ok(self.process.used()?.time),
            // The process only started it.
            Api::Tls(_) => self.process.time_of_children(),
        }
    }

    /// Has `ask` ask the API server plainly: the rate, and what an answer costs the API server of processor time.
    fn alone(&self, ask: impl FnOnce(&Api) -> anyhow::Result<Load>) -> anyhow::Result<(f64, Duration)> {
        let before = self.time()?;
        let load = ask(&self.api)?;
        let used = self.time()?.saturating_sub(before);
        Ok((load.rate(), used.div_f64(load.all.max(1) as f64)))
    }

    /// Has it end. Nothing that was measured with it is worth anything if it has turned requests away.
    fn end(mut self) -> anyhow::Result<()> {
        let refused = self.counts()?["turned away"].as_u64().unwrap_or_default();
        ensure!(
            refused == 0,
            "the API server has turned {refused} requests away (429): its limits were measured"
        );
        self.process.end()
    }
}

fn hooks(server: &Process) -> anyhow::Result<String> {
    Ok(server.greeting["hooks"].as_str().context("the server does not say where it listens")?.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_api_server_can_be_chosen() {
        let chosen = |words: &[&str]| {
            let words = std::iter::once("ingest").chain(words.iter().copied());
            Line::try_parse_from(words).ok().map(|line| line.args.api_server)
        };
        assert_eq!(chosen(&[]), Some(ApiServer::Dev));
        assert_eq!(chosen(&["--api-server", "dev"]), Some(ApiServer::Dev));
        assert_eq!(chosen(&["--api-server", "real", "--only", "runs"]), Some(ApiServer::Real));
        assert_eq!(chosen(&["--api-server", "other"]), None);
    }
}
