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
pub struct Args {
    #[command(flatten)]
    program: ProgramOptions,
    /// How long to go on taking deliveries in after the request to end, in seconds, while `/readyz` already
    /// says no: Kubernetes needs that long to send new ones elsewhere.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_DRAIN_DELAY", default_value_t = 5, value_name = "SECONDS")]
    drain_delay: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let connection = connect(None).await?;
    info!(server = %connection.url, "using the Kubernetes API server");
    let program = Program::start(&connection, &args.program).await?;
    info!(hooks = %program.hooks, admin = %program.admin, "listening");
    tokio::select! {
        asked = termination() => asked.context("signals cannot be received")?,
        () = program.failed() => {
            program.stop().await;
            bail!("a part of the program has panicked; nothing that was acknowledged is lost, start it anew");
        }
    }
    info!(delay = args.drain_delay, "ending: no longer ready, still taking deliveries in");
    program.drain();
    // A second request ends the wait.
    let delay = tokio::time::sleep(Duration::from_secs(args.drain_delay));
    tokio::select! { () = delay => {}, _ = termination() => {} }
    program.stop().await;
    info!("ended");
    Ok(ExitCode::SUCCESS)
}
