//! The output of `dev`: numbered steps, one entry per event. What is left out without `--verbose` is what repeats: a
//! reader sees each kind of output once.

use std::time::Duration;

use anstream::println;
use http::StatusCode;
use owo_colors::OwoColorize;
use serde_json::Value;
use trigger_api::annotations;
use trigger_core::{Digest, ObjectKey, ResourceRef};
use trigger_journal::{DecisionRecord, OutcomeRecord, Record, State};

use super::objects::{condition, text};
use super::wrap::{entry, paragraph};
use crate::render_decisions::Verdict;
use crate::sanitize::escape_for_terminal;

/// Work that takes longer than this is announced.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);

/// Prints the demo. Counts its steps.
pub(crate) struct Story {
    step: usize,
    verbose: bool,
    /// Whether decisions were printed in full.
    explained: bool,
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
    pub(crate) fn begin(verbose: bool) -> Self {
        paragraph(0, 0, "Shipwright Trigger starts image builds when Git, images or pipelines change.");
        paragraph(0, 0, "This demo runs the whole program on this machine and touches nothing else.");
        Self { step: 0, verbose, explained: false }
    }

    /// Prints the title of a step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        println!();
        paragraph(0, 3, &format!("{} {title}", format!("{}.", self.step).bold()));
    }

    /// Prints the addresses and the loaded Builds.
    pub(super) fn environment(&mut self, environment: &Environment) {
        self.step("The environment");
        entry("cluster", &format!("{} (a small API server in this process)", environment.cluster));
        for Hook { provider, url } in &environment.hooks {
            entry("webhooks", &format!("{url} (for {provider})"));
        }
        let (registry, description) = &environment.registry;
        entry("registry", &format!("{registry} ({description})"));
        entry("admin", &format!("{} (/healthz /readyz /metrics /api/v1)", environment.admin));
        if self.verbose {
            for BuildSummary { key, url, rules } in &environment.builds {
                let plural = if *rules == 1 { "" } else { "s" };
                entry("Build", &format!("{key} of {url}, {rules} rule{plural}"));
            }
        } else {
            let rules: usize = environment.builds.iter().map(|build| build.rules).sum();
            entry("Builds", &format!("{} with {rules} rules, from the manifests", environment.builds.len()));
        }
    }

    /// Prints that no loaded Build allows a webhook. `entries` are the entries of Secrets that hold webhook keys.
    pub(super) fn no_webhook(&mut self, entries: &[String]) {
        self.step("No webhook to send");
        let entries = entries.join(", ");
        paragraph(
            2,
            2,
            &format!(
                "No Build has a rule for pushes or pull requests and a Secret with a webhook key ({entries})."
            ),
        );
    }

    /// Prints the response to a webhook.
    pub(super) fn response(&self, status: StatusCode, body: &str) {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let coloured = coloured(status);
        let delivery = body["delivery"].as_str().filter(|_| self.verbose);
        let delivery = delivery.map(|id| format!(" (delivery {id})")).unwrap_or_default();
        entry("response", &format!("{coloured}: {}{delivery}", text(&body["message"])));
    }

    /// Prints a delivery that the program observed, instead of receiving it.
    pub(super) fn observed(&self, record: &Record) {
        if self.verbose {
            entry("observed", &format!("{} (delivery {})", record.delivery.event, record.delivery.id));
        }
    }

    /// Prints the decisions of a delivery, and its error if it failed. The reasons of skipped rules once in full, then
    /// only counted.
    pub(super) fn decisions(&mut self, record: &Record) {
        let in_full = self.verbose || !self.explained;
        let mut skipped = 0;
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
                OutcomeRecord::Skipped { message, .. } if in_full => (Verdict::Skipped, message.clone()),
                OutcomeRecord::Skipped { .. } => {
                    skipped += 1;
                    continue;
                }
            };
            let (rule, reason) = (escape_for_terminal(rule), escape_for_terminal(&reason));
            entry(&verdict.word(), &format!("{} \"{rule}\": {reason}", owner.key));
        }
        if skipped > 0 {
            entry(&Verdict::Skipped.word(), &format!("{skipped} other rules"));
        }
        self.explained = true;
        if record.state == State::Failed {
            entry(&"failed".red().to_string(), record.error.as_deref().unwrap_or_default());
        }
    }

    /// Prints a finished BuildRun. False if it failed.
    pub(super) fn build_run(&self, run: &ObjectKey, object: &Value) -> bool {
        let build = &object["spec"]["build"];
        let source = match (build["name"].as_str(), build["spec"]["source"]["git"]["revision"].as_str()) {
            (Some(name), _) => format!("runs the Build {name} by name"),
            (None, Some(commit)) => {
                format!("runs the Build's spec, pinned to commit {}", commit.get(..10).unwrap_or(commit))
            }
            (None, None) => "runs an embedded spec".to_owned(),
        };
        let (succeeded, reason, _) = ending(object);
        let label = "BuildRun".bold().to_string();
        if !self.verbose {
            entry(&label, &format!("{} {reason}", run.name));
            return succeeded;
        }
        entry(&label, &format!("{run} {source}"));
        if let Some(triggered) = condition(object, "Triggered") {
            entry("cause", text(&triggered["message"]));
        }
        let annotated = &object["metadata"]["annotations"];
        if let (Some(image), Some(digest)) =
            (annotated[annotations::IMAGE].as_str(), annotated[annotations::DIGEST].as_str())
        {
            entry("annotated", &format!("image {image}, digest {digest}"));
        }
        entry("finished", &format!("{reason}, by the simulated builder"));
        succeeded
    }

    /// Prints the results of a PipelineRun.
    pub(super) fn results(&self, object: &Value) {
        for result in object["status"]["results"].as_array().into_iter().flatten().filter(|_| self.verbose) {
            entry("result", &format!("{} = {}", text(&result["name"]), text(&result["value"])));
        }
    }

    /// Prints the first version of an image and how many BuildRuns it has started: none is right.
    pub(super) fn first_version(&self, digest: &Digest, runs: usize) {
        let started = match runs {
            0 if self.verbose => "the first known digest is no change, so it started nothing".to_owned(),
            0 => "known first, so no change".to_owned(),
            runs => format!("{} the first known digest started {runs} BuildRuns", "wrong:".red()),
        };
        entry("current", &format!("{}: {started}", digest.short()));
    }

    /// Prints the title of a step, and the Secret that its webhook is signed with.
    pub(super) fn signed_step(&mut self, title: &str, secret: &ObjectKey) {
        self.step(title);
        if self.verbose {
            entry("signed", &format!("with the Secret {secret}"));
        }
    }

    /// Prints that the registry called `hook` and that the program resolved the image.
    pub(super) fn notified(&self, hook: &str, digest: &Digest) {
        if self.verbose {
            let digest = digest.short();
            entry("notified", &format!("the registry called {hook}; the image now resolves to {digest}"));
        }
    }
}

/// Prints the response of an EventListener.
pub(super) fn listener_response(status: StatusCode, body: &str) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let (coloured, id) = (coloured(status), text(&body["eventID"]));
    entry("response", &format!("{coloured}: the delivery is kept as the event {id}"));
}

/// Prints a finished run of Tekton and the controller that carried it out. False if it failed.
pub(super) fn tekton_run(kind: &str, run: &ObjectKey, object: &Value, controller: &str) -> bool {
    let (succeeded, reason, message) = ending(object);
    paragraph(2, 4, &format!("{} {run} finished {reason}, by {controller}", kind.bold()));
    if !succeeded {
        entry("cause", message);
    }
    succeeded
}

/// Prints that a new version was pushed.
pub(super) fn pushed(digest: &Digest) {
    entry("pushed", digest.short());
}

/// Prints the error that ended the demo early.
pub(crate) fn aborted(error: &anyhow::Error) {
    paragraph(2, 4, &format!("{} {error:#}", "aborted".red()));
}

/// Prints the summary of a demo that ends by itself.
pub(crate) fn end(succeeded: bool) {
    println!();
    if succeeded {
        let all = "All steps succeeded.".green();
        paragraph(
            0,
            0,
            &format!("{all} --verbose shows all decisions; without --once the demo stays up to try things."),
        );
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

fn coloured(status: StatusCode) -> String {
    if status.is_success() { status.green().to_string() } else { status.red().to_string() }
}

/// Whether a run succeeded, its coloured reason, and its message.
fn ending(object: &Value) -> (bool, String, &str) {
    let condition = condition(object, "Succeeded");
    let succeeded = condition.is_some_and(|condition| condition["status"] == "True");
    let reason = condition.map_or("", |condition| text(&condition["reason"]));
    let reason = if succeeded { reason.green().to_string() } else { reason.red().to_string() };
    (succeeded, reason, condition.map_or("", |condition| text(&condition["message"])))
}
