use std::io::{IsTerminal, Write, stdin};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use owo_colors::OwoColorize;
use trigger_server::wire::{Decision, Outcome, ReplayOutcome, ReplayOutcomes, ReplayRequests, ReplayResult};

use super::Filters;
use super::pages::deliveries;
use super::show::full_id;
use crate::admin_client::Client;
use crate::render_decisions::{RenderedDecision, print_decisions};
use crate::sanitize::{escape_for_terminal, escape_lines_for_terminal};
use crate::sender::unique_id;

/// Flags of `deliveries replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger deliveries replay ID
  shipwright-trigger deliveries replay --state failed --since 2h --dry-run
  shipwright-trigger deliveries replay --repository github.com/acme/web --since 1d --yes

A replay is a new delivery, decided by the current rules. Runs of the original stay as they are. Filters select \
original deliveries only; to replay a replay, give its id.

The exit status is 0 if all deliveries were replayed, 3 if none matches, 1 after an error.")]
pub(super) struct Args {
    /// The ids of the deliveries, or their first six or more characters. Without ids, the filters select the
    /// deliveries.
    ids: Vec<String>,
    #[command(flatten)]
    filters: Filters,
    /// Maximum number of deliveries that the filters select, newest first.
    #[arg(long, default_value_t = 1000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Only show the decisions of the current rules.
    #[arg(long)]
    dry_run: bool,
    /// Replay several deliveries without confirmation.
    #[arg(long, short = 'y')]
    yes: bool,
    /// An idempotency key: a repeated request with the same text starts nothing twice. Default: a new one each
    /// time.
    #[arg(long, value_name = "TEXT")]
    request: Option<String>,
}

/// The exit status if no delivery matches, so that scripts can tell it from an error.
const NOTHING_MATCHES: u8 = 3;
/// The most ids that the API accepts in one request.
const BATCH: usize = 100;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let Args { ids, filters, limit, dry_run, yes, request } = args;
    let nothing_found = filters.nothing_found();
    let ids = select(client, ids, filters, limit).await?;
    if ids.is_empty() {
        anstream::eprintln!("{} Nothing to replay.", escape_lines_for_terminal(&nothing_found));
        return Ok(ExitCode::from(NOTHING_MATCHES));
    }
    let preview = send(client, &ids, None).await?;
    for one in &preview {
        print_preview(one, ids.len() == 1);
    }
    let possible: Vec<String> =
        preview.into_iter().filter(|one| is_possible(&one.result)).map(|one| one.id).collect();
    if dry_run || possible.is_empty() {
        let complete = possible.len() == ids.len();
        return Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if possible.len() > 1 && !yes && !confirmed(possible.len())? {
        anstream::eprintln!("Cancelled: nothing was replayed.");
        return Ok(ExitCode::FAILURE);
    }
    let request = request.unwrap_or_else(|| unique_id("replay").to_string());
    let mut replayed = 0;
    for one in send(client, &possible, Some(&request)).await? {
        match &one.result {
            ReplayResult::New { delivery, .. } => println!("{} -> {}", one.id, delivery.green()),
            ReplayResult::Known { delivery, .. } => {
                println!(
                    "{} -> {} (created by an earlier request with the same key)",
                    one.id,
                    delivery.green()
                );
            }
            other => {
                println!("{}: {}", one.id, escape_for_terminal(&obstacle(other)).red());
                continue;
            }
        }
        replayed += 1;
    }
    Ok(if replayed == ids.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The ids of the selected deliveries, oldest first.
async fn select(
    client: &Client,
    named: Vec<String>,
    filters: Filters,
    limit: u32,
) -> anyhow::Result<Vec<String>> {
    if named.is_empty() == filters.is_empty() {
        bail!("select deliveries either by id or by --repository, --event, --state, --since and --until");
    }
    let mut ids = Vec::new();
    for name in named {
        let id = full_id(client, &name).await?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.is_empty() {
        let found = deliveries(client, filters.query()?, usize::try_from(limit)?).await?;
        if found.next.is_some() {
            anstream::eprintln!("More deliveries match: using the newest {limit}. Raise --limit for more.");
        }
        let originals = found.items.into_iter().rev().filter(|item| item.replay_of.is_none());
        ids.extend(originals.map(|item| item.id));
    }
    Ok(ids)
}

/// Sends the ids in batches. A dry run if there is no request key.
async fn send(client: &Client, ids: &[String], request: Option<&str>) -> anyhow::Result<Vec<ReplayOutcome>> {
    let mut all = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let requests = ReplayRequests {
            ids: batch.to_vec(),
            request: request.map(ToOwned::to_owned),
            dry_run: request.is_none(),
        };
        let outcomes: ReplayOutcomes = client.post("/replays", &requests).await?;
        all.extend(outcomes.items);
    }
    Ok(all)
}

fn is_possible(result: &ReplayResult) -> bool {
    matches!(result, ReplayResult::DryRun { .. })
}

fn print_preview(one: &ReplayOutcome, alone: bool) {
    let ReplayResult::DryRun { decisions, namespaces, hidden } = &one.result else {
        println!("{}: {}", one.id, escape_for_terminal(&obstacle(&one.result)).red());
        return;
    };
    let hidden = if *hidden { " (visible to you)" } else { "" };
    println!("{}: {}{hidden}{}", one.id, summary(decisions), within(namespaces.as_deref()));
    if alone {
        print_decisions(decisions.iter().map(|decision| RenderedDecision::from_wire(decision, None)));
    }
}

/// The decisions of the current rules, in a line.
fn summary(decisions: &[Decision]) -> String {
    let fired = decisions.iter().filter(|decision| matches!(decision.outcome, Outcome::Fired { .. }));
    let fired: Vec<_> = fired.map(|decision| decision.owner.to_string()).collect();
    match fired.as_slice() {
        [] => "would start nothing".to_owned(),
        targets => format!("would start {}", targets.join(", ")),
    }
}

/// The namespaces to which a replay is restricted, in a phrase.
fn within(namespaces: Option<&[String]>) -> String {
    let names = namespaces.map(|namespaces| escape_for_terminal(&namespaces.join(", ")).to_string());
    names.map(|names| format!(" (only for rules in {names})")).unwrap_or_default()
}

/// Why a delivery cannot be replayed.
fn obstacle(result: &ReplayResult) -> String {
    match result {
        ReplayResult::Missing => "it does not exist, or you may not see it".to_owned(),
        ReplayResult::InProgress => "it is in progress; retry once it is settled".to_owned(),
        ReplayResult::BodyGone => {
            "its body was deleted by retention; redeliver the event from the provider".to_owned()
        }
        ReplayResult::Forbidden => {
            "you may not create BuildRuns in any of its namespaces; ask for `create` on buildruns.shipwright.io in one"
                .to_owned()
        }
        ReplayResult::Unparsable { reason } => format!("it cannot be parsed any more: {reason}"),
        ReplayResult::New { .. } | ReplayResult::Known { .. } | ReplayResult::DryRun { .. } => String::new(),
    }
}

fn confirmed(count: usize) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("{count} deliveries would be replayed, and there is no terminal to confirm on: add --yes");
    }
    anstream::eprint!("Replay these {count} deliveries? [y/N] ");
    anstream::stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).context("cannot read the confirmation")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
