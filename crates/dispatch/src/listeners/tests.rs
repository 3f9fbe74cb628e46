use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use trigger_api::triggers::Kind;
use trigger_core::{Delivery, Event, Facts, KeyForm, ObjectKey, Verification, sign};
use trigger_expr::Headers;
use trigger_journal::{DecisionRecord, LaunchRecord, OutcomeRecord};
use trigger_rules::interceptors::{Answer, Ask};
use trigger_rules::listeners::ListenerInventory;
use trigger_runtime::{AccessError, ListenerRights, SecretData, SecretError, Secrets};
use trigger_targets::Plan;

use super::attempt::{Asked, ListenerPlan, ListenerTools, Subject, plan};
use super::*;
use crate::sources::events_of;
use crate::start_turns::StartTurns;

mod many_objects;
mod repositories;
mod versions;

const KEY: &[u8] = b"it is a secret to everybody";
const BODY: &str = r#"{"ref":"refs/heads/main","repository":{"name":"web"}}"#;

/// Secrets by `namespace/name`, of which those with the name `away` cannot be read.
#[derive(Default)]
struct Cluster {
    reads: Mutex<Vec<String>>,
    away: bool,
}

impl Secrets for Cluster {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        self.reads.lock().unwrap().push(secret.to_string());
        let answer = match &*secret.name {
            "absent" => Err(SecretError::Missing(secret.clone())),
            "away" if self.away => {
                Err(SecretError::Unavailable { secret: secret.clone(), reason: "it answered 500".to_owned() })
            }
            _ => Ok(Arc::new(SecretData::new([("key".to_owned(), KEY.to_vec())]))),
        };
        std::future::ready(answer).boxed()
    }
}

/// Answers every question with the same, and lets accounts select in the namespace `open` only.
struct World(Answer);

impl AnswerSource for World {
    fn answer<'a>(&'a self, _: &'a Ask, namespace: &'a str) -> BoxFuture<'a, Answer> {
        assert_eq!(namespace, "team-a");
        std::future::ready(self.0.clone()).boxed()
    }
}

impl ListenerRights for World {
    fn may_select<'a>(
        &'a self,
        account: &'a ObjectKey,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<bool, AccessError>> {
        assert_eq!(account.to_string(), "team-a/ci");
        std::future::ready(Ok(namespace == "open")).boxed()
    }
}

fn silent() -> World {
    World(Answer::Unknown("no route".to_owned()))
}

fn object(kind: Kind, namespace: &str, name: &str, spec: &Value) -> (Kind, Value) {
    (
        kind,
        json!({"metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}")}, "spec": spec}),
    )
}

fn hook(kind: &str, secret: &str) -> Value {
    let secret = json!({"secretName": secret, "secretKey": "key"});
    json!({"ref": {"name": kind}, "params": [{"name": "secretRef", "value": secret}]})
}

fn cel(filter: &str) -> Value {
    json!({"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]})
}

/// An inline trigger with these interceptors, whose template makes a PipelineRun and a ConfigMap.
fn trigger(name: &str, interceptors: &[Value]) -> Value {
    let bindings = json!([{"name": "repository", "value": "$(body.repository.name)"}]);
    json!({"name": name, "interceptors": interceptors, "bindings": bindings, "template": {"ref": "run"}})
}

fn inventory(triggers: &[Value], further: Vec<(Kind, Value)>) -> ListenerInventory {
    let template = json!({
        "params": [{"name": "repository"}],
        "resourcetemplates": [
            {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "ci-"},
             "spec": {"params": [{"name": "repository", "value": "$(tt.params.repository)"}]}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "note-"}},
        ],
    });
    let spec = json!({"serviceAccountName": "ci", "triggers": triggers,
        "namespaceSelector": {"matchNames": ["open", "closed"]}});
    let inventory = ListenerInventory::default();
    let own = [
        object(Kind::EventListener, "team-a", "web", &spec),
        object(Kind::TriggerTemplate, "team-a", "run", &template),
        object(Kind::TriggerTemplate, "open", "run", &template),
        object(Kind::TriggerTemplate, "closed", "run", &template),
    ];
    for (kind, object) in own.into_iter().chain(further) {
        inventory.apply(kind, object);
    }
    inventory.mark_synced();
    inventory
}

fn request(headers: &[(&str, &str)]) -> ListenerRequest {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.append(name, (*value).to_owned());
    }
    ListenerRequest {
        listener: ObjectKey::new("team-a", "web"),
        url: "/hooks?of=web".to_owned(),
        headers: all,
        body: Bytes::from_static(BODY.as_bytes()),
        received_at: Timestamp::now(),
    }
}

fn signature(key: &[u8]) -> String {
    let tag = sign(key, KeyForm::Raw, b"", BODY.as_bytes()).unwrap();
    tag.iter().fold("sha256=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// A push as GitHub sends it, signed with this key.
fn push(key: &[u8]) -> ListenerRequest {
    let signature = signature(key);
    request(&[
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", "72d3162e"),
        ("X-Hub-Signature-256", &signature),
        ("Authorization", "Bearer of nobody"),
    ])
}

async fn screened(inventory: &ListenerInventory, request: ListenerRequest, cluster: &Cluster) -> Screened {
    let id = request.delivery_id(&[7; 16]);
    let memory = Memory { bodies: 1, ..Memory::default() };
    screen(inventory, request, id, &memory, cluster, Instant::now() + Duration::from_secs(4)).await
}

async fn accepted(
    inventory: &ListenerInventory,
    request: ListenerRequest,
    cluster: &Cluster,
) -> AcceptedRequest {
    match screened(inventory, request, cluster).await {
        Screened::Accepted(accepted) => *accepted,
        Screened::Unauthenticated { tried } | Screened::Unavailable { tried, .. } => {
            panic!("not accepted: {tried:?}")
        }
        Screened::NoMemory | Screened::Absent => panic!("there is memory, and the listener"),
    }
}

/// The turns of one dispatcher.
struct Turns {
    payloads: Semaphore,
    decisions: DecisionTurns,
    starts: StartTurns,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            payloads: Semaphore::new(1),
            decisions: DecisionTurns::default(),
            starts: StartTurns::default(),
        }
    }
}

impl Turns {
    fn tools<'a>(
        &'a self,
        inventory: &'a ListenerInventory,
        secrets: &'a dyn Secrets,
        answers: &'a dyn AnswerSource,
        rights: &'a dyn ListenerRights,
    ) -> ListenerTools<'a> {
        ListenerTools {
            inventory,
            secrets,
            answers,
            rights,
            payload_turns: &self.payloads,
            decision_turns: &self.decisions,
            start_turns: &self.starts,
        }
    }
}

async fn planned(
    inventory: &ListenerInventory,
    delivery: &Delivery,
    facts: &mut Facts,
    (cluster, world): (&Cluster, &World),
    verification: &Verification,
    asked: Asked,
) -> ListenerPlan {
    let events = events_of(delivery).unwrap();
    let Some(Event::Webhook(event)) = events.first() else { panic!("no request to a listener") };
    let turns = Turns::default();
    let tools = turns.tools(inventory, cluster, world, world);
    let subject = Subject { event, id: &delivery.id, replay: None, verification };
    plan(subject, facts, tools, asked, Instant::now() + Duration::from_secs(4)).await
}

async fn attempt(
    inventory: &ListenerInventory,
    accepted: &mut AcceptedRequest,
    cluster: &Cluster,
    world: &World,
) -> ListenerPlan {
    let AcceptedRequest { delivery, facts, .. } = accepted;
    planned(inventory, delivery, facts, (cluster, world), &Verification::default(), Asked::Servers).await
}

/// The decisions, each as `rule: outcome`.
fn texts(plan: &ListenerPlan) -> Vec<String> {
    let text = |record: trigger_journal::DecisionRecord| match record.outcome {
        OutcomeRecord::Fired { runs } => format!("{}: fired {}", record.rule, runs.len()),
        OutcomeRecord::Skipped { reason, .. } => format!("{}: {reason}", record.rule),
        OutcomeRecord::AlsoMatched { .. } => unreachable!("triggers have no precedence"),
    };
    plan.decisions.records().into_iter().map(text).collect()
}

#[tokio::test]
async fn a_signed_push_is_kept_and_creates_the_objects_of_its_triggers_without_asking_again() {
    let triggers = [
        trigger("main", &[hook("github", "hook"), cel("body.ref == 'refs/heads/main'")]),
        trigger("release", &[hook("github", "hook"), cel("body.ref.startsWith('refs/tags/')")]),
    ];
    let (inventory, cluster) = (inventory(&triggers, Vec::new()), Cluster::default());
    let mut kept = accepted(&inventory, push(KEY), &cluster).await;
    assert!(kept.decided.is_none() && !kept.is_open);
    assert_eq!(*cluster.reads.lock().unwrap(), ["team-a/hook"], "one read for both triggers");
    assert_eq!(kept.delivery.provider_id.as_deref(), Some("72d3162e"));
    assert_eq!((&*kept.delivery.event, &*kept.delivery.path), ("push", "/listeners/team-a/web"));
    assert!(kept.delivery.headers.iter().all(|(name, _)| name != "authorization"));

    let plan = attempt(&inventory, &mut kept, &cluster, &silent()).await;
    assert_eq!(texts(&plan), ["main: fired 2", "release: interceptor-stopped"]);
    assert!(plan.open.is_none() && plan.errors.is_empty());
    assert_eq!(cluster.reads.lock().unwrap().len(), 1, "the verdict is a fact");
    let again = attempt(&inventory, &mut kept, &cluster, &silent()).await;
    let names =
        |plan: &ListenerPlan| plan.plans.iter().map(|plan| plan.resource.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&plan), names(&again), "equal attempts create equal objects");
    assert_eq!(plan.plans[0].run_as.as_ref().unwrap().to_string(), "team-a/ci");
    let records = plan.decisions.records();
    let param = records[0].checks.iter().find(|check| check.predicate == "param repository").unwrap();
    assert_eq!(param.found, "web");
    let operand = records[1].checks.last().unwrap();
    assert!(operand.found.contains("is false (body.ref is"), "{operand:?}");
}

#[tokio::test]
async fn a_request_that_no_key_verifies_is_not_kept() {
    let triggers = [trigger("main", &[hook("github", "hook")])];
    let inventory = inventory(&triggers, Vec::new());
    for request in [push(b"wrong"), request(&[("X-GitHub-Event", "push")])] {
        let screened = screened(&inventory, request, &Cluster::default()).await;
        assert!(matches!(screened, Screened::Unauthenticated { .. }));
    }
    let triggers = [trigger("main", &[hook("github", "absent")])];
    let inventory = self::inventory(&triggers, Vec::new());
    let Screened::Unauthenticated { tried } = screened(&inventory, push(KEY), &Cluster::default()).await
    else {
        panic!("a Secret that does not exist verifies nothing")
    };
    assert_eq!(tried[0].0.to_string(), "team-a/absent");
}

#[tokio::test]
async fn a_listener_with_a_trigger_that_asks_for_no_secret_is_open() {
    let triggers = [trigger("main", &[hook("github", "hook")]), trigger("any", &[cel("body.ref == 'x'")])];
    let inventory = inventory(&triggers, Vec::new());
    let kept = accepted(&inventory, push(b"wrong"), &Cluster::default()).await;
    assert!(kept.is_open);
    let decided = kept.decided.expect("nothing starts").decisions;
    let rules: Vec<_> = decided.iter().map(|decision| decision.rule.as_str()).collect();
    assert_eq!(rules, ["main", "any"]);
    assert!(!accepted(&inventory, push(KEY), &Cluster::default()).await.is_open, "a key has verified it");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_keeps_no_verified_trigger_from_starting() {
    let alone = inventory(&[trigger("late", &[hook("github", "away")])], Vec::new());
    let away = || Cluster { away: true, ..Cluster::default() };
    assert!(matches!(screened(&alone, push(KEY), &away()).await, Screened::Unavailable { .. }));

    let triggers = [trigger("main", &[hook("github", "hook")]), trigger("late", &[hook("github", "away")])];
    let inventory = inventory(&triggers, Vec::new());
    let mut kept = accepted(&inventory, push(KEY), &away()).await;
    let plan = attempt(&inventory, &mut kept, &away(), &silent()).await;
    assert_eq!(texts(&plan)[0], "main: fired 2");
    assert!(
        plan.waits_for_secret && plan.open.unwrap().contains("the Secret team-a/away cannot be read now")
    );
    // The signature is kept, so the Secret answers later.
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    assert_eq!(texts(&plan), ["main: fired 2", "late: fired 2"]);
    assert!(plan.open.is_none());
}

/// The memory of so many bodies at a time.
#[derive(Default)]
struct Memory {
    bodies: usize,
    held: Arc<AtomicUsize>,
    /// The bodies that hold memory while a Secret is read.
    meanwhile: AtomicUsize,
}

/// The memory of one body.
struct HeldMemory(Arc<AtomicUsize>);

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BodyMemory for Memory {
    fn for_body<'a>(&'a self, _: &'a Arc<str>, _: &'a [u8]) -> BoxFuture<'a, Option<Box<dyn Send>>> {
        let held = (self.held.load(Ordering::Relaxed) < self.bodies).then(|| {
            self.held.fetch_add(1, Ordering::Relaxed);
            Box::new(HeldMemory(Arc::clone(&self.held))) as Box<dyn Send>
        });
        std::future::ready(held).boxed()
    }
}

impl Secrets for Memory {
    fn read<'a>(&'a self, _: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        self.meanwhile.fetch_max(self.held.load(Ordering::Relaxed), Ordering::Relaxed);
        std::future::ready(Ok(Arc::new(SecretData::new([("key".to_owned(), KEY.to_vec())])))).boxed()
    }
}

#[tokio::test]
async fn a_body_takes_no_memory_while_secrets_are_read() {
    let inventory = inventory(&[trigger("main", &[hook("github", "hook")])], Vec::new());
    for (bodies, is_read) in [(0, false), (1, true)] {
        let memory = Memory { bodies, ..Memory::default() };
        let (request, id) = (push(KEY), push(KEY).delivery_id(&[7; 16]));
        let until = Instant::now() + Duration::from_secs(4);
        let screened = screen(&inventory, request, id, &memory, &memory, until).await;
        assert_eq!(matches!(screened, Screened::NoMemory), !is_read);
        assert_eq!(matches!(screened, Screened::Accepted(_)), is_read);
        assert_eq!(memory.meanwhile.load(Ordering::Relaxed), 0);
        assert_eq!(memory.held.load(Ordering::Relaxed), 0, "it is given back");
    }
}

#[tokio::test]
async fn a_token_is_not_kept_and_its_verdict_is() {
    let triggers = [
        trigger("lab", &[hook("gitlab", "hook")]),
        trigger("own", &[cel("header.canonical('X-Own-Key').compareSecret('key', 'hook')")]),
    ];
    let inventory = inventory(&triggers, Vec::new());
    let key = std::str::from_utf8(KEY).unwrap();
    let sent = request(&[("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Token", key), ("X-Own-Key", key)]);
    let mut kept = accepted(&inventory, sent, &Cluster::default()).await;
    let stored = format!("{:?} {}", kept.delivery, serde_json::to_string(&kept.facts).unwrap());
    assert!(!stored.contains(key), "{stored}");
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    assert_eq!(texts(&plan), ["lab: fired 2", "own: fired 2"]);
}

#[tokio::test]
async fn a_server_without_an_answer_is_asked_again_and_then_its_trigger_stops() {
    let webhook = json!({"webhook": {"objectRef": {"kind": "Service", "name": "lint", "apiVersion": "v1"}}});
    let triggers = [trigger("main", &[]), trigger("lint", &[webhook])];
    let inventory = inventory(&triggers, Vec::new());
    let mut kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    assert!(kept.decided.is_none(), "a server has to be asked");
    let AcceptedRequest { delivery, facts, .. } = &mut kept;
    let tools = (&Cluster::default(), &World(Answer::Member(true)));
    let first = planned(&inventory, delivery, facts, tools, &Verification::default(), Asked::Secrets).await;
    assert_eq!((texts(&first)[0].as_str(), first.asks_servers), ("main: fired 2", true));
    assert!(!first.has_new_facts, "no server was asked");
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    assert_eq!(texts(&plan)[0], "main: fired 2");
    assert!(plan.open.unwrap().contains("no route") && !plan.waits_for_secret);
    assert!(kept.facts.is_empty(), "no answer is no fact");

    kept.delivery.received_at -= SignedDuration::try_from(ANSWERS_WITHIN).unwrap();
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    assert_eq!(texts(&plan), ["main: fired 2", "lint: interceptor-failed"]);
    assert!(plan.open.is_none() && plan.has_new_facts);
}

#[tokio::test]
async fn triggers_of_other_namespaces_run_with_the_right_of_the_account_only() {
    let spec = |namespace: &str| {
        let spec = json!({"template": {"ref": "run"}, "bindings": [{"name": "repository", "value": "x"}]});
        object(Kind::Trigger, namespace, "ci", &spec)
    };
    let inventory = inventory(&[], vec![spec("open"), spec("closed")]);
    let mut kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    let mut found = texts(&plan);
    found.sort();
    assert_eq!(found, ["ci: fired 2", "ci: trigger-not-readable"]);

    let namespaces = ["team-a"].map(Arc::from).into();
    let verification = Verification { namespaces: Some(namespaces), ..Verification::default() };
    let AcceptedRequest { delivery, facts, .. } = &mut kept;
    let tools = (&Cluster::default(), &silent());
    let plan = planned(&inventory, delivery, facts, tools, &verification, Asked::Servers).await;
    assert_eq!(texts(&plan), ["ci: namespace-not-replayed"; 2]);
}

#[tokio::test]
async fn a_trigger_with_an_object_that_cannot_be_rendered_creates_none_and_others_do() {
    let broken =
        json!({"resourcetemplates": [{"apiVersion": "v1", "kind": "ConfigMap"}, {"kind": "ConfigMap"}]});
    let inventory = inventory(
        &[trigger("main", &[]), json!({"name": "broken", "template": {"ref": "broken"}})],
        vec![object(Kind::TriggerTemplate, "team-a", "broken", &broken)],
    );
    let mut kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    let found = texts(&plan);
    assert_eq!(found[0], "main: fired 2");
    assert!(found[1].starts_with("broken: ") && !found[1].contains("fired"), "{found:?}");
    assert_eq!(plan.plans.len(), 2);
}

#[tokio::test]
async fn a_listener_that_is_gone_starts_nothing_and_says_so() {
    let inventory = inventory(&[trigger("main", &[])], Vec::new());
    let mut kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    let gone = ListenerInventory::default();
    let plan = attempt(&gone, &mut kept, &Cluster::default(), &silent()).await;
    assert!(plan.open.is_some(), "the listeners are not known yet");
    gone.mark_synced();
    let plan = attempt(&gone, &mut kept, &Cluster::default(), &silent()).await;
    assert!(plan.open.is_none() && plan.plans.is_empty());
    assert_eq!(texts(&plan), [": listener-absent"]);
}

#[test]
fn a_request_that_its_sender_names_is_one_delivery_and_others_are_each_their_own() {
    let named = || push(KEY).delivery_id(&[1; 16]);
    assert_eq!(named(), push(KEY).delivery_id(&[2; 16]));
    let other = ListenerRequest { body: Bytes::from_static(b"{}"), ..push(KEY) };
    assert_ne!(named(), other.delivery_id(&[1; 16]));
    let elsewhere = ListenerRequest { listener: ObjectKey::new("team-b", "web"), ..push(KEY) };
    assert_ne!(named(), elsewhere.delivery_id(&[1; 16]));
    let unnamed = |fresh: u8| request(&[]).delivery_id(&[fresh; 16]);
    assert_ne!(unnamed(1), unnamed(2));
}

#[tokio::test]
async fn a_kept_request_is_the_event_that_arrived() {
    let inventory = inventory(&[trigger("main", &[])], Vec::new());
    let sent = request(&[("X-Many", "a"), ("X-Many", "b"), ("Cookie", "c=1")]);
    let kept = accepted(&inventory, sent, &Cluster::default()).await;
    let Some(event) = event(&kept.delivery) else { panic!("no event") };
    assert_eq!((&*event.url, event.listener.to_string()), ("/hooks?of=web", "team-a/web".to_owned()));
    let pair = |value: &str| ("x-many".to_owned(), value.to_owned());
    assert_eq!(event.headers, [pair("a"), pair("b")]);
    assert_eq!(&event.body[..], BODY.as_bytes());
    let mut other = kept.delivery.clone();
    other.path = "/hooks/github".into();
    assert!(super::event(&other).is_none());
}

#[test]
fn decisions_beyond_the_bound_are_counted() {
    let mut decisions = ListenerDecisions::default();
    let owner = trigger_rules::listeners::Listener::resource_of(&ObjectKey::new("team-a", "web"));
    for number in 0..MOST_RECORDED + 3 {
        decisions.add_waiting(owner.clone(), number.to_string(), "it waits".to_owned());
    }
    let records = decisions.records();
    assert_eq!(records.len(), MOST_RECORDED);
    assert_eq!(records.iter().map(|record| record.further).sum::<usize>(), 3);
    assert_eq!(decisions.outcomes().map(|(_, count)| count).sum::<u64>(), MOST_RECORDED as u64 + 3);
}

/// The launches of plans, of which those at these places failed.
fn launches(plans: &[Plan], failed: &[usize]) -> Vec<LaunchRecord> {
    let launch = |(place, plan): (usize, &Plan)| LaunchRecord {
        run: plan.resource.clone(),
        event: plan.ordinal,
        uid: None,
        existed: false,
        error: failed.contains(&place).then(|| "the quota is used up".to_owned()),
        condition: None,
    };
    plans.iter().enumerate().map(launch).collect()
}

#[tokio::test]
async fn a_trigger_is_completed_once_and_only_if_all_of_its_objects_exist() {
    let empty = json!({"name": "empty", "template": {"spec": {}}});
    let inventory = inventory(&[trigger("main", &[]), trigger("late", &[]), empty], Vec::new());
    let mut kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    let ListenerPlan { decisions, plans, .. } =
        attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    let completed = |before: &[LaunchRecord], after: &[LaunchRecord], is_last| {
        let completed = decisions.completed(before, after, is_last);
        let names: Vec<_> =
            completed.iter().map(|text| text.rsplit('/').nth(1).unwrap().to_owned()).collect();
        names.join(" ")
    };
    let (none, some, all) = (launches(&plans, &[0, 1, 2, 3]), launches(&plans, &[3]), launches(&plans, &[]));
    assert_eq!(completed(&[], &none, false), "");
    assert_eq!(completed(&[], &some, false), "main");
    assert_eq!(completed(&some, &some, false), "", "it was announced before");
    assert_eq!(completed(&some, &all, true), "late empty");
    assert_eq!(completed(&[], &all, true), "main late empty");
}

#[tokio::test]
async fn a_uri_for_cloud_events_that_is_no_address_is_told_by_the_decisions() {
    let inventory = inventory(&[trigger("main", &[])], Vec::new());
    let spec = json!({"cloudEventURI": "sink", "triggers": [trigger("main", &[])]});
    let (kind, object) = object(Kind::EventListener, "team-a", "web", &spec);
    inventory.apply(kind, object);
    let mut kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    let plan = attempt(&inventory, &mut kept, &Cluster::default(), &silent()).await;
    assert_eq!(texts(&plan), ["cloudEventURI: cloud-events-not-sent", "main: fired 2"]);
}
