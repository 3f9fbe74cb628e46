use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::dev::{Playground, Rehearsal, Story, story};
use crate::signals::termination;

/// Flags of `dev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The dev cluster is a small Kubernetes API server inside this process. It has no nodes: a simulated builder \
carries out BuildRuns and a simulated Tekton carries out PipelineRuns. Objects that they make are marked as \
simulated.

The registry is Debian's docker-registry if it is installed, else one inside this process. Manifests refer to it as \
dev-registry.example. Other registries that Image rules name are queried as usual.

With --once the exit status is 0 if every step succeeded, else 1.")]
pub struct Args {
    /// Load the manifests in this folder (YAML or JSON). Default: the examples of the project.
    #[arg(long, value_name = "DIR")]
    manifests: Option<PathBuf>,
    /// Address for webhooks. Default: 127.0.0.1:8080, or a free port if 8080 is in use.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address for health, readiness, metrics and the admin API. Default: 127.0.0.1:9090, or a free port if
    /// 9090 is in use.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// Exit when the demo is finished.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut story = Story::begin();
    let playground = Playground::start(args.manifests.as_deref(), args.listen, args.admin_listen).await?;
    let rehearsal = Rehearsal::prepare(&playground).await?;
    let succeeded = match rehearsal.run(&mut story, &playground).await {
        Ok(succeeded) => succeeded,
        Err(error) if args.once => return Err(error.context("the demo was aborted")),
        Err(error) => {
            story::aborted(&error);
            false
        }
    };
    if args.once {
        story::end(succeeded);
    } else {
        rehearsal.invite(&mut story, &playground);
        termination().await.context("cannot install signal handlers")?;
        story::stopped();
    }
    playground.stop().await;
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
