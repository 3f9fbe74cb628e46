//! `images`: lists the images that Builds wait for, and checks one now. A client of the admin API.

mod check;
mod list;
mod rows;

use std::process::ExitCode;

use clap::Subcommand;

use crate::admin_client::{Client, NotFound, ServerArgs};

/// Flags of `images`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl port-forward -n shipwright-trigger service/shipwright-trigger-admin 9090 &
  export SHIPWRIGHT_TRIGGER_TOKEN=$(kubectl create token -n team-a robot)
  shipwright-trigger images list --failing
  shipwright-trigger images check node:20

You see the images of Builds in namespaces in which you may `get` Builds (builds.shipwright.io), and check \
those for which you may `create` BuildRuns (buildruns.shipwright.io) in such a namespace.")]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the images that Builds wait for, with their digests and errors.
    List(list::Args),
    /// Resolve an image at its registry now and show its digest.
    Check(check::Args),
}

const NOT_FOUND: NotFound = NotFound(
    "no Build waits for this image in a namespace that you may see: `shipwright-trigger images list` lists the \
     followed images",
);

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.server, NOT_FOUND)?;
    match args.command {
        Command::List(args) => list::run(&client, args).await,
        Command::Check(args) => check::run(&client, args).await,
    }
}
