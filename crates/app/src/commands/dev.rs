use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::dev::{ImageRehearsal, PipelineRehearsal, Playground, Rehearsal, Story, story};
use crate::signals::termination;

/// Flags of `dev`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The cluster is a small Kubernetes API server inside this process. There are no nodes in it: BuildRuns are
carried out by a simulated builder and PipelineRuns by a simulated Tekton; everything that these make is
marked as simulated. The registry is Debian's docker-registry if that is installed, else one inside this process;
manifests call it dev-registry.example. Other registries that Image rules name are asked as they are.")]
pub struct Args {
    /// Load the manifests in this folder (YAML or JSON) instead of the examples.
    #[arg(long, value_name = "DIR")]
    manifests: Option<PathBuf>,
    /// Where webhooks come in. Default: 127.0.0.1:8080, or any free port if that one is taken.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where health, readiness, metrics and the admin API are served. Default: 127.0.0.1:9090, or any free port.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// End after the story. The exit status is 0 if everything went as it should, else 1.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut story = Story::begin();
    let playground = Playground::start(args.manifests.as_deref(), args.listen, args.admin_listen).await?;
    let rehearsals = Rehearsal::of(&playground).await?;
    let images = ImageRehearsal::of(&playground).await?;
    let told = tell(&mut story, &playground, &rehearsals, images.as_ref()).await;
    let good = match &told {
        Ok(good) => *good,
        Err(error) if args.once => anyhow::bail!("the story broke off: {error:#}"),
        Err(error) => {
            story::broke_off(error);
            false
        }
    };
    if args.once {
        story::end(good);
    } else {
        story.invite(&playground, rehearsals.first(), images.as_ref());
        termination().await.context("signals cannot be received")?;
        story::goodbye();
    }
    playground.stop().await;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn tell(
    story: &mut Story,
    playground: &Playground,
    rehearsals: &[Rehearsal],
    images: Option<&ImageRehearsal>,
) -> anyhow::Result<bool> {
    story.stage(playground).await?;
    let mut good = !rehearsals.is_empty();
    if rehearsals.is_empty() {
        story.nothing_to_send();
    }
    for rehearsal in rehearsals {
        good &= rehearsal.play(story, playground).await?;
    }
    if let Some(first) = rehearsals.first() {
        good &= first.play_again(story, playground).await?;
    }
    for pipeline in PipelineRehearsal::of(playground).await? {
        good &= pipeline.play(story, playground).await?;
    }
    if let Some(images) = images {
        good &= images.play(story, playground).await?;
    }
    Ok(good)
}
