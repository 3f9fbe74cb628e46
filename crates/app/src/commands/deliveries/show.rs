use std::io::Write;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use owo_colors::OwoColorize;
use trigger_providers::rule_event_name;
use trigger_server::wire::{
    Decision, DeliveryDetail, DeliveryQuery, KnownDelivery, Launch, Outcome, Rejection, RejectionQuery,
    Rejections, ResourceRef, RunState, State,
};

use super::NOT_FOUND;
use super::changes;
use super::pages::deliveries;
use super::rows::{is_throttled, state};
use crate::admin_client::{Client, Notation, age, rfc3339, short};
use crate::render_decisions::{RenderedDecision, Verdict, names, print_decisions};
use crate::sanitize::escape_for_terminal;
use crate::wrap;

/// Flags of `deliveries show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The id of the delivery, or its first six or more characters.
    id: String,
    /// Output format for machines. Default: text.
    #[arg(long, short = 'o', value_name = "FORMAT", conflicts_with = "payload")]
    output: Option<Notation>,
    /// Print only the body of the request, byte for byte.
    #[arg(long)]
    payload: bool,
}

/// The note below a delivery or rejection of which the caller sees only a part.
const HIDDEN: &str = "More is hidden: it belongs to namespaces in which you may not get Builds.";
/// The length of an id.
const ID_LENGTH: usize = 26;
const MIN_PREFIX: usize = 6;
/// The number of newest deliveries among which a prefix is resolved.
const PREFIX_SCOPE: usize = 2000;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let id = full_id(client, &args.id).await?;
    if args.payload {
        let body = client.bytes(&format!("/deliveries/{id}/payload")).await?;
        std::io::stdout().lock().write_all(&body).context("cannot write the body")?;
        return Ok(ExitCode::SUCCESS);
    }
    let known: KnownDelivery = client.get(&format!("/deliveries/{id}"), &()).await?;
    match (args.output, &known) {
        (Some(notation), known) => println!("{}", notation.write(known)?),
        (None, KnownDelivery::Delivery(delivery)) => print_delivery(delivery),
        (None, KnownDelivery::Rejection(detail)) => detail.rejections.iter().for_each(print_rejection),
    }
    Ok(ExitCode::SUCCESS)
}

/// The id that starts with `text`.
pub(super) async fn full_id(client: &Client, text: &str) -> anyhow::Result<String> {
    let is_base32 = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    if !is_base32 || text.len() > ID_LENGTH || text.len() < MIN_PREFIX {
        bail!(
            "`{text}` is not an id: ids have {ID_LENGTH} characters of a-z and 2-7, and the first {MIN_PREFIX} may \
             be enough"
        );
    }
    if text.len() == ID_LENGTH {
        return Ok(text.to_owned());
    }
    let listed = deliveries(client, DeliveryQuery::default(), PREFIX_SCOPE).await?;
    let rejected: Rejections = client.get("/rejections", &RejectionQuery { limit: Some(1000) }).await?;
    let mut ids: Vec<String> = listed.items.into_iter().map(|item| item.id).collect();
    ids.extend(rejected.items.into_iter().map(|item| item.id));
    ids.retain(|id| id.starts_with(text));
    ids.sort();
    ids.dedup();
    match ids.len() {
        0 => Err(NOT_FOUND.into()),
        1 => Ok(ids.remove(0)),
        count => bail!("{count} ids start with `{text}`: {}", ids.join(", ")),
    }
}

fn print_delivery(delivery: &DeliveryDetail) {
    let request = &delivery.request;
    println!("Delivery {}  {}", delivery.id.bold(), state(delivery.state).coloured());
    let about = request.repository.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
    let at = request.received_at;
    let event = rule_event_name(&request.event);
    line("received", &format!("{event}{about}, {} ago, {}", age(at), rfc3339(at)));
    let sender = request.provider_id.as_deref();
    let sender = sender.map(|id| format!(", {} delivery {id}", request.source)).unwrap_or_default();
    let source = || match delivery.verification.observed {
        Some(_) => format!("a watch on {}{sender}", request.path),
        None => format!("{}{sender}", request.path),
    };
    line("via", &changes::source(delivery).unwrap_or_else(source));
    for (label, text) in delivery.images.iter().flat_map(changes::lines) {
        line(label, &text);
    }
    line(
        "body",
        &match request.body_size {
            Some(size) => format!("{size} bytes, print it with --payload"),
            None => "deleted by retention; this delivery cannot be replayed".to_owned(),
        },
    );
    line("verified", &verified(delivery));
    if let Some(replay) = &delivery.replay {
        line("replay of", &format!("{}, requested by {} from {}", replay.of, replay.by, replay.from));
    }
    for replay in &delivery.replays {
        line("replayed", &format!("as {replay}"));
    }
    line("attempts", &attempts(delivery));
    let is_throttled = delivery.error.as_deref().is_some_and(|error| is_throttled(delivery.state, error));
    if let Some(error) = &delivery.error {
        let label =
            if is_throttled { "throttled  ".yellow().to_string() } else { "error      ".red().to_string() };
        wrap::print(2, 13, &format!("{label}{}", escape_for_terminal(error)));
    }
    print_decisions(delivery.decisions.iter().map(|decision| {
        let mut rendered = RenderedDecision::from_wire(decision, Some(&delivery.launches));
        let throttled = if is_throttled { not_launched(delivery, decision) } else { Vec::new() };
        if !throttled.is_empty() {
            let verb = if throttled.len() == 1 { "is" } else { "are" };
            rendered.verdict = Verdict::Fires;
            rendered.reason = format!("{} {verb} throttled", names(throttled));
        }
        rendered
    }));
    let waited = delivery.verification.waiting.is_some();
    if delivery.decisions.is_empty() && delivery.settled_at.is_some() && !delivery.hidden && !waited {
        println!("No rule applies to this event.");
    }
    delivery.launches.iter().for_each(print_launch);
    if has_started_nothing(delivery) {
        let command = format!("shipwright-trigger deliveries replay {}", delivery.id);
        let text = "It started nothing. To have the rules of today decide it";
        wrap::print(0, 0, &format!("{text}: {}", command.bold()));
    }
    if delivery.hidden {
        wrap::print(0, 0, &HIDDEN.dimmed().to_string());
    }
}

/// Whether every rule was skipped, and the delivery can be replayed.
fn has_started_nothing(delivery: &DeliveryDetail) -> bool {
    let is_skipped = |decision: &Decision| matches!(decision.outcome, Outcome::Skipped { .. });
    delivery.state == State::Settled
        && delivery.request.body_kept
        && !delivery.decisions.is_empty()
        && delivery.decisions.iter().all(is_skipped)
        && delivery.launches.is_empty()
        && delivery.replays.is_empty()
}

/// The runs of a decision that are not created yet.
fn not_launched<'a>(delivery: &DeliveryDetail, decision: &'a Decision) -> Vec<&'a ResourceRef> {
    let Outcome::Fired { runs } = &decision.outcome else { return Vec::new() };
    runs.iter().filter(|run| !delivery.launches.iter().any(|launch| launch.run == **run)).collect()
}

fn verified(delivery: &DeliveryDetail) -> String {
    let verification = &delivery.verification;
    if let Some(text) = changes::verification(delivery) {
        return text;
    }
    if let Some(object) = &verification.observed {
        return format!("observed on the cluster: {object}");
    }
    if let Some(listener) = &verification.listener {
        return format!("by the interceptors of the EventListener {listener}, see the decisions");
    }
    if let Some(waiting) = &verification.waiting {
        let names: Vec<_> = waiting.secrets.iter().map(ToString::to_string).collect();
        let not_yet = || format!("not yet; waits until it can read {}", names.join(", "));
        return waiting.conclusion().unwrap_or_else(not_yet);
    }
    let mut names: Vec<_> = verification.keys.iter().map(|key| key.secret.to_string()).collect();
    names.dedup();
    let text = match (names.as_slice(), verification.unsigned) {
        ([], true) if delivery.hidden => "by no key that you may see; allowed by --allow-unsigned".to_owned(),
        ([], true) => "not signed; allowed by --allow-unsigned".to_owned(),
        ([], false) => "by a Secret that is hidden from you".to_owned(),
        ([one], _) => format!("by the Secret {one}"),
        (several, _) => format!("by the Secrets {}", several.join(", ")),
    };
    match &verification.namespaces {
        None => text,
        Some(namespaces) => format!("{text}; a replay only for rules in {}", namespaces.join(", ")),
    }
}

fn attempts(delivery: &DeliveryDetail) -> String {
    if delivery.attempts == 0 {
        return "none yet".to_owned();
    }
    let progress = match (delivery.settled_at, delivery.due) {
        (Some(at), _) => {
            let took = at.duration_since(delivery.request.received_at).unsigned_abs();
            format!("finished {} after receipt", short(took))
        }
        (None, Some(due)) if due > jiff::Timestamp::now() => format!("next in {}", age(due)),
        (None, Some(_)) => "next now".to_owned(),
        (None, None) => "in progress".to_owned(),
    };
    format!("{}, {progress}", delivery.attempts)
}

fn print_launch(launch: &Launch) {
    let (mark, detail) = match (&launch.error, &launch.state) {
        (Some(error), _) => ("not created".red().to_string(), format!(": {error}")),
        (None, Some(RunState::Ended { succeeded, reason, message, at })) => {
            let reason = escape_for_terminal(reason);
            let word = if *succeeded { reason.green().to_string() } else { reason.red().to_string() };
            let at = at.map(|at| format!(" {} ago", age(at))).unwrap_or_default();
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            (word, format!("{at}{message}"))
        }
        (None, Some(RunState::Running { reason })) => {
            (escape_for_terminal(reason).yellow().to_string(), String::new())
        }
        (None, Some(RunState::Waiting)) => {
            ("waiting".yellow().to_string(), ": no controller has started it".to_owned())
        }
        (None, Some(RunState::Gone)) => ("deleted".dimmed().to_string(), String::new()),
        (None, Some(RunState::Unknown { reason })) => ("unknown".yellow().to_string(), format!(": {reason}")),
        (None, None) => ("created".to_owned(), String::new()),
    };
    let run = launch.run.object_name();
    let kind = escape_for_terminal(&launch.run.kind);
    wrap::print(0, 2, &format!("{kind} {}  {mark}{}", run.bold(), escape_for_terminal(&detail)));
}

fn print_rejection(rejection: &Rejection) {
    println!(
        "Rejected {}  {}",
        rejection.id.bold(),
        format!("{} {}", rejection.status, rejection.answer).red()
    );
    let about = rejection.repository.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
    let event = if rejection.event.is_empty() { "unknown event" } else { rule_event_name(&rejection.event) };
    line("received", &format!("{event}{about}, {} ago, {}", age(rejection.at), rfc3339(rejection.at)));
    let from = rejection.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
    let sender = rejection.provider_id.as_deref();
    let sender = sender.map(|id| format!(", {} delivery {id}", rejection.source)).unwrap_or_default();
    line("via", &format!("{}{from}{sender}", rejection.path));
    if rejection.times > 1 {
        line("repeated", &format!("{} consecutive requests", rejection.times));
    }
    if let Some(reason) = &rejection.reason {
        line("reason", reason);
    }
    for tried in &rejection.tried {
        println!("Secret {}", tried.secret.bold());
        let finding = escape_for_terminal(&tried.finding);
        wrap::print(2, 4, &format!("{} {finding}", "not verified:".yellow()));
    }
    if rejection.hidden {
        wrap::print(0, 0, &HIDDEN.dimmed().to_string());
    }
}

fn line(label: &str, text: &str) {
    wrap::print(2, 13, &format!("{label:<11}{}", escape_for_terminal(text)));
}
