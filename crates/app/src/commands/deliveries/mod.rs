//! `deliveries`: lists, inspects and replays deliveries. A client of the admin API.

mod changes;
mod list;
mod pages;
mod replay;
mod rows;
mod show;
mod watch;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use trigger_providers::parse_repository;
use trigger_server::wire;

use crate::admin_client::{Client, NotFound, ServerArgs, parse_time};

/// Flags of `deliveries`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl port-forward -n shipwright-trigger service/shipwright-trigger-admin 9090 &
  export SHIPWRIGHT_TRIGGER_TOKEN=$(kubectl create token -n team-a robot)
  shipwright-trigger deliveries list --repository github.com/acme/web --since 2h
  shipwright-trigger deliveries show ID

You see the deliveries of namespaces in which you may `get` Builds (builds.shipwright.io), and replay \
those for which you may `create` BuildRuns (buildruns.shipwright.io).")]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List deliveries with their results, newest first.
    List(list::Args),
    /// Show one delivery: its request, its decisions with their reasons, and its runs.
    Show(show::Args),
    /// Process deliveries again, with the current rules.
    Replay(replay::Args),
}

/// Filters for deliveries.
#[derive(Debug, Clone, Default, clap::Args)]
struct Filters {
    /// Only deliveries of this repository. It need not be spelled as in the Build.
    #[arg(long, value_name = "URL")]
    repository: Option<String>,
    /// Only deliveries of this event, by the provider's name, such as `push`.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Only deliveries in this state.
    #[arg(long, value_name = "STATE")]
    state: Option<StateName>,
    /// Only deliveries received at or after this time: an age (`2h`, `30m`, `7d`) or a timestamp
    /// (`2026-01-31T12:00:00Z`).
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Only deliveries received before this time: an age or a timestamp.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateName {
    /// Queued, or waiting for a retry.
    Pending,
    /// In progress.
    Claimed,
    /// Every rule is decided and every run is created.
    Settled,
    /// Failed permanently, or retried for too long.
    Failed,
}

const NOT_FOUND: NotFound = NotFound(
    "no delivery with this id exists, or you may not see it: `shipwright-trigger deliveries list` lists the \
     deliveries that you may see, and with --rejected the rejected requests",
);

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.server, NOT_FOUND)?;
    match args.command {
        Command::List(args) => list::run(&client, args).await,
        Command::Show(args) => show::run(&client, args).await,
        Command::Replay(args) => replay::run(&client, args).await,
    }
}

impl Filters {
    fn is_empty(&self) -> bool {
        let Self { repository, event, state, since, until } = self;
        repository.is_none() && event.is_none() && state.is_none() && since.is_none() && until.is_none()
    }

    /// The query, with the repository in its canonical spelling.
    fn query(self) -> anyhow::Result<wire::DeliveryQuery> {
        let repository = self.repository.map(|url| {
            let name = parse_repository(&url);
            name.map(|name| name.to_string()).with_context(|| format!("`{url}` is not a repository URL"))
        });
        Ok(wire::DeliveryQuery {
            repository: repository.transpose()?,
            event: self.event,
            state: self.state.map(Into::into),
            since: self.since,
            until: self.until,
            limit: None,
            after: None,
        })
    }
}

impl From<StateName> for wire::State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Pending => Self::Pending,
            StateName::Claimed => Self::Claimed,
            StateName::Settled => Self::Settled,
            StateName::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_of_a_filter_is_named_as_deliveries_name_it() {
        let repository = Some("https://GitHub.com/Acme/Web.git".to_owned());
        let filters = Filters { repository, event: None, state: None, since: None, until: None };
        assert_eq!(filters.query().unwrap().repository.as_deref(), Some("github.com/acme/web"));
    }
}
