mod image;
mod object;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use tokio::time::Instant;
use trigger_cluster::{Scope, connect, list_builds};
use trigger_core::{
    Event, Events, Facts, ImageChange, KeyRef, ObjectKey, Ordinal, RepoId, Unsigned, Verification,
};
use trigger_dispatch::{NoCredentials, decide_with};
use trigger_providers::known_hosts;
use trigger_rules::{Decision, Inventory, LeftOut, Outcome, Predicate, RuleSet};
use trigger_server::wire;

use super::event_args::{Composed, EventArgs, SampleCommand};
use crate::manifests;
use crate::render_decisions::{RenderedDecision, Verdict, print_decisions};
use crate::sanitize::escape_for_terminal;

/// The exit status if no rule fires, so that scripts can tell it from an error.
const NOTHING_FIRES: u8 = 3;
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

Nothing is sent and nothing is started. Signatures are not checked: each Build's own key is assumed.

The exit status is 0 if a rule would fire, 3 if none would, 1 after an error.")]
pub struct Args {
    #[command(subcommand)]
    subject: Option<Subject>,
    #[command(flatten)]
    event: EventArgs,
    /// Derive the event from the status of the object in this file (YAML or JSON), or from standard input for
    /// `-`. The object is a PipelineRun of Tekton, an Image of Shipwright, or a BuildRun that has pushed an image.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["payload", "event"])]
    object: Option<PathBuf>,
    /// Read the Builds from the manifests in this folder. Default: from the cluster.
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "namespaces")]
    manifests: Option<PathBuf>,
    /// Namespaces whose Builds to read. Repeat the flag or separate values with commas. Default: all namespaces.
    #[arg(long = "namespace", short = 'n', value_delimiter = ',', value_name = "NAME", global = true)]
    namespaces: Vec<String>,
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
    let input = match (&args.object, args.subject) {
        (Some(_), Some(_)) => {
            bail!("specify the event either with --object FILE or with a subcommand, not with both")
        }
        (Some(file), None) => Input::Event(object::event(file)?),
        (None, Some(Subject::Image(image))) => Input::Change(image.change()?),
        (None, Some(Subject::Sample(sample))) => Input::Webhook(parse(args.event.compose(Some(sample))?)?),
        (None, None) => Input::Webhook(parse(args.event.compose(None)?)?),
    };
    let builds = match &args.manifests {
        Some(folder) => manifests::builds(folder)?,
        None => list_builds(&connect(None).await?, &Scope::of(&args.namespaces)).await?,
    };
    let inventory = Inventory::new(known_hosts());
    for build in &builds {
        for error in inventory.apply(build).errors {
            let namespace = build.metadata.namespace.as_deref().unwrap_or_default();
            let name = build.metadata.name.as_deref().unwrap_or_default();
            let error = error.to_string();
            anstream::eprintln!(
                "{} {namespace}/{name}: {}",
                "invalid rule:".yellow(),
                escape_for_terminal(&error)
            );
        }
    }
    inventory.mark_synced();
    let Some(rules) = inventory.current() else { return Ok(ExitCode::FAILURE) };
    let events: Vec<(Ordinal, Event)> = match &input {
        Input::Event(event) => vec![(Ordinal::FIRST, event.clone())],
        Input::Webhook(events) => events.iter().map(|(ordinal, event)| (ordinal, event.clone())).collect(),
        // A change is one event in each namespace.
        Input::Change(change) => {
            image::everywhere(change, &rules).into_iter().map(|event| (Ordinal::FIRST, event)).collect()
        }
    };
    let mut decisions = Vec::new();
    for (ordinal, event) in events {
        let decided = decide_offline(event, &rules).await;
        decisions.extend(decided.into_iter().map(|decision| (ordinal, decision)));
    }
    if let Input::Event(Event::Image(event)) = &input {
        event.changes.iter().for_each(image::print_change);
    }
    match &input {
        _ if !decisions.is_empty() => render(&decisions),
        Input::Event(event) => print_no_rule(event, &rules),
        Input::Webhook(events) => events.iter().for_each(|(_, event)| print_no_rule(event, &rules)),
        Input::Change(change) => image::print_no_rule(&change.image, None, &rules),
    }
    let fires = decisions.iter().any(|(_, decision)| matches!(decision.outcome, Outcome::Fired(_)));
    Ok(if fires { ExitCode::SUCCESS } else { ExitCode::from(NOTHING_FIRES) })
}

fn parse(composed: Composed) -> anyhow::Result<Events> {
    let Composed { provider, event, body } = composed;
    let headers = provider.sign(&event, "explain", &body, None, Timestamp::now());
    let payload = provider.payload(&headers, &body);
    payload
        .and_then(|payload| provider.events(&payload))
        .with_context(|| format!("the payload is not a webhook of {}", provider.title()))
}

/// The decisions on an event, as the dispatcher makes them without credentials for the provider: no service is asked,
/// and facts that a rule needs are unknown.
async fn decide_offline(event: Event, rules: &RuleSet) -> Vec<Decision> {
    let (verification, mut facts) = (assumed(&event, rules), Facts::default());
    // Every answer is ready at once, so the deadline is never reached.
    let deadline = Instant::now();
    let (decided, _) =
        decide_with(&event.into(), &verification, &mut facts, rules, &NoCredentials, deadline).await;
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
        Event::Git(_) => None,
    };
    let key = |binding: &trigger_rules::KeyBinding| {
        KeyRef::new(binding.secret.clone(), binding.entry.clone().unwrap_or_default())
    };
    let keys = rules.key_bindings().map(key).collect();
    Verification { keys, unsigned: Unsigned::Operator, observed, ..Verification::default() }
}

fn render(decisions: &[(Ordinal, Decision)]) {
    print_decisions(decisions.iter().map(|(ordinal, decision)| RenderedDecision {
        owner: (&decision.owner).into(),
        event: ordinal.get(),
        rule: &decision.rule,
        verdict: match &decision.outcome {
            Outcome::Fired(_) => Verdict::Fires,
            Outcome::AlsoMatched(_) => Verdict::Matches,
            Outcome::Skipped(_) => Verdict::Skipped,
        },
        reason: decision.message(),
        checks: checks(decision),
        further: decision.further,
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
            return println!("No rule waits for PipelineRuns{pipeline} in the namespace {namespace}.");
        }
        Event::Image(event) => {
            let images = event.changes.iter().map(|change| &change.image);
            return images.for_each(|image| image::print_no_rule(image, Some(&event.namespace), rules));
        }
    };
    match event.repository.names.first() {
        Some(name) => println!("No Build with rules uses the repository {name}."),
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
