//! The processes of a measurement under load: an API server with objects, the program, a journal.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde_json::Value;
use trigger_journal::Address;

use super::access::Access;
use super::api::Api;
use super::load::{Load, Pace};
use super::process::Process;
use super::report::Report;
use super::scene::Scene;
use crate::e2e::components;

/// Flags of all measurements under load.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Settings {
    /// How long each measurement takes, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(super) seconds: u64,
    /// How often what is compared is measured, in turns; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) rounds: u8,
    /// The API server. A real one is found or built as `cargo xtask e2e` does, and keeps its data in the build directory.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    pub(super) api_server: ApiServer,
    /// Keep the deliveries here, such as `postgres://USER@HOST/DATABASE`. Default: a SQLite file in the build
    /// directory, a new one each time.
    #[arg(long, value_name = "ADDRESS")]
    journal: Option<Address>,
    /// What the program logs. Default: as `serve` does. Written to a file in the build directory.
    #[arg(long, default_value = LOG, value_name = "FILTER")]
    log: String,
}

impl Settings {
    /// The defaults, for so many seconds and rounds each.
    pub(super) fn of(seconds: u64, rounds: u8) -> Self {
        Self { seconds, rounds, api_server: ApiServer::Dev, journal: None, log: LOG.to_owned() }
    }
}

/// An API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ApiServer {
    /// The dev cluster.
    #[default]
    Dev,
    /// `kube-apiserver` and `etcd`.
    Real,
}

/// What `serve` logs by default.
const LOG: &str = "info,kube_client=off";
/// Connections of the load generator.
pub(super) const CONNECTIONS: usize = 64;
pub(super) const WARM_UP: Duration = Duration::from_secs(1);
/// More than any server answers on the machines at hand: so many pushes are signed beforehand.
const FASTEST: u64 = 40_000;

/// How the real API server is set up, which decides what it achieves.
const OF_THE_REAL_ONE: &str = "\
    The real API server: etcd keeps its data on the disk of the build directory and syncs each write; no audit log; \
    limits as by default. The program is an administrator, whose requests no limit of priority and fairness holds \
    back. The processor time is that of kube-apiserver and etcd together. Plain requests go over TLS, HTTP/1.1, a \
    connection for each caller.";

/// What all measurements share.
pub(super) struct Bench<'a> {
    pub(super) settings: &'a Settings,
    folder: &'a Path,
    /// The programs of the real API server, if it is to be that.
    components: Option<PathBuf>,
    pub(super) report: Report,
    journals: u32,
    /// Where the next pushes are numbered from: no two are ever the same.
    pub(super) next: u64,
}

/// An API server with the objects of a scene.
pub(super) struct Cluster {
    pub(super) process: Process,
    pub(super) api: Api,
    pub(super) kubeconfig: PathBuf,
}

/// Adds to `report` what `measurements` measure.
pub(super) fn measure(
    settings: &Settings,
    report: Report,
    measurements: impl FnOnce(&mut Bench<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    // Beside the program itself: on the file system of the build directory, not one in memory.
    let program = std::env::current_exe()?;
    let folder = tempfile::tempdir_in(program.parent().context("the program is in no directory")?)?;
    let (components, which) = match settings.api_server {
        ApiServer::Dev => (None, "the dev cluster".to_owned()),
        ApiServer::Real => {
            let components = components::find_or_build()?;
            let which = components::versions(&components)?;
            (Some(components), format!("a real one: {which}"))
        }
    };
    let mut bench = Bench { settings, folder: folder.path(), components, report, journals: 0, next: 0 };
    bench.report.note(format!(
        "Load generator, program and API server ({which}) are processes of their own, on the same cores. \
         {CONNECTIONS} connections; pushes signed beforehand; {} rounds of {} s; logs (`{}`) go to a file.",
        settings.rounds, settings.seconds, settings.log
    ));
    if settings.api_server == ApiServer::Real {
        bench.report.note(OF_THE_REAL_ONE.to_owned());
    }
    measurements(&mut bench)?;
    let report = bench.report;
    folder.close()?;
    Ok(report)
}

impl Bench<'_> {
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.settings.seconds)
    }

    pub(super) fn pace<'a>(&self, address: &'a str, expected: u16) -> Pace<'a> {
        Pace { address, connections: CONNECTIONS, warm_up: WARM_UP, measure: self.time(), expected }
    }

    /// The numbers of pushes that were not sent yet, enough for one measurement: the first, and how many.
    pub(super) fn fresh(&mut self) -> (u64, u64) {
        let count = FASTEST * (self.settings.seconds + WARM_UP.as_secs());
        let first = self.next;
        self.next += count;
        (first, count)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The API server with so many objects of a scene.
    pub(super) fn cluster(&self, scene: Scene, count: usize) -> anyhow::Result<Cluster> {
        let count = count.to_string();
        let mut arguments = vec!["bench-cluster", "--scene", scene.name(), "--count", &count];
        let components = self.components.as_ref().map(|components| components.to_string_lossy());
        let data = self.folder.to_string_lossy();
        if let Some(components) = &components {
            arguments.extend(["--components", components, "--data", &data]);
        }
        let process = Process::start(&arguments, &self.log())?;
        let text = |key: &str| process.greeting[key].as_str().unwrap_or_default().to_owned();
        let kubeconfig = self.folder.join("kubeconfig");
        fs::write(&kubeconfig, text("kubeconfig"))?;
        let api = match self.settings.api_server {
            ApiServer::Dev => Api::Plain { host: text("url").trim_start_matches("http://").to_owned() },
            ApiServer::Real => Api::Tls(Access::read(&text("kubeconfig"))?),
        };
        Ok(Cluster { process, api, kubeconfig })
    }

    /// What a line of the table says about the API server.
    pub(super) fn on(&self) -> &'static str {
        match self.settings.api_server {
            ApiServer::Dev => "the dev cluster",
            ApiServer::Real => "a real API server",
        }
    }

    /// The address of an empty journal, or of the one that was asked for.
    pub(super) fn journal(&mut self) -> anyhow::Result<Address> {
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
        Ok(self.settings.journal.clone().unwrap_or(Address::Sqlite(own)))
    }

    /// The program on `cluster`.
    pub(super) fn server(&self, cluster: &Cluster, journal: Option<&Address>) -> anyhow::Result<Process> {
        let journal = match journal {
            None => "none".to_owned(),
            Some(Address::Sqlite(path)) => format!("sqlite:{}", path.display()),
            Some(Address::Postgres(address)) => address.clone(),
        };
        let kubeconfig = cluster.kubeconfig.to_string_lossy();
        let arguments =
            ["bench-server", "--journal", &journal, "--kubeconfig", &kubeconfig, "--log", &self.settings.log];
        Process::start(&arguments, &self.log())
    }
}

impl Cluster {
    /// What was asked of it so far.
    pub(super) fn counts(&mut self) -> anyhow::Result<Value> {
        self.process.ask("counts")
    }

    /// The processor time of the API server.
    pub(super) fn time(&self) -> anyhow::Result<Duration> {
        match self.api {
            Api::Plain { .. } => Ok(self.process.used()?.time),
            // The process only started it.
            Api::Tls(_) => self.process.time_of_children(),
        }
    }

    /// Has `ask` ask the API server plainly: the rate, and what an answer costs the API server of processor time.
    pub(super) fn alone(
        &self,
        ask: impl FnOnce(&Api) -> anyhow::Result<Load>,
    ) -> anyhow::Result<(f64, Duration)> {
        let before = self.time()?;
        let load = ask(&self.api)?;
        let used = self.time()?.saturating_sub(before);
        Ok((load.rate(), used.div_f64(load.all.max(1) as f64)))
    }

    /// Has it end. Nothing that was measured with it is worth anything if it has turned requests away.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let refused = self.counts()?["turned away"].as_u64().unwrap_or_default();
        ensure!(
            refused == 0,
            "the API server has turned {refused} requests away (429): its limits were measured"
        );
        self.process.end()
    }
}

pub(super) fn hooks(server: &Process) -> anyhow::Result<String> {
    Ok(server.greeting["hooks"].as_str().context("the server does not say where it listens")?.to_owned())
}
