//! The dispatcher over a real journal and a launcher that does what the test says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's leave for tests does not reach the functions that they share"
)]

mod launches;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trigger_api::shipwright::Build;
use trigger_core::{
    Credential, Delivery, DeliveryId, DeliveryKey, KeyForm, KnownHosts, ObjectKey, RepoId, Unsigned,
    Verifier, sign,
};
use trigger_dispatch::{
    AnswerSource, CloudEventSender, CloudEvents, Dispatcher, DispatcherParts, KeyError, LaunchError,
    Launched, Launcher, ListenerParts, Metrics, NoCredentials, OwnerWarnings, Retry, Settings,
};
use trigger_journal::{AppendOutcome, History, Intake, Record, SqliteJournal, State, sqlite};
use trigger_providers::{GitHub, Provider, Sample, SampleKind};
use trigger_rules::interceptors::{Address, Answer, Ask};
use trigger_rules::listeners::CloudEvent;
use trigger_rules::{Inventory, OwnerRules};
use trigger_runtime::{AccessError, Backoff, ListenerRights, SecretData, SecretError, Secrets};
use trigger_targets::{FollowUp, Plan, Subject};

const KEY: &[u8] = b"key";

/// For dispatchers without deliveries to listeners.
struct NoListeners;

impl AnswerSource for NoListeners {
    fn answer<'a>(&'a self, _: &'a Ask, _: &'a str) -> BoxFuture<'a, Answer> {
        unreachable!("no listener asks")
    }
}

impl ListenerRights for NoListeners {
    fn may_select<'a>(&'a self, _: &'a ObjectKey, _: &'a str) -> BoxFuture<'a, Result<bool, AccessError>> {
        unreachable!("no listener selects")
    }
}

impl CloudEventSender for NoListeners {
    fn send<'a>(&'a self, _: &'a CloudEvent, _: &'a Address) -> BoxFuture<'a, Result<(), String>> {
        unreachable!("no listener announces")
    }
}

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
            listeners: ListenerParts {
                inventory: Arc::default(),
                answers: Arc::new(NoListeners),
                rights: Arc::new(NoListeners),
                cloud_events: CloudEvents::new(Arc::new(NoListeners), Metrics::default(), Handle::current()),
            },
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
    let kind = SampleKind::Push {
        full_ref: "refs/heads/main".to_owned(),
        commit: commit.to_string().repeat(40),
        files: Vec::new(),
    };
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
