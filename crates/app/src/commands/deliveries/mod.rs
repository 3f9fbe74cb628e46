//! `deliveries`: lists, inspects and replays deliveries. A client of the admin API.

mod changes;
mod list;
mod pages;
mod replay;
mod rows;
mod show;
mod watch;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use trigger_providers::{own_event_names, parse_repository, rule_event_name, rule_event_names};
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
    /// Only deliveries of this event, such as Push, PullRequest or "PipelineRun Succeeded". Other spellings and the
    /// provider's names are accepted too.
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

    /// Why nothing was found, for the person who set these filters.
    fn nothing_found(&self) -> String {
        if self.is_empty() {
            return "No deliveries.".to_owned();
        }
        let mut set = Vec::new();
        set.extend(self.repository.as_ref().map(|text| format!("--repository {text}")));
        set.extend(self.event.as_ref().map(|text| format!("--event '{text}'")));
        set.extend(
            self.state
                .and_then(|state| state.to_possible_value())
                .map(|value| format!("--state {}", value.get_name())),
        );
        set.extend(self.since.map(|_| "--since".to_owned()));
        set.extend(self.until.map(|_| "--until".to_owned()));
        let mut text = format!("No deliveries match {}.", set.join(", "));
        if let Some(event) = self.event.as_deref().filter(|event| !is_event_of_rules(event)) {
            let known = rule_event_names().join(", ");
            let _ = write!(
                text,
                " `{event}` is no event that this program knows: those of repositories are {known}; others are written as \
                 the provider writes them, or like 'PipelineRun Succeeded' and 'Image REF'."
            );
        }
        text
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

/// Whether `event` names an event that rules can wait for.
fn is_event_of_rules(event: &str) -> bool {
    let kinds = ["PipelineRun ", "Image "];
    kinds.iter().any(|kind| event.starts_with(kind))
        || own_event_names(event).iter().any(|own| rule_event_names().contains(&rule_event_name(own)))
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

    #[test]
    fn filters_that_find_nothing_are_named_with_the_events_that_exist() {
        let filters = |event: &str| Filters { event: Some(event.to_owned()), ..Filters::default() };
        assert_eq!(Filters::default().nothing_found(), "No deliveries.");
        for event in ["push", "PullRequest", "merge_request", "PipelineRun Failed", "Image node:20"] {
            assert_eq!(filters(event).nothing_found(), format!("No deliveries match --event '{event}'."));
        }
        let text = filters("pusch").nothing_found();
        assert!(text.contains("`pusch` is no event that") && text.contains("PullRequest, Push"), "{text}");
        let state = Filters { state: Some(StateName::Failed), ..Filters::default() };
        assert_eq!(state.nothing_found(), "No deliveries match --state failed.");
    }
}
