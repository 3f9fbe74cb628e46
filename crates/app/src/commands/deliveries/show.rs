use std::io::Write;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use owo_colors::OwoColorize;
use trigger_server::wire::{
    Decision, DeliveryDetail, DeliveryQuery, KnownDelivery, Launch, ObjectName, Outcome, Rejection,
    RejectionQuery, Rejections, RunState,
};

use super::NOT_FOUND;
use super::changes;
use super::pages::deliveries;
use super::rows::{is_held_back, state};
use crate::admin_client::{Client, Notation, age, short, whole_seconds};
use crate::render_decisions::{self, Verdict};
use crate::sanitize::plain;

/// Flags of `deliveries show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The id of the delivery, or its first characters, six at least.
    id: String,
    /// Write it for machines.
    #[arg(long, short = 'o', value_name = "FORMAT", conflicts_with = "payload")]
    output: Option<Notation>,
    /// Write the body of the delivery, byte for byte, and nothing else.
    #[arg(long)]
    payload: bool,
}

/// The length of an id.
const WHOLE: usize = 26;
const SHORTEST_PREFIX: usize = 6;
/// How far back an id is looked for by its first characters.
const LOOKED_THROUGH: usize = 2000;

pub(super) async fn run(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let id = whole_id(client, &args.id).await?;
    if args.payload {
        let body = client.bytes(&format!("/deliveries/{id}/payload")).await?;
        std::io::stdout().lock().write_all(&body).context("the body cannot be written")?;
        return Ok(ExitCode::SUCCESS);
    }
    let known: KnownDelivery = client.get(&format!("/deliveries/{id}"), &()).await?;
    match (args.output, &known) {
        (Some(notation), known) => println!("{}", notation.write(known)?),
        (None, KnownDelivery::Delivery(delivery)) => tell(delivery),
        (None, KnownDelivery::Rejection(detail)) => detail.rejections.iter().for_each(tell_rejection),
    }
    Ok(ExitCode::SUCCESS)
}

/// The id that begins like this.
pub(super) async fn whole_id(client: &Client, text: &str) -> anyhow::Result<String> {
    let plain = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    if !plain || text.len() > WHOLE || text.len() < SHORTEST_PREFIX {
        bail!(
            "`{text}` is no id: they have {WHOLE} characters of a-z and 2-7, of which the first \
             {SHORTEST_PREFIX} may be enough"
        );
    }
    if text.len() == WHOLE {
        return Ok(text.to_owned());
    }
    let listed = deliveries(client, DeliveryQuery::default(), LOOKED_THROUGH).await?;
    let rejected: Rejections = client.get("/rejections", &RejectionQuery { limit: Some(1000) }).await?;
    let mut ids: Vec<String> = listed.items.into_iter().map(|item| item.id).collect();
    ids.extend(rejected.items.into_iter().map(|item| item.id));
    ids.retain(|id| id.starts_with(text));
    ids.sort();
    ids.dedup();
    match ids.len() {
        0 => Err(NOT_FOUND.into()),
        1 => Ok(ids.remove(0)),
        count => bail!("{count} ids begin with `{text}`: {}", ids.join(", ")),
    }
}

fn tell(delivery: &DeliveryDetail) {
    let request = &delivery.request;
    println!("Delivery {}  {}", delivery.id.bold(), state(delivery.state).coloured());
    let about = request.repository.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
    let at = request.received_at;
    line("received", &format!("{}{about}, {} ago, {}", request.event, age(at), whole_seconds(at)));
    let sender = request.provider_id.as_deref();
    let sender = sender.map(|id| format!(", {} calls it {id}", request.source)).unwrap_or_default();
    let way = || match delivery.verification.observed {
        Some(_) => format!("the watch on {}{sender}", request.path),
        None => format!("{}{sender}", request.path),
    };
    line("by way of", &changes::way(delivery).unwrap_or_else(way));
    for (what, text) in delivery.images.iter().flat_map(changes::lines) {
        line(what, &text);
    }
    line(
        "body",
        &match request.body_size {
            Some(size) => format!("{size} bytes, see --payload"),
            None => "not kept any more; this delivery cannot be replayed".to_owned(),
        },
    );
    line("verified", &verified(delivery));
    if let Some(replay) = &delivery.replay {
        line("replays", &format!("{}, because {} asked from {}", replay.of, replay.by, replay.from));
    }
    for replay in &delivery.replays {
        line("replayed", &format!("as {replay}"));
    }
    line("worked on", &worked_on(delivery));
    let is_held_back = delivery.error.as_deref().is_some_and(|error| is_held_back(delivery.state, error));
    if let Some(error) = &delivery.error {
        let what = if is_held_back { "waits".yellow().to_string() } else { "error".red().to_string() };
        println!("  {what}      {}", plain(error));
    }
    render_decisions::tell(delivery.decisions.iter().map(|decision| {
        let mut told = render_decisions::of_wire(decision);
        if is_held_back && let Some(run) = not_launched(delivery, decision) {
            told.verdict = Verdict::Fires;
            told.why = format!("{} waits for its turn", run.name);
        }
        told
    }));
    if delivery.decisions.is_empty() && delivery.settled_at.is_some() && !delivery.hidden {
        println!("No rule is for this event.");
    }
    delivery.launches.iter().for_each(tell_launch);
    if delivery.hidden {
        println!("{}", "There is more, in namespaces in which you may not see Builds.".dimmed());
    }
}

/// The run that a decision is to start, as long as that has not happened.
fn not_launched<'a>(delivery: &DeliveryDetail, decision: &'a Decision) -> Option<&'a ObjectName> {
    let Outcome::Fired { run: Some(run) } = &decision.outcome else { return None };
    let is_launched = delivery.launches.iter().any(|launch| launch.run == *run);
    (!is_launched).then_some(run)
}

fn verified(delivery: &DeliveryDetail) -> String {
    let verification = &delivery.verification;
    if let Some(place) = changes::place(delivery) {
        return place;
    }
    if let Some(object) = &verification.observed {
        return format!("it was seen on the cluster to happen to {object}");
    }
    let names: Vec<_> = verification.secrets.iter().map(ToString::to_string).collect();
    match (names.as_slice(), verification.unsigned) {
        ([], true) => "nobody signed it; the operator allows that".to_owned(),
        ([], false) => "by a Secret that you may not see".to_owned(),
        ([one], _) => format!("by the Secret {one}"),
        (several, _) => format!("by the Secrets {}", several.join(", ")),
    }
}

fn worked_on(delivery: &DeliveryDetail) -> String {
    let times = match delivery.attempts {
        0 => return "not yet".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        attempts => format!("{attempts} times"),
    };
    let until = match (delivery.settled_at, delivery.due) {
        (Some(at), _) => {
            let took = at.duration_since(delivery.request.received_at).unsigned_abs();
            format!(", done {} after it came in", short(took))
        }
        (None, Some(due)) if due > jiff::Timestamp::now() => format!(", once more in {}", age(due)),
        (None, Some(_)) => ", once more right away".to_owned(),
        (None, None) => ", under way".to_owned(),
    };
    format!("{times}{until}")
}

fn tell_launch(launch: &Launch) {
    let (mark, how) = match (&launch.error, &launch.state) {
        (Some(error), _) => ("not created".red().to_string(), format!(": {error}")),
        (None, Some(RunState::Ended { succeeded, reason, message, at })) => {
            let reason = plain(reason);
            let word = if *succeeded { reason.green().to_string() } else { reason.red().to_string() };
            let at = at.map(|at| format!(" {} ago", age(at))).unwrap_or_default();
            let message = if message.is_empty() { String::new() } else { format!(": {message}") };
            (word, format!("{at}{message}"))
        }
        (None, Some(RunState::Running { reason })) => (plain(reason).yellow().to_string(), String::new()),
        (None, Some(RunState::Waiting)) => {
            ("waiting".yellow().to_string(), ": nobody has begun to carry it out".to_owned())
        }
        (None, Some(RunState::Gone)) => ("gone".dimmed().to_string(), ": it was deleted since".to_owned()),
        (None, Some(RunState::Unknown { reason })) => ("unknown".yellow().to_string(), format!(": {reason}")),
        (None, None) => ("created".to_owned(), String::new()),
    };
    println!("{} {}  {mark}{}", launch.kind, launch.run.bold(), plain(&how));
}

fn tell_rejection(rejection: &Rejection) {
    println!(
        "Rejected {}  {}",
        rejection.id.bold(),
        format!("{} {}", rejection.status, rejection.answer).red()
    );
    let about = rejection.repository.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
    let event = if rejection.event.is_empty() { "something" } else { &rejection.event };
    line("received", &format!("{event}{about}, {} ago, {}", age(rejection.at), whole_seconds(rejection.at)));
    let from = rejection.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
    let sender = rejection.provider_id.as_deref();
    let sender = sender.map(|id| format!(", {} calls it {id}", rejection.source)).unwrap_or_default();
    line("by way of", &format!("{}{from}{sender}", rejection.path));
    if rejection.times > 1 {
        line("times", &format!("{} in a row", rejection.times));
    }
    if let Some(reason) = &rejection.reason {
        line("because", reason);
    }
    for tried in &rejection.tried {
        println!("Secret {}", tried.secret.bold());
        println!("  {} {}", "did not verify:".yellow(), plain(&tried.finding));
    }
    if rejection.hidden {
        println!("{}", "There is more, in namespaces in which you may not see Builds.".dimmed());
    }
}

fn line(what: &str, text: &str) {
    println!("  {what:<11}{}", plain(text));
}
