//! `cargo xtask e2e`: the end-to-end scenarios on a real API server, under the roles that are shipped, and whether
//! these are what the program needs.

mod audit;
pub(crate) mod components;
mod recipe;
mod suite;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use tempfile::NamedTempFile;
use trigger_testkit::api_server::ApiServer;

use self::audit::{Asked, Granted};
use self::suite::Suite;

/// Runs the end-to-end scenarios on a real API server, under the shipped roles.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run them on this cluster, which can be thrown away, as somebody who may do everything. Default: an API server
    /// that is made for them, of the programs in `KUBEBUILDER_ASSETS` or of ones that are built once and kept.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Find or build the API server, and run nothing.
    #[arg(long, conflicts_with = "kubeconfig")]
    components: bool,
    /// How many scenarios are played at once. They mostly wait.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    test_threads: usize,
    /// Play only scenarios in whose name one of these stands. What the roles grant beyond what those use is told, and
    /// no failure then.
    filters: Vec<String>,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(file) = &args.kubeconfig {
        let file = file.canonicalize().with_context(|| format!("there is no {}", file.display()))?;
        let suite = suite::run(&file, true, args.test_threads, &args.filters)?;
        suite.report();
        anstream::println!(
            "\nWhat was left on the cluster goes with `kubectl delete namespace,clusterrolebinding -l \
             trigger.shipwright.io/e2e`. Its audit log was not looked at."
        );
        return suite.outcome();
    }
    let begin = Instant::now();
    let components = components::find_or_build()?;
    anstream::println!("kube-apiserver and etcd: {} ({:.0?})", components.display(), begin.elapsed());
    if args.components {
        return Ok(());
    }
    let begin = Instant::now();
    let server = ApiServer::start(&components).await?;
    anstream::println!("{} serves ({:.1?})", server.url(), begin.elapsed());
    let file = NamedTempFile::new()?;
    std::fs::write(file.path(), server.kubeconfig()?)?;
    let suite = suite::run(file.path(), false, args.test_threads, &args.filters)?;
    suite.report();
    let least = privileges(&server, args.filters.is_empty())?;
    suite.outcome()?;
    ensure!(least, "the roles under deploy/ are not what the program needs");
    Ok(())
}

/// Tells what the roles grant and what was asked for. False if they differ, where every scenario was played.
fn privileges(server: &ApiServer, all: bool) -> anyhow::Result<bool> {
    let granted = Granted::shipped()?;
    let asked = Asked::read(&server.audit_log())?;
    let verdict = granted.compare(&asked);
    anstream::println!("\n{verdict}");
    Ok(verdict.is_least() || (!all && verdict.is_enough()))
}

impl Suite {
    fn outcome(&self) -> anyhow::Result<()> {
        ensure!(self.succeeded, "not every scenario passed");
        Ok(())
    }
}
