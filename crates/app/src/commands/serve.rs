use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tracing::info;
use trigger_cluster::connect;

use crate::options::ProgramOptions;
use crate::program::Program;
use crate::signals::termination;

/// Flags of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "`serve --help` lists all options.", after_long_help = "")]
pub struct Args {
    #[command(flatten)]
    program: ProgramOptions,
    /// Seconds to keep accepting deliveries after SIGTERM, while `/readyz` reports not ready. Kubernetes needs
    /// this time to route requests to other replicas.
    #[arg(
        long,
        help_heading = "Webhooks",
        hide_short_help = true,
        env = "SHIPWRIGHT_TRIGGER_DRAIN_DELAY",
        default_value_t = 5,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(..=3600)
    )]
    drain_delay: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let connection = connect(None).await?;
    info!(server = %connection.url, "using the Kubernetes API server");
    let program = Program::start(&connection, &args.program).await?;
    info!(hooks = %program.hooks, admin = %program.admin, "listening");
    tokio::select! {
        signal = termination() => signal.context("cannot install signal handlers")?,
        () = program.failed() => {
            program.stop().await;
            bail!("a critical task panicked; acknowledged deliveries are safe in the journal: restart the program");
        }
    }
    info!(delay_seconds = args.drain_delay, "draining: not ready, still accepting deliveries");
    program.drain();
    // A second signal ends the delay.
    let delay = tokio::time::sleep(Duration::from_secs(args.drain_delay));
    tokio::select! { () = delay => {}, _ = termination() => {} }
    program.stop().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}
