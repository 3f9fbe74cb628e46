//! The dispatcher over a real journal and a launcher that does what the test says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's leave for tests does not reach the functions that they share"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trigger_api::shipwright::Build;
use trigger_core::{
    Credential, Delivery, DeliveryId, DeliveryKey, KeyForm, KnownHosts, ObjectKey, RepoId, ResourceRef,
    Unsigned, Verified, Verifier, WaitingSecret, narrowed_id, sign,
};
use trigger_dispatch::{
    Dispatcher, DispatcherParts, KeyError, LaunchError, Launched, Launcher, Metrics, NoCredentials,
    OwnerWarnings, Retry, Settings, store_arrival,
};
use trigger_journal::{
    AppendOutcome, History, Intake, Record, ReplayOutcome, ReplayRequest, SqliteJournal, State, sqlite,
};
use trigger_providers::{GitHub, Provider, Sample, SampleKind};
use trigger_rules::{Coverage, Inventory, OwnerRules};
use trigger_runtime::{Backoff, SecretData, SecretError, Secrets};
use trigger_targets::{FollowUp, Plan, Subject};

const KEY: &[u8] = b"key";

/// Answers as it was told, per Build; what it was told nothing about is created once and exists then.
#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<String, Vec<Result<Launched, LaunchError>>>>,
    created: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    /// Launches for these Builds do not return.
    stuck: Mutex<Vec<String>>,
    /// Launches for these Builds panic.
    panics: Mutex<Vec<String>>,
    /// These Builds were deleted, which the inventory does not know.
    gone: Mutex<Vec<String>>,
    /// The keys of the Secrets that can be read.
    keys: Mutex<HashMap<ObjectKey, Vec<u8>>>,
    /// The owners that were told of a Secret.
    warned: Mutex<Vec<String>>,
}

impl Script {
    fn tell(&self, build: &str, answers: impl IntoIterator<Item = Result<Launched, LaunchError>>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.answers.lock().unwrap().insert(build.to_owned(), answers);
    }

    /// How often a run of this Build was asked for.
    fn asked(&self, build: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == build).count()
    }

    fn created(&self) -> Vec<String> {
        let mut created = self.created.lock().unwrap().clone();
        created.sort();
        created
    }
}

impl Launcher for Script {
    fn launch<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>> {
        let build = plan.subject.resource.name().as_ref();
        self.asked.lock().unwrap().push(build.to_owned());
        if self.stuck.lock().unwrap().iter().any(|stuck| stuck == build) {
            return futures::future::pending().boxed();
        }
        let panics = self.panics.lock().unwrap().iter().any(|panics| panics == build);
        assert!(!panics, "on purpose");
        let told = self.answers.lock().unwrap().get_mut(build).and_then(Vec::pop);
        let answer = told.unwrap_or_else(|| {
            let mut created = self.created.lock().unwrap();
            if created.contains(&plan.resource.key.to_string()) {
                return Ok(launched(true));
            }
            created.push(plan.resource.key.to_string());
            Ok(launched(false))
        });
        async move { answer }.boxed()
    }

    fn exists<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<bool, LaunchError>> {
        let is_gone = self.gone.lock().unwrap().iter().any(|gone| gone == subject.resource.name().as_ref());
        async move { Ok(!is_gone) }.boxed()
    }

    fn follow_up<'a>(&'a self, _records: &'a [&'a FollowUp]) -> BoxFuture<'a, ()> {
        futures::future::ready(()).boxed()
    }
}

impl Secrets for Script {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        let answer = match self.keys.lock().unwrap().get(secret) {
            Some(key) => Ok(Arc::new(SecretData::new([("github-token".to_owned(), key.clone())]))),
            None => Err(SecretError::Forbidden(secret.clone())),
        };
        async move { answer }.boxed()
    }
}

impl OwnerWarnings for Script {
    fn secret_unreadable(&self, owner: &OwnerRules, error: &SecretError) {
        self.warned.lock().unwrap().push(format!("{}: {error}", owner.owner.key));
    }

    fn no_key(&self, owner: &OwnerRules, error: &KeyError) {
        panic!("{}: {error}", owner.owner.key)
    }

    fn repository_moved(&self, owner: &OwnerRules, message: &str) {
        self.warned.lock().unwrap().push(format!("{}: {message}", owner.owner.key));
    }
}

fn launched(existed: bool) -> Launched {
    Launched { existed, uid: Some("1f3a".to_owned()) }
}

fn fault(retry: Retry) -> Result<Launched, LaunchError> {
    Err(LaunchError { message: "the server says no".to_owned(), retry })
}

struct World {
    journal: Arc<SqliteJournal>,
    script: Arc<Script>,
    inventory: Arc<Inventory>,
    synced: watch::Sender<bool>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl World {
    /// A dispatcher that runs, over Builds with these names.
    fn new(builds: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path().join("journal.db"), sqlite::Options::default());
        let (journal, script) = (Arc::new(journal.unwrap()), Arc::new(Script::default()));
        let inventory = Arc::new(Inventory::new(KnownHosts::NONE));
        for name in builds {
            let (namespace, name) = name.split_once('/').unwrap_or(("team-a", name));
            inventory.apply(&build(namespace, name));
        }
        inventory.mark_synced();
        let mut settings = Settings {
            idle: Duration::from_millis(5),
            backoff: Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(5) },
            ..Settings::default()
        };
        change(&mut settings);
        let parts = DispatcherParts {
            journal: Arc::clone(&journal) as _,
            inventory: Arc::clone(&inventory),
            launcher: Arc::clone(&script) as _,
            facts: Arc::new(NoCredentials),
            secrets: Arc::clone(&script) as _,
            warnings: Arc::clone(&script) as _,
        };
        let dispatcher = Dispatcher::new(parts, settings, Metrics::default());
        let (synced, stop) = (watch::channel(false).0, CancellationToken::new());
        tokio::spawn(dispatcher.run(synced.subscribe(), stop.clone()));
        Self { journal, script, inventory, synced, stop, _folder: folder }
    }

    async fn append(&self, delivery: Delivery) -> (DeliveryId, AppendOutcome) {
        self.append_of("team-a", delivery).await
    }

    /// Appends a delivery that the Secret `hook` of this namespace verifies.
    async fn append_of(&self, namespace: &str, delivery: Delivery) -> (DeliveryId, AppendOutcome) {
        let id = delivery.id.clone();
        let tag = sign(KEY, KeyForm::Raw, b"", &delivery.body).unwrap();
        let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
        assert!(verifier.try_key(&ObjectKey::new(namespace, "hook"), "github-token", KEY));
        let accepted = verifier.finish(Unsigned::No).unwrap();
        (id, self.journal.append(accepted).await.unwrap())
    }

    async fn ended(&self, id: &DeliveryId) -> Record {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let record = self.journal.find(id).await.unwrap().unwrap();
            if matches!(record.state, State::Settled | State::Failed) {
                return record;
            }
            assert!(std::time::Instant::now() < deadline, "never ended: {record:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn build(namespace: &str, name: &str) -> Build {
    let rule =
        json!({"name": "push", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}});
    serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name, "uid": name},
        "spec": {
            "source": {"type": "Git", "git": {"url": "https://github.com/acme/web"}},
            "trigger": {"triggerSecret": "hook", "when": [rule]},
        },
    }))
    .unwrap()
}

fn push(commit: char) -> Delivery {
    let repository = RepoId::parse("https://github.com/acme/web").unwrap();
    let kind =
        SampleKind::Push { full_ref: "refs/heads/main".to_owned(), commit: commit.to_string().repeat(40) };
    let sender = "ada".to_owned();
    let sample = Sample { repository: repository.clone(), default_branch: "main".to_owned(), sender, kind };
    let request = GitHub.compose(&sample).unwrap();
    let headers = GitHub.keep(&GitHub.sign(request.event, "id", &request.body, None, jiff::Timestamp::now()));
    Delivery {
        id: DeliveryKey { path: "/hooks/github", provider_id: None, body: &request.body }.id(),
        source: "github".into(),
        path: "/hooks/github".into(),
        provider_id: None,
        event: request.event.to_owned(),
        repository: Some(repository),
        received_at: std::time::SystemTime::now().try_into().unwrap(),
        headers,
        body: Bytes::from(request.body),
        replay: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_before_every_build_has_been_seen() {
    let world = World::new(&["web"], |_| {});
    let (id, appended) = world.append(push('a')).await;
    assert_eq!(appended, AppendOutcome::New);
    assert_eq!(world.journal.find(&id).await.unwrap().unwrap().state, State::Pending);
    world.synced.send_replace(true);
    assert_eq!(world.ended(&id).await.state, State::Settled);
    assert_eq!(world.script.created().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_may_pass_is_tried_again_and_nothing_runs_twice() {
    let world = World::new(&["steady", "shaky"], |_| {});
    world.script.tell("shaky", [fault(Retry::Later), fault(Retry::Later), fault(Retry::Later)]);
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts, record.error), (State::Settled, 4, None));
    assert_eq!(world.script.created().len(), 2, "one run each, however often it was tried");
    assert_eq!(world.script.asked("steady"), 1, "what was launched is not launched again");
    assert_eq!(world.script.asked("shaky"), 4);
    assert!(
        record.launches.iter().all(|launch| !launch.existed && launch.error.is_none()),
        "{:?}",
        record.launches
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_launched_stays_on_record_when_its_rule_is_gone() {
    let world = World::new(&["steady", "shaky"], |_| {});
    world.script.tell("shaky", (0..100_000).map(|_| fault(Retry::Later)));
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let steady =
        |record: &Record| record.launches.iter().any(|launch| launch.run.name().starts_with("steady"));
    while !steady(&world.journal.find(&id).await.unwrap().unwrap()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let steady_build = ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", "steady"));
    world.inventory.delete(&steady_build);
    world.script.tell("shaky", []);
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Settled);
    assert!(steady(&record) && record.launches.len() == 2, "{:?}", record.launches);
}

#[tokio::test]
async fn a_build_that_is_deleted_while_its_run_waits_gets_none() {
    let world = World::new(&["gone", "web"], |_| {});
    world.script.tell("gone", [fault(Retry::Later)]);
    world.script.gone.lock().unwrap().push("gone".to_owned());
    let (id, _) = world.append(push('1')).await;
    world.synced.send_replace(true);
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts), (State::Settled, 2), "{record:?}");
    let of = |build: &str| {
        let decision = record.decisions.iter().find(|decision| **decision.owner.name() == *build);
        format!("{:?}", decision.unwrap().outcome)
    };
    assert!(
        of("gone").contains("Build team-a/gone was deleted before its run could be created"),
        "{record:?}"
    );
    assert!(of("web").contains("web-"), "{record:?}");
    assert_eq!((world.script.asked("gone"), world.script.created().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_cannot_pass_ends_it_and_leaves_the_neighbour_alone() {
    let world = World::new(&["steady", "refused"], |_| {});
    world.script.tell("refused", [fault(Retry::Never)]);
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts), (State::Failed, 1));
    assert!(
        record.error.as_deref().is_some_and(|error| error.contains("the server says no")),
        "{:?}",
        record.error
    );
    assert_eq!(world.script.created().len(), 1);

    let (same, appended) = world.append(push('a')).await;
    assert_eq!((&same, appended), (&id, AppendOutcome::Reopened));
    assert_eq!(world.ended(&id).await.state, State::Settled);
    assert_eq!(world.script.created().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_given_up() {
    let world = World::new(&["web"], |settings| settings.give_up_after = Duration::ZERO);
    world.script.tell("web", [fault(Retry::Later)]);
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Failed);
    assert!(record.error.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_cannot_be_understood_fails_with_its_reason() {
    let world = World::new(&["web"], |_| {});
    world.synced.send_replace(true);
    let (id, _) = world.append(Delivery { source: "elsewhere".into(), ..push('a') }).await;
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Failed);
    assert!(record.error.as_deref().is_some_and(|error| error.contains("`elsewhere`")), "{:?}", record.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_panics_fails_and_the_others_go_on() {
    let world = World::new(&["web"], |settings| settings.concurrency = 1);
    world.script.panics.lock().unwrap().push("web".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts), (State::Failed, 1));
    assert!(record.error.as_deref().is_some_and(|error| error.contains("panicked")), "{:?}", record.error);

    world.script.panics.lock().unwrap().clear();
    let (next, _) = world.append(push('b')).await;
    assert_eq!(world.ended(&next).await.state, State::Settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_hangs_does_not_hold_up_its_neighbours() {
    let world = World::new(&["hanging", "steady"], |settings| {
        settings.launch = Duration::from_millis(20);
        settings.give_up_after = Duration::ZERO;
    });
    world.script.stuck.lock().unwrap().push("hanging".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Failed);
    let launch =
        |build: &str| record.launches.iter().find(|launch| launch.run.name().starts_with(build)).unwrap();
    assert_eq!(launch("steady").error, None);
    assert_eq!(launch("hanging").error.as_deref(), Some("the API server did not answer in time"));
    assert_eq!(record.decisions.len(), 2, "and what was decided is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_has_an_end_and_keeps_what_it_has_done() {
    let world = World::new(&["hanging", "steady"], |settings| {
        settings.attempt = Duration::from_millis(50);
        settings.give_up_after = Duration::ZERO;
    });
    world.script.stuck.lock().unwrap().push("hanging".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    let faults: Vec<_> = record.launches.iter().map(|launch| launch.error.is_some()).collect();
    assert_eq!(faults.iter().filter(|fault| **fault).count(), 1, "{:?}", record.launches);
    assert_eq!(world.script.created().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_hangs_at_the_end_keeps_what_it_has_done_and_leaves_the_rest_to_others() {
    let world = World::new(&["hanging", "steady"], |settings| settings.ending = Duration::from_millis(50));
    world.script.stuck.lock().unwrap().push("hanging".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let left = loop {
        if world.script.asked("hanging") == 1 && world.script.created().len() == 1 {
            world.stop.cancel();
        }
        // Looked at only now: before the attempt began it was pending too.
        let record = world.journal.find(&id).await.unwrap().unwrap();
        if world.stop.is_cancelled() && record.state == State::Pending {
            break record;
        }
        assert!(std::time::Instant::now() < deadline, "it is not given back: {record:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let done: Vec<_> = left.launches.iter().filter(|launch| launch.error.is_none()).collect();
    assert_eq!(done.len(), 1, "{:?}", left.launches);
    assert!(done[0].run.name().starts_with("steady"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_runs_are_slow_to_create_leaves_room_for_others() {
    let world = World::new(&["noisy/stuck", "quiet/web"], |settings| {
        settings.concurrency = 4;
        settings.per_tenant = 3;
    });
    world.script.stuck.lock().unwrap().push("stuck".to_owned());
    world.synced.send_replace(true);
    for commit in '0'..='9' {
        world.append_of("noisy", push(commit)).await;
    }
    for commit in 'a'..='f' {
        let (id, _) = world.append_of("quiet", push(commit)).await;
        assert_eq!(world.ended(&id).await.state, State::Settled);
    }
    assert_eq!(world.script.asked("stuck"), 3, "as many as one tenant may have under way");
}

/// The delivery as it is stored for team-b, whose Secrets `hook` and `spare` could not be read.
fn waiting(delivery: Delivery) -> Verified<Delivery> {
    let tag = sign(KEY, KeyForm::Raw, b"", &delivery.body).unwrap();
    let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
    assert!(verifier.try_key(&ObjectKey::new("team-a", "hook"), "github-token", KEY));
    for name in ["hook", "spare"] {
        verifier.unread(WaitingSecret::new(ObjectKey::new("team-b", name), None));
    }
    verifier.finish_with_waiting(Unsigned::No).unwrap().waiting.remove(0)
}

impl World {
    /// Appends a delivery for team-a and what waits of it for team-b. Returns the ids of both.
    async fn append_waiting(&self, commit: char) -> (DeliveryId, DeliveryId) {
        let waiting = waiting(push(commit));
        let id = waiting.value().id.clone();
        assert_eq!(self.journal.append(waiting).await.unwrap(), AppendOutcome::New);
        (self.append(push(commit)).await.0, id)
    }

    fn hold(&self, secret: &str, key: &[u8]) {
        self.script.keys.lock().unwrap().insert(ObjectKey::new("team-b", secret), key.to_vec());
    }

    async fn until(&self, id: &DeliveryId, reached: impl Fn(&Record) -> bool) -> Record {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let record = self.journal.find(id).await.unwrap().unwrap();
            if reached(&record) {
                return record;
            }
            assert!(std::time::Instant::now() < deadline, "never reached: {record:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn a_delivery_that_waited_runs_once_when_its_secret_can_be_read() {
    let world = World::new(&["team-b/web"], |_| {});
    let (received, id) = world.append_waiting('1').await;
    world.synced.send_replace(true);
    let waits = world.until(&id, |record| record.attempts > 2 && record.error.is_some()).await;
    let error = waits.error.unwrap();
    assert!(error.contains("team-b/hook") && error.contains("and 1 more; the delivery waits"), "{error}");
    assert!(waits.launches.is_empty() && waits.decisions.is_empty());
    assert_eq!(world.script.asked("web"), 0);
    let warned = world.script.warned.lock().unwrap().clone();
    assert!(
        warned.len() == 1 && warned[0].starts_with("team-b/web: reading the Secret team-b/hook"),
        "{warned:?}"
    );

    // The other Secret still cannot be read. It silences rules of its own only.
    world.hold("hook", KEY);
    let partly =
        |record: &Record| record.verification.waiting.as_ref().is_some_and(|it| !it.continued_as.is_empty());
    let further = world.until(&id, partly).await.verification.waiting.unwrap().continued_as.remove(0);
    assert_eq!(further, narrowed_id(&received, "team-b", 0));
    assert_eq!(world.ended(&further).await.launches.len(), 1);

    world.hold("spare", b"another key");
    let over = world.ended(&id).await;
    assert_eq!((over.state, over.error, over.launches.len()), (State::Settled, None, 0));
    let waiting = over.verification.waiting.unwrap();
    assert_eq!((waiting.presented, waiting.continued_as), (None, vec![further]));
    assert_eq!(world.script.asked("web"), 1);
}

#[tokio::test]
async fn a_delivery_that_no_key_verifies_starts_nothing_and_forgets_what_was_presented() {
    let world = World::new(&["team-b/web"], |_| {});
    for secret in ["hook", "spare"] {
        world.hold(secret, b"another key");
    }
    let (_, id) = world.append_waiting('1').await;
    world.synced.send_replace(true);
    let over = world.ended(&id).await;
    assert_eq!((over.state, over.error), (State::Settled, None));
    let waiting = over.verification.waiting.unwrap();
    assert!(waiting.presented.is_none() && waiting.continued_as.is_empty(), "{waiting:?}");
    assert_eq!(world.script.asked("web"), 0);
}

#[tokio::test]
async fn a_secret_that_is_never_readable_fails_the_delivery_and_a_replay_waits_again() {
    let world = World::new(&["team-b/web"], |settings| settings.secret_wait = Duration::ZERO);
    let (received, id) = world.append_waiting('1').await;
    world.synced.send_replace(true);
    let failed = world.ended(&id).await;
    let error = failed.error.unwrap();
    assert_eq!(failed.state, State::Failed);
    assert!(error.contains("team-b/hook") && error.contains("--secret-wait"), "{error}");

    for secret in ["hook", "spare"] {
        world.hold(secret, KEY);
    }
    let (request, by, from) = ("once".to_owned(), "ada".to_owned(), "10.0.0.7".to_owned());
    let replay = ReplayRequest { of: id, request, by, from, namespaces: None };
    let ReplayOutcome::New(replay) = world.journal.replay(replay).await.unwrap() else { panic!("not new") };
    let further = narrowed_id(&received, "team-b", 0);
    assert_eq!(
        world.ended(&replay).await.verification.waiting.unwrap().continued_as,
        [narrowed_id(&received, "team-b", 0)]
    );
    assert_eq!(world.ended(&further).await.launches.len(), 1);
}

#[tokio::test]
async fn a_crash_between_the_steps_of_a_resumed_delivery_makes_no_second_one() {
    let world = World::new(&["team-b/web"], |_| {});
    let (received, id) = world.append_waiting('1').await;
    for secret in ["hook", "spare"] {
        world.hold(secret, KEY);
    }
    // The verified delivery was stored, and then the program was killed: the waiting one is claimed once more.
    let mut verifier = {
        let (copy, verification) = waiting(push('1')).into_parts();
        Verifier::resume(&copy, &verification.waiting.unwrap()).unwrap()
    };
    for secret in ["hook", "spare"] {
        assert!(verifier.try_key(&ObjectKey::new("team-b", secret), "github-token", KEY));
    }
    let further = verifier.finish(Unsigned::No).unwrap().narrowed_to("team-b", 0, |_| true).unwrap();
    world.journal.append(further).await.unwrap();
    world.synced.send_replace(true);
    let over = world.ended(&id).await;
    assert_eq!(over.verification.waiting.unwrap().continued_as, [narrowed_id(&received, "team-b", 0)]);
    assert_eq!(world.ended(&narrowed_id(&received, "team-b", 0)).await.launches.len(), 1);
    assert_eq!(world.script.asked("web"), 1);
}

fn without_team_b() -> Coverage {
    Coverage { unseen: [Arc::from("team-b")].into(), is_stale: false }
}

#[tokio::test]
async fn a_delivery_for_a_namespace_whose_builds_are_not_known_yet_is_kept_for_it() {
    let world = World::new(&["team-a/web"], |_| {});
    world.inventory.publish(without_team_b());
    let (theirs, _) = world.append_of("team-b", push('1')).await;
    world.synced.send_replace(true);
    let waits = world.until(&theirs, |record| record.attempts > 2 && record.error.is_some()).await;
    assert!(waits.error.is_some_and(|error| error.contains("namespace team-b are not known yet")));
    let (ours, _) = world.append(push('2')).await;
    assert_eq!(world.ended(&ours).await.launches.len(), 1, "others go on");

    world.inventory.apply(&build("team-b", "app"));
    world.inventory.mark_synced();
    assert_eq!(world.ended(&theirs).await.launches.len(), 1);
    assert_eq!(world.script.asked("app"), 1);
}

#[tokio::test]
async fn a_delivery_that_arrives_again_runs_for_a_namespace_that_had_no_part_in_its_decision() {
    let world = World::new(&["team-a/web"], |_| {});
    world.inventory.publish(without_team_b());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('1')).await;
    assert_eq!(world.ended(&id).await.launches.len(), 1);

    world.inventory.apply(&build("team-b", "app"));
    world.inventory.apply(&build("team-c", "late"));
    world.inventory.mark_synced();
    for (namespace, runs) in [("team-b", 1), ("team-b", 1), ("team-c", 0)] {
        let delivery = push('1');
        let tag = sign(KEY, KeyForm::Raw, b"", &delivery.body).unwrap();
        let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
        assert!(verifier.try_key(&ObjectKey::new(namespace, "hook"), "github-token", KEY));
        let arrival = verifier.finish_with_waiting(Unsigned::No).unwrap();
        store_arrival(world.journal.as_ref(), arrival, None).await.unwrap();
        let further = world.journal.find(&narrowed_id(&id, namespace, 0)).await.unwrap();
        assert_eq!(usize::from(further.is_some()), runs, "{namespace}");
    }
    world.ended(&narrowed_id(&id, "team-b", 0)).await;
    assert_eq!((world.script.asked("app"), world.script.asked("late")), (1, 0));
    assert_eq!(world.script.asked("web"), 1, "it runs nothing twice");
}
