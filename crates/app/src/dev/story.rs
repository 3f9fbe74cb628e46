//! The output of `dev`: numbered steps, one line per event.

use std::time::Duration;

use anstream::println;
use http::StatusCode;
use owo_colors::OwoColorize;
use serde_json::Value;
use trigger_api::annotations;
use trigger_core::{Digest, ObjectKey, ResourceRef};
use trigger_journal::{DecisionRecord, OutcomeRecord, Record, State};

use super::objects::{condition, text};
use crate::render_decisions::Verdict;

/// Work that takes longer than this is announced.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);

/// Prints the demo. Counts its steps.
pub(crate) struct Story {
    step: usize,
}

/// The parts of the playground.
pub(super) struct Environment {
    pub(super) cluster: String,
    pub(super) hooks: Vec<Hook>,
    /// The host of the registry and what runs there.
    pub(super) registry: (String, &'static str),
    pub(super) admin: String,
    pub(super) builds: Vec<BuildSummary>,
}

/// The URL for the webhooks of a provider.
pub(super) struct Hook {
    pub(super) provider: &'static str,
    pub(super) url: String,
}

/// A loaded Build.
pub(super) struct BuildSummary {
    pub(super) key: ObjectKey,
    /// The Git URL; empty if the Build has another source.
    pub(super) url: String,
    pub(super) rules: usize,
}

impl Story {
    pub(crate) fn begin() -> Self {
        println!(
            "{}",
            "Shipwright Trigger starts container image builds when Git repositories, images or pipelines change."
                .bold()
        );
        println!("This demo runs the whole program on this machine and touches nothing outside of it.");
        Self { step: 0 }
    }

    /// Prints the title of a step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        println!();
        println!("{} {}", format!("{}.", self.step).dimmed(), title.bold());
    }

    /// Prints the addresses and the loaded Builds.
    pub(super) fn environment(&mut self, environment: &Environment) {
        self.step("The environment");
        entry("dev cluster", &environment.cluster, "a small Kubernetes API server in this process");
        for Hook { provider, url } in &environment.hooks {
            entry("webhooks", url, &format!("the webhook URL to configure at {provider}"));
        }
        let (registry, description) = &environment.registry;
        entry("registry", registry, description);
        entry("admin", &environment.admin, "/healthz /readyz /metrics /api/v1");
        for BuildSummary { key, url, rules } in &environment.builds {
            let plural = if *rules == 1 { "" } else { "s" };
            entry("Build", &key.to_string(), &format!("{url}, {rules} rule{plural}"));
        }
    }

    /// Prints that no loaded Build allows a webhook. `entries` are the entries of Secrets that hold webhook keys.
    pub(super) fn no_webhook(&mut self, entries: &[String]) {
        self.step("No webhook to send");
        println!(
            "  No Build has a rule for pushes or pull requests and a Secret with a webhook key ({}).",
            entries.join(", ")
        );
    }
}

/// Prints the response to a webhook.
pub(super) fn response(status: StatusCode, body: &str) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let coloured = if status.is_success() { status.green().to_string() } else { status.red().to_string() };
    let delivery = body["delivery"].as_str().map(|id| format!(" (delivery {id})")).unwrap_or_default();
    println!("  response   {coloured}: {}{delivery}", text(&body["message"]));
}

/// Prints a delivery that the program observed, instead of receiving it.
pub(super) fn observed(record: &Record) {
    let delivery = &record.delivery;
    println!("  observed   {} (delivery {})", delivery.event, delivery.id);
}

/// Prints the decisions of a delivery, and its error if it failed.
pub(super) fn decisions(record: &Record) {
    for DecisionRecord { owner, rule, outcome, .. } in &record.decisions {
        let (verdict, reason) = match outcome {
            OutcomeRecord::Fired { runs } => {
                let created = |run: &ResourceRef| {
                    record.launches.iter().any(|launch| launch.run == *run && launch.error.is_none())
                };
                let names: Vec<_> = runs.iter().map(|run| run.name().as_ref()).collect();
                if !runs.is_empty() && runs.iter().all(created) {
                    (Verdict::Fired, format!("started {}", names.join(", ")))
                } else {
                    (Verdict::Failed, format!("could not create {}", names.join(", ")))
                }
            }
            OutcomeRecord::AlsoMatched { .. } => (Verdict::Matches, "one run is enough".to_owned()),
            OutcomeRecord::Skipped { message, .. } => (Verdict::Skipped, message.clone()),
        };
        println!("  {}    {} \"{rule}\": {reason}", verdict.word(), owner.key);
    }
    if record.state == State::Failed {
        println!("  {}     {}", "failed".red(), record.error.as_deref().unwrap_or_default());
    }
}

/// Prints a finished BuildRun. False if it failed.
pub(super) fn build_run(run: &ObjectKey, object: &Value) -> bool {
    let build = &object["spec"]["build"];
    let source = match (build["name"].as_str(), build["spec"]["source"]["git"]["revision"].as_str()) {
        (Some(name), _) => format!("runs the Build {name} by name"),
        (None, Some(commit)) => {
            format!("runs the Build's spec, pinned to commit {}", commit.get(..10).unwrap_or(commit))
        }
        (None, None) => "runs an embedded spec".to_owned(),
    };
    println!("  {}   {run} {source}", "BuildRun".bold());
    if let Some(triggered) = condition(object, "Triggered") {
        println!("  cause      {}", text(&triggered["message"]));
    }
    let annotated = &object["metadata"]["annotations"];
    if let (Some(image), Some(digest)) =
        (annotated[annotations::IMAGE].as_str(), annotated[annotations::DIGEST].as_str())
    {
        println!("  annotated  image {image}, digest {digest}");
    }
    let (succeeded, reason, _) = ending(object);
    println!("  finished   {reason}, by the simulated builder");
    succeeded
}

/// Prints a finished run of Tekton and the controller that carried it out. False if it failed.
pub(super) fn tekton_run(kind: &str, run: &ObjectKey, object: &Value, controller: &str) -> bool {
    let (succeeded, reason, message) = ending(object);
    println!("  {} {run} finished {reason}, by {controller}", kind.bold());
    if !succeeded {
        println!("  cause      {message}");
    }
    succeeded
}

/// Prints the results of a PipelineRun.
pub(super) fn results(object: &Value) {
    for result in object["status"]["results"].as_array().into_iter().flatten() {
        println!("  result     {} = {}", text(&result["name"]), text(&result["value"]));
    }
}

/// Prints the first version of an image and how many BuildRuns it has started: none is right.
pub(super) fn first_version(digest: &Digest, runs: usize) {
    let started = match runs {
        0 => "the first known digest is no change, so it started nothing".to_owned(),
        runs => format!("{} the first known digest started {runs} BuildRuns", "wrong:".red()),
    };
    println!("  current    {}: {started}", digest.short());
}

/// Prints that a new version was pushed.
pub(super) fn pushed(digest: &Digest) {
    println!("  pushed     {}", digest.short());
}

/// Prints that the registry called `hook` and that the program resolved the image.
pub(super) fn notified(hook: &str, digest: &Digest) {
    println!("  notified   the registry called {hook}; the image now resolves to {}", digest.short());
}

/// Prints the error that ended the demo early.
pub(crate) fn aborted(error: &anyhow::Error) {
    println!("  {} {error:#}", "aborted".red());
}

/// Prints the summary of a demo that ends by itself.
pub(crate) fn end(succeeded: bool) {
    println!();
    if succeeded {
        println!("{} Run it without --once to keep it up and try things.", "All steps succeeded.".green());
    } else {
        println!("{} See above.", "Some steps failed.".red());
    }
}

pub(crate) fn stopped() {
    println!();
    println!("Stopped. The cluster, the registry and all files are removed.");
}

/// Waits for `work`. Prints `description` if it takes more than a second.
pub(super) async fn while_waiting<T>(description: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let mut announce = Box::pin(tokio::time::sleep(ANNOUNCE_AFTER));
    tokio::select! {
        done = &mut work => return done,
        () = &mut announce => anstream::eprintln!("  … {description}"),
    }
    work.await
}

/// Whether a run succeeded, its coloured reason, and its message.
fn ending(object: &Value) -> (bool, String, &str) {
    let condition = condition(object, "Succeeded");
    let succeeded = condition.is_some_and(|condition| condition["status"] == "True");
    let reason = condition.map_or("", |condition| text(&condition["reason"]));
    let reason = if succeeded { reason.green().to_string() } else { reason.red().to_string() };
    (succeeded, reason, condition.map_or("", |condition| text(&condition["message"])))
}

fn entry(label: &str, value: &str, comment: &str) {
    println!("  {label:<12} {value}  {}", comment.dimmed());
}
