//! Every kind of read and write meets every answer that may pass, once: no delivery and no task is lost, and nothing runs
//! twice. The table is in docs/troubleshooting.md.

use std::time::Duration;

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use trigger_devcluster::{DevCluster, Fault};
use trigger_journal::State;
use trigger_simulation::SimulationOptions;

use crate::pipelines::{on, settled, tekton};
use crate::postgres;
use crate::roles;
use crate::world::{KEY, SHA, World, decisions, usual_rules};

const RUN: &str = "buildruns.shipwright.io \"x\" is forbidden: ";

/// The answers that may pass, as a real API server words them.
fn passing() -> Vec<Fault> {
    let refuse = |status, message: &str| Fault { message: message.to_owned(), ..Fault::refuse(status) };
    let plain = |status, message: &str| Fault { plain_text: true, ..refuse(status, message) };
    vec![
        refuse(401, "Unauthorized"),
        refuse(403, "builds.shipwright.io is forbidden: User \"us\" cannot get resource \"builds\""),
        refuse(403, &format!("{RUN}exceeded quota: builds, requested: count/x=1, used: 2, limited: 2")),
        refuse(403, &format!("{RUN}status unknown for quota: builds, resources: count/x")),
        plain(403, "Forbidden"),
        plain(404, "404 page not found\n"),
        refuse(404, "the server could not find the requested resource"),
        refuse(409, ""),
        refuse(410, "too old resource version: 1 (9)"),
        plain(429, "Too many requests, please try again later."),
        refuse(500, "etcdserver: mvcc: database space exceeded"),
        refuse(500, "failed calling webhook \"policy.example\": context deadline exceeded"),
        plain(502, "bad gateway"),
        refuse(503, "apiserver not ready"),
        refuse(504, ""),
    ]
}

/// The answer to the next request of each of these kinds.
fn once(answer: &Fault, requests: &[(&str, &str)]) -> Vec<Fault> {
    requests.iter().map(|(verb, resource)| answer.clone().on(verb, resource).times(1)).collect()
}

/// Plays a scenario with every answer, in a few worlds at a time.
async fn in_turns<F: Future<Output = ()>>(scenario: impl Fn(Fault) -> F) {
    for some in passing().chunks(4) {
        join_all(some.iter().cloned().map(&scenario)).await;
    }
}

/// Returns when the program has met every fault.
async fn met(world: &World, dev: &DevCluster) {
    for Fault { verbs, resources, status, message, .. } in dev.faults().list() {
        let is_met = || {
            let is_it = |fault: &&Fault| fault.verbs == verbs && fault.resources == resources;
            dev.faults().list().iter().find(is_it).is_none_or(|fault| fault.remaining == Some(0))
        };
        let what = format!("{verbs:?} {resources:?} meets {status} {message:?}");
        world.until(&what, || async { is_met().then_some(()) }).await;
    }
}

/// A world whose program meets the answer when it first lists and watches these resources.
async fn begun_with(answer: &Fault, resources: &[&str]) -> World {
    let dev = roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
    let first: Vec<_> = resources.iter().flat_map(|of| [("list", *of), ("watch", *of)]).collect();
    dev.faults().set(once(answer, &first));
    let world = World::on(dev, |_| {}).await;
    world.program.ready().await;
    if let Some(dev) = world.dev_only("the API server misbehaves on order") {
        met(&world, dev).await;
    }
    world.hook_secret("team-a", KEY).await;
    world
}

async fn deliver(answer: Fault) {
    let world = begun_with(&answer, &["builds"]).await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    dev.faults().set(once(
        &answer,
        &[
            ("get", "secrets"),
            ("watch", "builds"),
            ("create", "buildruns"),
            ("patch", "buildruns/status"),
            ("create", "events"),
        ],
    ));
    dev.faults().drop_watches();
    // As a provider that sends again what was not accepted. The client itself repeats what is overloaded.
    let accepted = world
        .until("it is accepted", || async {
            let sent = world.send(&world.push_main()).await;
            let is_one = matches!(sent.status, StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE);
            assert!(is_one, "{answer:?}: {sent:?}");
            (sent.status == StatusCode::ACCEPTED).then_some(sent)
        })
        .await;
    let record = world.settled(&accepted.delivery()).await;
    assert_eq!((record.state, &record.error), (State::Settled, &None), "{answer:?}");
    met(&world, dev).await;
    assert_eq!(world.run_counts().await, (1, 0), "{answer:?}");
    // The watch goes on where it was.
    world.patch_build("team-a", "web", json!({"spec": {"trigger": {"when": []}}})).await;
    let unused = world.unused();
    world
        .until("the change is known", || async {
            (world.send(&world.push_main()).await.status == unused).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_meets_every_answer_that_may_pass() {
    in_turns(deliver).await;
}

async fn carry_out(answer: Fault) {
    let world = begun_with(&answer, &["builds", "customruns"]).await;
    world.simulate_builds(SimulationOptions { duration: Duration::from_millis(50) });
    world.plain_build().await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    let mut faults = once(
        &answer,
        &[
            ("get", "customruns"),
            ("get", "builds"),
            ("create", "buildruns"),
            ("patch", "customruns/status"),
            ("patch", "buildruns/status"),
        ],
    );
    // Also of a run that exists already.
    faults.push(answer.clone().on("get", "buildruns").times(4));
    dev.faults().set(faults);
    world.task("image", json!({})).await;
    met(&world, dev).await;
    world.task_reaches("image", "True", "Succeeded").await;
    assert_eq!(world.run_counts().await, (1, 0), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_meets_every_answer_that_may_pass() {
    in_turns(carry_out).await;
}

async fn follow(answer: Fault) {
    let world = begun_with(&answer, &[]).await;
    let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
    // PipelineRuns are listed for a rule.
    dev.faults().set(once(&answer, &[("list", "pipelineruns"), ("watch", "pipelineruns")]));
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    met(&world, dev).await;
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    dev.faults().set(once(
        &answer,
        &[("watch", "pipelineruns"), ("create", "buildruns"), ("patch", "pipelineruns/")],
    ));
    dev.faults().drop_watches();
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    let record = settled(&world, &uid, "Succeeded").await;
    assert_eq!(
        (record.state, decisions(&record)),
        (State::Settled, vec!["a/ci Succeeded: fired".to_owned()])
    );
    met(&world, dev).await;
    assert_eq!(world.run_counts().await, (1, 0), "{answer:?}");
    let note = world
        .until("the note is written", || async {
            let run = tekton(&world, "team-a").runs.get("ci-1").await.unwrap();
            run.metadata.annotations.unwrap_or_default().remove("triggers.shipwright.io/buildrun-names")
        })
        .await;
    assert!(!note.is_empty(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_run_meets_every_answer_that_may_pass() {
    in_turns(follow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_meets_every_answer_that_may_pass() {
    let leases = |answer: Fault| async move {
        let test = format!("lease_{}_{}_{}", answer.status, answer.plain_text, answer.message.len());
        let Some(journal) = postgres::database(&test) else { return };
        let dev = roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        dev.faults().set(once(&answer, &[("get", "leases"), ("create", "leases"), ("patch", "leases")]));
        let world = World::on(dev, |options| options.journal = journal.parse().unwrap()).await;
        let Some(dev) = world.dev_only("the API server misbehaves on order") else { return };
        met(&world, dev).await;
        world.until("it leads", || async { world.program.leadership.is_ours().then_some(()) }).await;
    };
    in_turns(leases).await;
}

/// What the quota or a right does not allow yet waits, says so, and runs once it is allowed.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_allowed_yet_waits_and_an_event_says_so() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("the API server refuses on order") else { return };
    let message = format!("{RUN}exceeded quota: builds, requested: count/x=1, used: 2, limited: 2");
    let quota = Fault { message, ..Fault::refuse(403) }.on("create", "buildruns");
    dev.faults().add(quota);
    let accepted = world.send(&world.push_main()).await;
    let waiting = world
        .until("it is tried twice", || async {
            let record = world.program.journal.find(&accepted.delivery()).await.unwrap()?;
            (record.attempts > 2).then_some(record)
        })
        .await;
    assert!(!matches!(waiting.state, State::Settled | State::Failed), "{waiting:?}");
    assert!(waiting.error.is_some_and(|error| error.contains("exceeded quota")));
    let delayed = world.events("team-a", "web", "BuildRunDelayed").await;
    assert_eq!(delayed.len(), 1, "one for all tries: {delayed:?}");
    dev.faults().clear();
    let record = world.settled(&accepted.delivery()).await;
    assert_eq!((record.state, record.launches.len()), (State::Settled, 1));
    assert_eq!(world.run_counts().await, (1, 0));
}

/// Permanent: the request itself, a policy, a namespace that is going or gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_refused_for_good_fails_at_once() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("the API server refuses on order") else { return };
    let terminating =
        format!("{RUN}unable to create new content in namespace x because it is being terminated");
    for (number, (status, message)) in [
        (400, "the body cannot be decoded"),
        (403, terminating.as_str()),
        (403, &format!("{RUN}violates PodSecurity \"restricted:latest\"")),
        (403, "admission webhook \"policy.example\" denied the request: no"),
        (404, "namespaces \"x\" not found"),
        (413, "the request is too large"),
        (422, "BuildRun \"x\" is invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        let fault = Fault { message: message.to_owned(), ..Fault::refuse(status) };
        dev.faults().set(vec![fault.on("create", "buildruns")]);
        let record = world.deliver(&world.push("refs/heads/main", &format!("{number}{}", &SHA[1..]))).await;
        assert_eq!((record.state, record.attempts), (State::Failed, 1), "{message}");
        assert!(record.error.is_some_and(|error| error.contains(message)), "{message}");
    }
    dev.faults().clear();
    assert_eq!(world.run_counts().await, (0, 0));
}
