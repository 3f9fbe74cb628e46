use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use anstream::print;
use anyhow::Context;
use clap::Subcommand;

use crate::dev::{Playground, Rehearsal, Story, environment, story};
use crate::signals::termination_or_hangup;

/// Flags of `dev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The dev cluster is a small Kubernetes API server inside this process. It has no nodes: a simulated builder \
carries out BuildRuns and a simulated Tekton carries out PipelineRuns and TaskRuns. Objects that they make are \
marked as simulated.

The registry is Debian's docker-registry if it is installed, else one inside this process. Manifests refer to it as \
dev-registry.example. Other registries that Image rules name are queried as usual.

With --once the exit status is 0 if every step succeeded, else 1.")]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
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
    /// Print every decision, address and cause.
    #[arg(long, short = 'v')]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the commands that point a terminal to the demo that runs: `eval "$(shipwright-trigger dev env)"`.
    Env,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(Command::Env) = args.command {
        print!("{}", environment()?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut ended = pin!(termination_or_hangup());
    let mut story = Story::begin(args.verbose);
    let start = Playground::start(args.manifests.as_deref(), args.listen, args.admin_listen, !args.once);
    let playground = tokio::select! {
        biased;
        signal = &mut ended => {
            signal.context("cannot install signal handlers")?;
            story::stopped();
            return Ok(ExitCode::FAILURE);
        }
        started = start => started?,
    };
    let mut succeeded = false;
    let result = tokio::select! {
        biased;
        signal = &mut ended => signal.context("cannot install signal handlers").map(|()| story::stopped()),
        played = play(&mut story, &playground, args.once, &mut succeeded) => played,
    };
    playground.stop().await;
    result?;
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the demo, then stays up unless it is played once. Sets `succeeded` once every step has succeeded.
async fn play(
    story: &mut Story,
    playground: &Playground,
    once: bool,
    succeeded: &mut bool,
) -> anyhow::Result<()> {
    let rehearsal = Rehearsal::prepare(playground).await?;
    match rehearsal.run(story, playground).await {
        Ok(all) => *succeeded = all,
        Err(error) if once => return Err(error.context("the demo was aborted")),
        Err(error) => story::aborted(&error),
    }
    if once {
        story::end(*succeeded);
        return Ok(());
    }
    rehearsal.stay(story, playground).await
}
