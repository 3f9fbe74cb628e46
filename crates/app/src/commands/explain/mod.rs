mod image;
mod object;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use anyhow::{Context, bail};
use clap::Subcommand;
use owo_colors::OwoColorize;
use trigger_cluster::{Scope, connect, list_builds};
use trigger_core::{Event, ImageChange, ObjectKey, RepoId, Verification};
use trigger_rules::{Decision, Inventory, Outcome, Predicate, RuleSet, decide};
use trigger_server::wire;

use super::event_args::{Composed, EventArgs, SampleCommand};
use crate::manifests;
use crate::render_decisions::{self, Told, Verdict};
use crate::sanitize::plain;

/// Nothing fires: told apart from an error, for scripts.
const NOTHING_FIRES: u8 = 3;
/// So many repositories or images are named when the one asked for is unknown.
const NAMED_AT_MOST: usize = 10;

/// Flags of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger explain push --repo https://github.com/acme/web --ref dev
  shipwright-trigger explain --manifests builds/ --payload push.json --event push
  kubectl get pipelinerun ci-1 -o yaml | shipwright-trigger explain --object -
  shipwright-trigger explain image node:20 --namespace team-a

Nothing is sent and nothing is started. Signatures are not checked: every Build's own key is assumed.
The exit status is 0 if a rule would fire, 3 if none would, 1 if something is wrong.")]
pub struct Args {
    #[command(subcommand)]
    subject: Option<Subject>,
    #[command(flatten)]
    event: EventArgs,
    /// Take the event from this object instead, YAML or JSON (`-` for the standard input): a PipelineRun of
    /// Tekton, an Image of Shipwright, or a BuildRun that has pushed an image. What its status would start is
    /// told.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["payload", "event"])]
    object: Option<PathBuf>,
    /// Take the Builds from the manifests in this folder instead of the cluster.
    #[arg(long, value_name = "DIR", global = true, conflicts_with = "namespaces")]
    manifests: Option<PathBuf>,
    /// Look at the Builds of these namespaces only. Repeat it or separate by commas. Default: all namespaces.
    #[arg(long = "namespace", short = 'n', value_delimiter = ',', value_name = "NAME", global = true)]
    namespaces: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Subject {
    #[command(flatten)]
    Sample(SampleCommand),
    /// A tag of an image stands for another image than before.
    Image(image::Args),
}

/// What is to be explained.
enum Asked {
    Event(Event),
    /// In every namespace.
    Change(ImageChange),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let asked = match (&args.object, args.subject) {
        (Some(_), Some(_)) => {
            bail!("say which event either by --object FILE or by what happens, not by both")
        }
        (Some(file), None) => Asked::Event(object::event(file)?),
        (None, Some(Subject::Image(image))) => Asked::Change(image.change()?),
        (None, Some(Subject::Sample(sample))) => Asked::Event(meaning(args.event.compose(Some(sample))?)?),
        (None, None) => Asked::Event(meaning(args.event.compose(None)?)?),
    };
    let builds = match &args.manifests {
        Some(folder) => manifests::builds(folder)?,
        None => list_builds(&connect(None).await?, &Scope::of(&args.namespaces)).await?,
    };
    let inventory = Inventory::new();
    for build in &builds {
        for fault in inventory.apply(build).faults {
            let namespace = build.metadata.namespace.as_deref().unwrap_or_default();
            let name = build.metadata.name.as_deref().unwrap_or_default();
            let fault = fault.to_string();
            anstream::eprintln!("{} {namespace}/{name}: {}", "fault:".yellow(), plain(&fault));
        }
    }
    inventory.mark_synced();
    let Some(rules) = inventory.current() else { return Ok(ExitCode::FAILURE) };
    let decided = |event: &Event| decide(event, &assumed(event, &rules), &rules);
    let decisions: Vec<_> = match &asked {
        Asked::Event(event) => decided(event),
        Asked::Change(change) => image::everywhere(change, &rules).iter().flat_map(decided).collect(),
    };
    if let Asked::Event(Event::Image(event)) = &asked {
        event.changes.iter().for_each(image::introduce);
    }
    match &asked {
        _ if !decisions.is_empty() => tell(&decisions),
        Asked::Event(event) => unknown(event, &rules),
        Asked::Change(change) => image::unknown(&change.image, None, &rules),
    }
    let fires = decisions.iter().any(|decision| matches!(decision.outcome, Outcome::Fired(_)));
    Ok(if fires { ExitCode::SUCCESS } else { ExitCode::from(NOTHING_FIRES) })
}

fn meaning(composed: Composed) -> anyhow::Result<Event> {
    let Composed { provider, event, body } = composed;
    let headers = provider.sign(&event, "explain", &body, None);
    let payload = provider.payload(&headers, &body);
    payload
        .and_then(|payload| provider.event(&payload))
        .with_context(|| format!("this is not a delivery of {}", provider.title()))
}

/// Every Build's own key verifies, and an object was seen where it is.
fn assumed(event: &Event, rules: &RuleSet) -> Verification {
    let secrets = rules.targets().filter_map(|rules| rules.target.secret.as_ref());
    let observed = match event {
        Event::PipelineRun(event) => Some(event.run.clone()),
        Event::Image(event) => Some(ObjectKey::new(Arc::clone(&event.namespace), "")),
        Event::Git(_) => None,
    };
    let secrets = secrets.map(|secret| secret.key.clone()).collect();
    Verification { secrets, unsigned: true, without_entry: Vec::new(), observed }
}

fn tell(decisions: &[Decision]) {
    render_decisions::tell(decisions.iter().map(|decision| Told {
        target: (decision.target.kind, decision.target.key.to_string()),
        rule: &decision.rule,
        verdict: match &decision.outcome {
            Outcome::Fired(_) => Verdict::Fires,
            Outcome::AlsoMatched(_) => Verdict::Matches,
            Outcome::Skipped(_) => Verdict::Skipped,
        },
        why: decision.message(),
        checks: checks(decision),
    }));
}

/// The keys are assumed to be right, so there is nothing to be learnt from them.
fn checks(decision: &Decision) -> Vec<wire::Check> {
    let checks = decision.checks.iter().filter(|check| check.predicate != Predicate::Secret);
    checks
        .map(|check| wire::Check {
            predicate: check.predicate.name().to_owned(),
            passed: check.passed,
            expected: check.expected.clone(),
            found: check.found.clone(),
        })
        .collect()
}

fn unknown(event: &Event, rules: &RuleSet) {
    let event = match event {
        Event::Git(event) => event,
        Event::PipelineRun(event) => {
            let pipeline = event.pipeline.as_deref().map(|name| format!(" of the Pipeline {name}"));
            let (pipeline, namespace) = (pipeline.unwrap_or_default(), &event.run.namespace);
            return println!("No rule waits for PipelineRuns{pipeline} in the namespace {namespace}.");
        }
        Event::Image(event) => {
            let images = event.changes.iter().map(|change| &change.image);
            return images.for_each(|image| image::unknown(image, Some(&event.namespace), rules));
        }
    };
    match event.repository.names.first() {
        Some(name) => println!("No Build with rules uses {name}."),
        None => println!("The event is about no repository."),
    }
    let mut used: Vec<&RepoId> = rules.targets().filter_map(|rules| rules.repository.as_ref()).collect();
    used.sort();
    used.dedup();
    for name in used.iter().take(NAMED_AT_MOST) {
        println!("  {} {name}", "in use:".dimmed());
    }
    if used.len() > NAMED_AT_MOST {
        println!("  and {} more", used.len() - NAMED_AT_MOST);
    }
}
