mod errors;
mod image;
mod listener;
mod object;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use anyhow::{Context, bail};
use clap::Subcommand;
use http::HeaderMap;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use tokio::time::Instant;
use trigger_core::{
    Event, Events, Facts, ImageChange, KeyRef, ObjectKey, Ordinal, RepoId, ResourceRef, Unsigned,
    Verification,
};
use trigger_dispatch::{KeyStatus, NoCredentials, decide_with, key_status, webhook_payload};
use trigger_providers::{key_entries, known_hosts};
use trigger_rules::{Decision, Inventory, LazyPayload, LeftOut, Outcome, Payload, Predicate, RuleSet};
use trigger_server::wire;

use self::errors::RuleErrors;
pub(super) use self::errors::note;
use super::build_source::{BuildSource, key_note};
use super::event_args::{Composed, EventArgs, SampleCommand};
use crate::options::namespace_name;
use crate::render_decisions::{Note, RenderedDecision, Verdict, print_decisions, skipped};
use crate::wrap;

/// The exit status if no rule fires, so that scripts can tell it from an error.
const NOTHING_FIRES: u8 = 3;
/// The exit status if rules would fire, and there is no key to accept a delivery for any of them.
const NO_KEY: u8 = 4;
/// The number of known repositories or images to list when the given one is unknown.
const SUGGESTIONS: usize = 10;

/// Flags of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger explain push --repo https://github.com/acme/web --ref dev
  shipwright-trigger explain --manifests builds/ --payload push.json --event push
  kubectl get pipelinerun ci-1 -o yaml | shipwright-trigger explain --object -
  shipwright-trigger explain image node:20 --namespace team-a
  shipwright-trigger explain --manifests tekton/ --listener team-a/web --payload push.json \\
    --header 'X-GitHub-Event: push'

Nothing is sent and nothing is started. Each Build's own key is assumed to have signed the event, and the Secret \
is checked to hold one. So are the keys of a listener's interceptors. Interceptors outside this program and the \
APIs of providers are not asked: triggers that need them are shown as `asks`.

The exit status is 0 if a rule or trigger would fire, 3 if none would, 4 if some would fire and no Secret holds a \
key for them, 1 after an error.")]
pub struct Args {
    #[command(subcommand)]
    subject: Option<Subject>,
    #[command(flatten)]
    event: EventArgs,
    /// Derive the event from the status of the object in this file (YAML or JSON), or from standard input for
    /// `-`. The object is a PipelineRun of Tekton, an Image of Shipwright, or a BuildRun that has pushed an image.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["payload", "event"])]
    object: Option<PathBuf>,
    #[command(flatten)]
    listener: listener::ListenerArgs,
    /// Read the Builds, or the objects of Tekton Triggers, from the manifests in this folder. Default: from the cluster.
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "namespaces")]
    manifests: Option<PathBuf>,
    /// Namespaces whose objects to read. Repeat the flag or separate values with commas. Default: all namespaces.
    #[arg(long = "namespace", short = 'n', value_delimiter = ',', value_name = "NAME", global = true, value_parser = namespace_name)]
    namespaces: Vec<String>,
    /// Assume that the server runs with `--allow-unsigned`, so that Builds without a Secret need none.
    #[arg(long, global = true)]
    allow_unsigned: bool,
}

#[derive(Debug, Subcommand)]
enum Subject {
    #[command(flatten)]
    Sample(SampleCommand),
    /// A change of the digest that an image tag resolves to.
    Image(image::Args),
}

/// The input to explain.
enum Input {
    Event(Event),
    /// The events of a webhook.
    Webhook(Events),
    /// An image change, for every namespace.
    Change(ImageChange),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { subject, event, object, listener, manifests, namespaces, allow_unsigned } = args;
    if listener.is_given() {
        let Some(payload) = event.payload().filter(|_| subject.is_none()) else {
            bail!("specify the body of the request to the listener with --payload FILE, and no subcommand");
        };
        return listener::run(listener, payload, manifests.as_deref(), &namespaces).await;
    }
    let mut entries = key_entries();
    let mut payload = LazyPayload::none();
    let mut webhook = |composed: Composed| {
        entries = composed.provider.secret_entries();
        let events = parse(&composed)?;
        payload = LazyPayload::new(move || composed.payload());
        anyhow::Ok(Input::Webhook(events))
    };
    let input = match (&object, subject) {
        (Some(_), Some(_)) => {
            bail!("specify the event either with --object FILE or with a subcommand, not with both")
        }
        (Some(file), None) => Input::Event(object::event(file)?),
        (None, Some(Subject::Image(image))) => Input::Change(image.change()?),
        (None, Some(Subject::Sample(sample))) => webhook(event.compose(Some(sample))?)?,
        (None, None) => webhook(event.compose(None)?)?,
    };
    let source = BuildSource::read(manifests.as_deref(), &namespaces).await?;
    let inventory = Inventory::new(known_hosts());
    let errors = RuleErrors::applying(&source.builds, &inventory);
    inventory.mark_synced();
    let Some(rules) = inventory.current() else { return Ok(ExitCode::FAILURE) };
    let events = input.events(&rules);
    let mut decisions = Vec::new();
    for (ordinal, event) in &events {
        let decided = decide_offline(event.clone(), &payload, &inventory).await;
        decisions.extend(decided.into_iter().map(|decision| (*ordinal, decision)));
    }
    let mut keys = HashMap::new();
    for (_, decision) in &decisions {
        if !keys.contains_key(&decision.owner)
            && matches!(input, Input::Webhook(_))
            && let Some(owner) = rules.owner(&decision.owner)
            && let Some(status) = key_status(owner, &entries, allow_unsigned, source.secrets.as_ref()).await
        {
            keys.insert(decision.owner.clone(), status);
        }
    }
    if let Input::Event(Event::Image(event)) = &input {
        event.changes.iter().for_each(image::print_change);
    }
    match &input {
        _ if !decisions.is_empty() => render(&decisions, &keys, &errors),
        Input::Change(change) => image::print_no_rule(&change.image, None, &rules),
        _ => events.iter().for_each(|(_, event)| print_no_rule(event, &rules)),
    }
    let all: Vec<_> = decisions.iter().map(|(_, decision)| decision).collect();
    let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    errors.print_rest(&events, &rules, &all, (manifests.as_deref(), &namespaces));
    Ok(exit_code(&all, &keys))
}

/// The keys of the owners of decisions.
type Keys = HashMap<ResourceRef, KeyStatus>;

fn has_no_key(owner: &ResourceRef, keys: &Keys) -> bool {
    matches!(keys.get(owner), Some(KeyStatus::Absent(_)))
}

fn exit_code(decisions: &[&Decision], keys: &Keys) -> ExitCode {
    let mut fired =
        decisions.iter().filter(|decision| matches!(decision.outcome, Outcome::Fired(_))).peekable();
    if fired.peek().is_none() {
        return ExitCode::from(NOTHING_FIRES);
    }
    let is_blocked = fired.all(|decision| has_no_key(&decision.owner, keys));
    if is_blocked { ExitCode::from(NO_KEY) } else { ExitCode::SUCCESS }
}

impl Input {
    /// The events, each with its place. A change of an image is one event in each namespace.
    fn events(&self, rules: &RuleSet) -> Vec<(Ordinal, Event)> {
        match self {
            Self::Event(event) => vec![(Ordinal::FIRST, event.clone())],
            Self::Webhook(events) => events.iter().map(|(ordinal, event)| (ordinal, event.clone())).collect(),
            Self::Change(change) => {
                image::everywhere(change, rules).into_iter().map(|event| (Ordinal::FIRST, event)).collect()
            }
        }
    }
}

impl Composed {
    fn headers(&self) -> HeaderMap {
        self.provider.sign(&self.event, "explain", &self.body, None, Timestamp::now())
    }

    /// The payload, as a filter sees it.
    fn payload(&self) -> Result<Payload, String> {
        webhook_payload(self.provider, &self.provider.keep(&self.headers()), &self.body)
    }
}

fn parse(composed: &Composed) -> anyhow::Result<Events> {
    let (provider, headers) = (composed.provider, composed.headers());
    let payload = provider.payload(&headers, &composed.body);
    payload
        .and_then(|payload| provider.events(&payload))
        .with_context(|| format!("the payload is not a webhook of {}", provider.title()))
}

/// The decisions on an event, as the dispatcher makes them without credentials for the provider: no service is asked,
/// and facts that a rule needs are unknown.
async fn decide_offline(event: Event, payload: &LazyPayload<'_>, inventory: &Inventory) -> Vec<Decision> {
    let Some(rules) = inventory.current() else { return Vec::new() };
    let (verification, mut facts) = (assumed(&event, &rules), Facts::default());
    // Every answer is ready at once, so the deadline is never reached.
    let deadline = Instant::now();
    let events = event.into();
    let decided =
        decide_with(&events, &verification, &mut facts, payload, inventory, &NoCredentials, deadline).await;
    let decided = decided.map_or(Vec::new(), |with| with.decided);
    for LeftOut { namespace, rules } in decided.iter().flat_map(|decided| &decided.left_out) {
        anstream::eprintln!(
            "{} {rules} further rules of the namespace {namespace}: it has too many for one delivery",
            "left out:".yellow()
        );
    }
    decided.into_iter().flat_map(|decided| decided.decisions).collect()
}

/// Assumes that each Build's own key verifies and that objects are observed in their namespace.
fn assumed(event: &Event, rules: &RuleSet) -> Verification {
    let observed = match event {
        Event::PipelineRun(event) => Some(event.run.clone()),
        Event::Image(event) => Some(ObjectKey::new(Arc::clone(&event.namespace), "")),
        Event::Git(_) | Event::Webhook(_) => None,
    };
    let key = |binding: &trigger_rules::KeyBinding| {
        KeyRef::new(binding.secret.clone(), binding.entry.clone().unwrap_or_default())
    };
    let keys = rules.key_bindings().map(key).collect();
    Verification { keys, unsigned: Unsigned::Operator, observed, ..Verification::default() }
}

fn render(decisions: &[(Ordinal, Decision)], keys: &Keys, errors: &RuleErrors) {
    let all: Vec<_> = decisions.iter().map(|(_, decision)| decision).collect();
    print_decisions(decisions.iter().map(|(ordinal, decision)| {
        let (verdict, reason) = match &decision.outcome {
            Outcome::Fired(_) if has_no_key(&decision.owner, keys) => (
                Verdict::Blocked,
                "every condition holds, and no delivery is accepted without a key".to_owned(),
            ),
            Outcome::Fired(_) => (Verdict::Fires, decision.message()),
            Outcome::AlsoMatched(_) => (Verdict::Matches, decision.message()),
            Outcome::Skipped(reason) => skipped(reason.name(), &decision.message()),
        };
        let mut notes: Vec<Note> = keys.get(&decision.owner).map(key_note).into_iter().collect();
        notes.extend(errors.notes(&decision.owner, &all));
        RenderedDecision {
            owner: (&decision.owner).into(),
            event: ordinal.get(),
            rule: &decision.rule,
            verdict,
            reason,
            checks: checks(decision),
            further: decision.further,
            notes,
        }
    }));
}

/// All checks but that of the key, which is only assumed to match.
fn checks(decision: &Decision) -> Vec<wire::Check> {
    let checks = decision.checks.iter().filter(|check| check.predicate != Predicate::SECRET);
    checks
        .map(|check| wire::Check {
            predicate: check.predicate.name().to_owned(),
            passed: check.passed,
            expected: check.expected.clone(),
            found: check.found.clone(),
        })
        .collect()
}

/// Prints that no rule applies to an event, and some names to which rules apply.
fn print_no_rule(event: &Event, rules: &RuleSet) {
    let event = match event {
        Event::Git(event) => event,
        Event::PipelineRun(event) => {
            let pipeline = event.pipeline.as_deref().map(|name| format!(" of the Pipeline {name}"));
            let (pipeline, namespace) = (pipeline.unwrap_or_default(), &event.run.namespace);
            let text = format!("No rule waits for PipelineRuns{pipeline} in the namespace {namespace}.");
            return wrap::print(0, 0, &text);
        }
        Event::Image(event) => {
            let images = event.changes.iter().map(|change| &change.image);
            return images.for_each(|image| image::print_no_rule(image, Some(&event.namespace), rules));
        }
        Event::Webhook(event) => {
            let text = format!("No rule waits for requests to the listener {}.", event.listener);
            return wrap::print(0, 0, &text);
        }
    };
    match event.repository.names.first() {
        Some(name) => wrap::print(0, 0, &format!("No Build with rules uses the repository {name}.")),
        None => println!("The event names no repository."),
    }
    let mut used: Vec<&RepoId> = rules.owners().filter_map(|rules| rules.repository.as_ref()).collect();
    used.sort();
    used.dedup();
    for name in used.iter().take(SUGGESTIONS) {
        println!("  {} {name}", "used by Builds:".dimmed());
    }
    if used.len() > SUGGESTIONS {
        println!("  and {} more", used.len() - SUGGESTIONS);
    }
}
