use std::time::Duration;

use anstream::println;
use owo_colors::OwoColorize;
use serde_json::Value;
use trigger_api::annotations;
use trigger_core::{Digest, ObjectKey};
use trigger_journal::{DecisionRecord, OutcomeRecord, Record, State};

use super::images::ImageRehearsal;
use super::playground::{Playground, REGISTRY_HOOK, builds, condition};
use super::rehearsal::Rehearsal;
use crate::render_decisions::Verdict;
use crate::sender::Answer;

/// What takes longer than this is said to be under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// What `dev` prints: numbered steps, one line for each thing that happens.
pub(crate) struct Story {
    step: usize,
}

impl Story {
    pub(crate) fn begin() -> Self {
        println!("{}", "Shipwright Trigger turns what happens in Git, in image registries and in Tekton pipelines into container image builds.".bold());
        println!("This is the whole program on your machine; nothing outside of it is touched.");
        Self { step: 0 }
    }

    /// Shows where everything is and what is loaded.
    pub(crate) async fn stage(&mut self, playground: &Playground) -> anyhow::Result<()> {
        self.next("The stage");
        line("dev cluster", &playground.cluster.url(), "a small Kubernetes API in this process");
        line("webhooks", &playground.hook_url(), "what you would enter at GitHub");
        line("registry", playground.registry.host(), playground.registry.what);
        let admin = format!("http://{}", playground.program.admin);
        line("admin", &admin, "/healthz /readyz /metrics /api/v1");
        for build in playground.list(&builds()).await? {
            let rules = build["spec"]["trigger"]["when"].as_array().map_or(0, Vec::len);
            let name =
                format!("{}/{}", text(&build["metadata"]["namespace"]), text(&build["metadata"]["name"]));
            let url = text(&build["spec"]["source"]["git"]["url"]);
            line("Build", &name, &format!("{url}, {rules} rule{}", if rules == 1 { "" } else { "s" }));
        }
        Ok(())
    }

    pub(crate) fn nothing_to_send(&mut self) {
        self.next("Nothing to send");
        println!("  No Build has a rule of type GitHub and a Secret with a webhook key (`github-token`).");
    }

    pub(super) fn sending(&mut self, what: &str) {
        self.next(what);
    }

    pub(crate) fn invite(
        &mut self,
        playground: &Playground,
        rehearsal: Option<&Rehearsal>,
        images: Option<&ImageRehearsal>,
    ) {
        self.next("Your turn");
        println!("  In another terminal, look around:");
        println!("    export KUBECONFIG={}", playground.kubeconfig().display());
        println!("    kubectl get builds,buildruns -A");
        println!("    kubectl describe builds -A");
        println!("    kubectl get buildruns -A -w");
        println!("    curl http://{}/metrics", playground.program.admin);
        if let Some(Rehearsal { url, secret, .. }) = rehearsal {
            println!("  Send more, and see what is refused:");
            let ObjectKey { namespace, name } = secret;
            println!("    export SHIPWRIGHT_TRIGGER_URL={}", playground.hook_url());
            println!(
                "    export SHIPWRIGHT_TRIGGER_SECRET=$(kubectl get secret -n {namespace} {name} -o go-template='{{{{index .data \"github-token\" | base64decode}}}}')"
            );
            let program = program();
            println!("    {program} send push --repo {url} --ref main");
            println!("    {program} send push --repo {url} --ref main --secret wrong");
            println!("    {program} send push --repo {url} --ref a-branch-of-no-rule");
        }
        println!("  Run pipelines (`kubectl create -f` with a PipelineRun), and watch them:");
        println!("    kubectl get pipelineruns,customruns,buildruns -A -w");
        if let Some(image) = images.and_then(ImageRehearsal::image) {
            println!("  Push images to {}, by what you have of these:", playground.registry.host());
            println!("    docker pull debian:13 && docker tag debian:13 {image} && docker push {image}");
            println!("    skopeo copy --dest-tls-verify=false docker://debian:13 docker://{image}");
            println!("    crane copy debian:13 {image}");
        }
        println!("  See what was delivered, why it did what it did, and have it done once more:");
        println!("    export SHIPWRIGHT_TRIGGER_SERVER=http://{}", playground.program.admin);
        println!("    export SHIPWRIGHT_TRIGGER_TOKEN={}", playground.token);
        let program = program();
        println!("    {program} deliveries list");
        println!("    {program} deliveries show ID");
        println!("    {program} deliveries replay ID");
        println!("  See what the images stand for that Builds wait for:");
        println!("    {program} images list");
        println!("  {} ends it all.", "Ctrl-C".bold());
    }

    fn next(&mut self, title: &str) {
        self.step += 1;
        println!();
        println!("{} {}", format!("{}.", self.step).dimmed(), title.bold());
    }
}

pub(super) fn answered(answer: &Answer) {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let status = answer.status.to_string();
    let status =
        if answer.status.is_success() { status.green().to_string() } else { status.red().to_string() };
    let delivery = body["delivery"].as_str().map(|id| format!(" (delivery {id})")).unwrap_or_default();
    println!("  answered   {status}: {}{delivery}", text(&body["message"]));
}

pub(super) fn decided(record: &Record) {
    for DecisionRecord { target, rule, outcome, .. } in &record.decisions {
        let (verdict, why) = match outcome {
            OutcomeRecord::Fired { run } => (Verdict::Fired, format!("started {}", run.name)),
            OutcomeRecord::AlsoMatched { .. } => (Verdict::Matches, "one run is enough".to_owned()),
            OutcomeRecord::Skipped { message, .. } => (Verdict::Skipped, message.clone()),
        };
        println!("  {}    {target} \"{rule}\": {why}", verdict.word());
    }
    if record.state == State::Failed {
        println!("  {}     {}", "failed".red(), record.fault.as_deref().unwrap_or_default());
    }
}

/// Tells how a BuildRun ended. False if it failed.
pub(super) fn built(run: &ObjectKey, object: &Value) -> bool {
    let build = &object["spec"]["build"];
    let what = match (build["name"].as_str(), build["spec"]["source"]["git"]["revision"].as_str()) {
        (Some(name), _) => format!("runs the Build {name} by its name"),
        (None, Some(commit)) => format!("runs the Build's spec, pinned to commit {}", cut(commit)),
        (None, None) => "runs a spec".to_owned(),
    };
    println!("  {}   {run} {what}", "BuildRun".bold());
    if let Some(triggered) = condition(object, "Triggered") {
        println!("  because    {}", text(&triggered["message"]));
    }
    let notes = &object["metadata"]["annotations"];
    if let (Some(image), Some(digest)) =
        (notes[annotations::IMAGE].as_str(), notes[annotations::DIGEST].as_str())
    {
        println!("  noted      image {image}, digest {digest}");
    }
    let succeeded = condition(object, "Succeeded");
    let good = succeeded.is_some_and(|condition| condition["status"] == "True");
    let reason = succeeded.map_or("", |condition| text(&condition["reason"]));
    let reason = if good { reason.green().to_string() } else { reason.red().to_string() };
    println!("  ended      {reason}, by the simulated builder");
    good
}

/// Tells of the version of an image that was there before the program, and how many BuildRuns it has started.
pub(super) fn first_version(digest: &Digest, runs: usize) {
    let started = match runs {
        0 => "a first sight is no change, so nothing was started".to_owned(),
        runs => format!("{} {runs} BuildRuns were started by a first sight", "wrong:".red()),
    };
    println!("  so far     {}: {started}", digest.short());
}

/// Tells that another version was pushed.
pub(super) fn pushed(digest: &Digest) {
    println!("  pushed     {}", digest.short());
}

/// Tells that the registry has told of it, and that the program has looked.
pub(super) fn looked(digest: &Digest) {
    println!(
        "  told       the registry told {REGISTRY_HOOK}; asked for the digest, it says {}",
        digest.short()
    );
}

/// Tells that a delivery is kept which nobody sent.
pub(super) fn kept(record: &Record) {
    let delivery = &record.delivery;
    println!("  noticed    {} (delivery {})", delivery.event, delivery.id);
}

/// Tells how a run of Tekton ended, and by whom it was carried out. False if it failed.
pub(super) fn ran(kind: &str, run: &ObjectKey, object: &Value, by: &str) -> bool {
    let succeeded = condition(object, "Succeeded");
    let good = succeeded.is_some_and(|condition| condition["status"] == "True");
    let reason = succeeded.map_or("", |condition| text(&condition["reason"]));
    let reason = if good { reason.green().to_string() } else { reason.red().to_string() };
    println!("  {} {run} ended {reason}, by {by}", kind.bold());
    if !good {
        println!("  because    {}", succeeded.map_or("", |condition| text(&condition["message"])));
    }
    good
}

/// Shows the results of a PipelineRun.
pub(super) fn results(object: &Value) {
    for result in object["status"]["results"].as_array().into_iter().flatten() {
        println!("  result     {} = {}", text(&result["name"]), text(&result["value"]));
    }
}

pub(crate) fn broke_off(error: &anyhow::Error) {
    println!("  {} {error:#}", "broke off".red());
}

pub(crate) fn end(good: bool) {
    println!();
    if good {
        println!(
            "{} Without --once this stays up for you to try things.",
            "Everything went as it should.".green()
        );
    } else {
        println!("{} See above.", "Not everything went as it should.".red());
    }
}

pub(crate) fn goodbye() {
    println!();
    println!("Ended. Nothing is left behind.");
}

/// How this program is called from here.
fn program() -> String {
    let here = std::env::current_dir().ok();
    let path = std::env::current_exe().unwrap_or_else(|_| "shipwright-trigger".into());
    let short = here.and_then(|here| path.strip_prefix(here).ok().map(|path| path.display().to_string()));
    short.unwrap_or_else(|| path.display().to_string())
}

fn line(what: &str, value: &str, comment: &str) {
    println!("  {what:<12} {value}  {}", comment.dimmed());
}

fn cut(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Waits for `work`; says what is being waited for if it takes more than a second.
pub(super) async fn while_waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let mut patience = Box::pin(tokio::time::sleep(PATIENCE));
    tokio::select! {
        done = &mut work => return done,
        () = &mut patience => anstream::eprintln!("  … {what}"),
    }
    work.await
}
