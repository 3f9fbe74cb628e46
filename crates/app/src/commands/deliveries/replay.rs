use std::io::{IsTerminal, Write, stdin};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use owo_colors::OwoColorize;
use trigger_server::wire::{Decision, Outcome, ReplayOutcome, ReplayOutcomes, ReplayRequests, ReplayResult};

use super::Filters;
use super::pages::deliveries;
use super::show::whole_id;
use crate::admin_client::Client;
use crate::render_decisions;
use crate::sanitize::plain;
use crate::sender::fresh;

/// Flags of `deliveries replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger deliveries replay ID
  shipwright-trigger deliveries replay --state failed --since 2h --dry-run
  shipwright-trigger deliveries replay --repository github.com/acme/web --since 1d --yes

A replay is a delivery of its own, decided by today's rules. Whatever the old one started stays. Flags
choose no replays: each would be done twice. Name those by their ids.
The exit status is 0 if all were replayed, 3 if there is nothing to replay, 1 if something is wrong.")]
pub(super) struct Args {
    /// The ids of the deliveries, or their first characters, six at least. Or choose them by the flags below.
    ids: Vec<String>,
    #[command(flatten)]
    filters: Filters,
    /// How many at most, if they are chosen by flags; the newest.
    #[arg(long, default_value_t = 1000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Only show what today's rules would decide.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, also if there are several.
    #[arg(long, short = 'y')]
    yes: bool,
    /// Tells this request from others: repeated with the same text, it starts nothing twice. Default: a new
    /// one every time.
    #[arg(long, value_name = "TEXT")]
    request: Option<String>,
}

/// Told apart from an error, for scripts.
const NOTHING_MATCHES: u8 = 3;
/// The API takes no more at once.
const BATCH: usize = 100;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let Args { ids, filters, limit, dry_run, yes, request } = args;
    let ids = chosen(client, ids, filters, limit).await?;
    if ids.is_empty() {
        anstream::eprintln!("No delivery matches, so there is nothing to replay.");
        return Ok(ExitCode::from(NOTHING_MATCHES));
    }
    let rehearsed = send(client, &ids, None).await?;
    for one in &rehearsed {
        tell_rehearsal(one, ids.len() == 1);
    }
    let possible: Vec<String> =
        rehearsed.into_iter().filter(|one| is_possible(&one.result)).map(|one| one.id).collect();
    if dry_run || possible.is_empty() {
        let good = possible.len() == ids.len();
        return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if possible.len() > 1 && !yes && !confirmed(possible.len())? {
        anstream::eprintln!("Nothing was replayed.");
        return Ok(ExitCode::FAILURE);
    }
    let request = request.unwrap_or_else(|| fresh("replay").to_string());
    let mut replayed = 0;
    for one in send(client, &possible, Some(&request)).await? {
        match &one.result {
            ReplayResult::New { delivery } => println!("{} -> {}", one.id, delivery.green()),
            ReplayResult::Known { delivery } => {
                println!("{} -> {} (made by the same request before)", one.id, delivery.green());
            }
            other => {
                println!("{}: {}", one.id, plain(&obstacle(other)).red());
                continue;
            }
        }
        replayed += 1;
    }
    Ok(if replayed == ids.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The ids of the deliveries that are meant, oldest first.
async fn chosen(
    client: &Client,
    named: Vec<String>,
    filters: Filters,
    limit: u32,
) -> anyhow::Result<Vec<String>> {
    if named.is_empty() == filters.is_empty() {
        bail!(
            "say which deliveries: either by their ids or by --repository, --event, --state, --since, --until"
        );
    }
    let mut ids = Vec::new();
    for name in named {
        let id = whole_id(client, &name).await?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.is_empty() {
        let found = deliveries(client, filters.query()?, usize::try_from(limit)?).await?;
        if found.next.is_some() {
            anstream::eprintln!("More match; these are the newest {limit}. --limit takes more.");
        }
        let originals = found.items.into_iter().rev().filter(|item| item.replay_of.is_none());
        ids.extend(originals.map(|item| item.id));
    }
    Ok(ids)
}

/// Sends the ids in batches; a dry run if there is no request.
async fn send(client: &Client, ids: &[String], request: Option<&str>) -> anyhow::Result<Vec<ReplayOutcome>> {
    let mut all = Vec::with_capacity(ids.len());
    for batch in ids.chunks(BATCH) {
        let requests = ReplayRequests {
            ids: batch.to_vec(),
            request: request.map(ToOwned::to_owned),
            dry_run: request.is_none(),
        };
        let answer: ReplayOutcomes = client.post("/replays", &requests).await?;
        all.extend(answer.items);
    }
    Ok(all)
}

fn is_possible(result: &ReplayResult) -> bool {
    matches!(result, ReplayResult::DryRun { .. })
}

fn tell_rehearsal(one: &ReplayOutcome, alone: bool) {
    let ReplayResult::DryRun { decisions, hidden } = &one.result else {
        println!("{}: {}", one.id, plain(&obstacle(&one.result)).red());
        return;
    };
    println!("{}: {}{}", one.id, in_short(decisions), if *hidden { ", of what you may see" } else { "" });
    if alone {
        render_decisions::tell(decisions.iter().map(render_decisions::of_wire));
    }
}

/// What today's rules would do, in a line.
fn in_short(decisions: &[Decision]) -> String {
    let fired = decisions.iter().filter(|decision| matches!(decision.outcome, Outcome::Fired { .. }));
    let fired: Vec<_> = fired.map(|decision| format!("{} {}", decision.kind, decision.target)).collect();
    match fired.as_slice() {
        [] => "would start nothing".to_owned(),
        targets => format!("would start {}", targets.join(", ")),
    }
}

/// Why a delivery cannot be replayed.
fn obstacle(result: &ReplayResult) -> String {
    match result {
        ReplayResult::Missing => "it is not known, or you may not see it".to_owned(),
        ReplayResult::InProgress => "it is still being worked on; wait until it is settled".to_owned(),
        ReplayResult::BodyGone => {
            "its body is not kept any more; have the provider send the event again".to_owned()
        }
        ReplayResult::Forbidden => {
            "you may not create BuildRuns in all the namespaces that it concerns; ask \
                                    for `create` on buildruns.shipwright.io there"
                .to_owned()
        }
        ReplayResult::Unparsable { reason } => format!("it is not understood any more: {reason}"),
        ReplayResult::New { .. } | ReplayResult::Known { .. } | ReplayResult::DryRun { .. } => String::new(),
    }
}

fn confirmed(count: usize) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("{count} deliveries would be replayed, and there is nobody to ask: say --yes if that is right");
    }
    anstream::eprint!("Replay these {count} deliveries? [y/N] ");
    anstream::stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).context("the answer cannot be read")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
