use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_api::shipwright::Build;
use trigger_core::ObjectKey;
use trigger_rules::{Applied, Inventory};
use trigger_runtime::{CriticalTasks, Leadership};
use trigger_targets::Subject;
use trigger_targets::build_run::BUILD;

use super::Scope;
use super::coverage::FeedCoverage;
use crate::client::{ClientError, Connection};
use crate::event_recorder::{EventRecorder, LONGEST_NOTE, ObjectEvent};
use crate::metrics::Watched;
use crate::sentence::{Remedies, of_watch, sentence};
use crate::watch::{Failure, WatchHealth, events, is_progress};

/// A running watch on Builds.
#[derive(Clone)]
pub struct BuildWatch {
    coverage: Arc<FeedCoverage>,
}

/// The size of a page of a list, as kubectl has it.
const PAGE: u32 = 500;

/// What a person does who may not list Builds.
const TO_LIST: Remedies<'_> = Remedies {
    forbidden: "ask for the right to list Builds, or name namespaces with `-n`",
    absent: "the API server does not serve Builds: install Shipwright Build, or select another cluster with KUBECONFIG",
};

/// What an operator does whose program may not watch Builds.
const TO_WATCH: Remedies<'_> = Remedies {
    forbidden: "bind the ClusterRole `shipwright-trigger`, for all namespaces or for each `--namespace`",
    absent: "the CustomResourceDefinition builds.shipwright.io is not installed: install Shipwright Build",
};

/// The Builds of `scope` as they are now.
pub async fn list_builds(connection: &Connection, scope: &Scope) -> Result<Vec<Build>, ClientError> {
    let mut builds = Vec::new();
    for namespace in scope.parts() {
        let api: Api<Build> = match &namespace {
            None => Api::all(connection.client.clone()),
            Some(namespace) => Api::namespaced(connection.client.clone(), namespace),
        };
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list =
                api.list(&page).await.map_err(|error| ClientError::Builds(sentence(&error, TO_LIST)))?;
            builds.extend(list.items);
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(builds)
}

impl BuildWatch {
    /// True once there are rules to decide by: every Build has been seen, but for those of namespaces that cannot be
    /// watched.
    pub fn synced(&self) -> watch::Receiver<bool> {
        self.coverage.synced()
    }

    /// Returns once every Build of a watched namespace has been seen, or of all of them. Never if it is not watched.
    pub async fn seen_in(&self, namespace: Option<&str>) {
        let seen = async {
            let mut seen = self.coverage.seen(namespace)?;
            seen.wait_for(|seen| *seen).await.ok().map(|_| ())
        };
        if seen.await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Why it is not synced, in a sentence.
    pub fn waiting_for(&self) -> String {
        self.coverage.waiting_for()
    }

    /// The namespaces of which not every Build is known, each in a sentence.
    pub fn details(&self) -> Vec<String> {
        self.coverage.details()
    }
}

/// Keeps `inventory` equal to the Builds of `scope` until `shutdown`. Broken rules are reported on their
/// Build, by the replica that leads. An API server that goes away, or a CRD that is not there yet, is waited for.
pub fn watch_builds(
    connection: &Connection,
    scope: &Scope,
    inventory: &Arc<Inventory>,
    recorder: &EventRecorder,
    leadership: &Leadership,
    tasks: &CriticalTasks,
    shutdown: &CancellationToken,
) -> BuildWatch {
    let namespaces = scope.parts();
    let coverage = Arc::new(FeedCoverage::new(&namespaces, inventory, &connection.metrics));
    for (part, namespace) in namespaces.into_iter().enumerate() {
        let watch = connection.metrics.watch(Watched::Builds);
        let feed = Feed {
            watch_health: WatchHealth::new("Builds", namespace.clone(), "nothing is accepted", watch)
                .required(),
            namespace,
            inventory: Arc::clone(inventory),
            recorder: recorder.clone(),
            leadership: leadership.clone(),
            part,
            coverage: Arc::clone(&coverage),
            listed: HashSet::new(),
            broken: HashMap::new(),
        };
        let (connection, shutdown) = (connection.clone(), shutdown.clone());
        tasks.spawn("watch on Builds", async move {
            tokio::select! { () = feed.run(connection) => {}, () = shutdown.cancelled() => {} }
        });
    }
    let (reviewed, shutdown) = (Arc::clone(&coverage), shutdown.clone());
    tasks.spawn("coverage of Builds", async move {
        tokio::select! { () = reviewed.run() => {}, () = shutdown.cancelled() => {} }
    });
    BuildWatch { coverage }
}

/// The watch on one namespace, or on all.
struct Feed {
    namespace: Option<String>,
    inventory: Arc<Inventory>,
    recorder: EventRecorder,
    leadership: Leadership,
    /// Its place in the scope.
    part: usize,
    coverage: Arc<FeedCoverage>,
    /// The Builds in the list that is being received.
    listed: HashSet<ObjectKey>,
    /// The Builds with broken or doubtful rules.
    broken: HashMap<ObjectKey, Broken>,
    watch_health: WatchHealth,
}

/// A Build with broken or doubtful rules.
struct Broken {
    uid: String,
    applied: Applied,
    /// Whether an Event was written. Only the leader does: once, and later if no replica led.
    reported: bool,
}

impl Broken {
    fn report(&self, key: &ObjectKey, recorder: &EventRecorder) {
        for (reason, Note { text: note, is_hint }) in notes(&self.applied) {
            let message = if is_hint { "a rule may not do what it seems to say" } else { "a rule is broken" };
            warn!(build = %key, reason, note, "{message}");
            let resource = BUILD.named(key.clone());
            recorder.report(ObjectEvent {
                about: Subject { resource, version: BUILD.version.into(), uid: self.uid.clone() },
                related: None,
                warning: true,
                reason: reason.into(),
                action: "Compile",
                note,
            });
        }
    }
}

impl Feed {
    async fn run(mut self, connection: Connection) {
        let events = events::<Build>(connection.client, self.namespace.as_deref());
        pin_mut!(events);
        let (mut leadership, mut leads) = (self.leadership.clone(), false);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        self.watch_health.received(&event);
                        if is_progress(&event) {
                            self.coverage.works(self.part);
                        }
                        self.take(event);
                    }
                    Some(Err(error)) => self.note(&error),
                    None => return,
                },
                () = leadership.changes_from(leads) => {
                    leads = !leads;
                    self.report();
                }
            }
        }
    }

    fn take(&mut self, event: watcher::Event<DeserializeGuard<Build>>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(build) => {
                self.listed.extend(key(&build));
                self.apply(build);
            }
            watcher::Event::Apply(build) => self.apply(build),
            watcher::Event::Delete(build) => self.forget(&build),
            watcher::Event::InitDone => self.complete(),
        }
    }

    fn apply(&mut self, build: DeserializeGuard<Build>) {
        let Some(key) = key(&build) else { return };
        let uid = build.uid().unwrap_or_default();
        match build.0 {
            Ok(build) => {
                let applied = self.inventory.apply(&build);
                self.note_errors(key, uid, applied);
            }
            Err(error) => {
                self.inventory.delete(&BUILD.named(key.clone()));
                warn!(build = %key, error = %error, "a Build cannot be read and is left out");
            }
        }
    }

    fn note_errors(&mut self, key: ObjectKey, uid: String, applied: Applied) {
        if applied.errors.is_empty() {
            self.broken.remove(&key);
        } else if self.broken.get(&key).is_none_or(|broken| broken.applied != applied) {
            let broken = Broken { uid, applied, reported: self.leadership.is_ours() };
            if broken.reported {
                broken.report(&key, &self.recorder);
            }
            self.broken.insert(key, broken);
        }
    }

    /// Reports broken rules that were not reported yet.
    fn report(&mut self) {
        if !self.leadership.is_ours() {
            return;
        }
        for (key, broken) in &mut self.broken {
            if !std::mem::replace(&mut broken.reported, true) {
                broken.report(key, &self.recorder);
            }
        }
    }

    fn forget(&mut self, build: &DeserializeGuard<Build>) {
        if let Some(key) = key(build) {
            self.inventory.delete(&BUILD.named(key.clone()));
            self.broken.remove(&key);
        }
    }

    fn complete(&mut self) {
        self.inventory.retain(BUILD.group, BUILD.kind, self.namespace.as_deref(), &self.listed);
        let listed = std::mem::take(&mut self.listed);
        self.broken.retain(|key, _| listed.contains(key));
        self.coverage.listed(self.part);
    }

    fn note(&mut self, error: &watcher::Error) {
        self.watch_health.failed(error);
        let failure = Failure::of(error);
        // It continues where it was, and a quiet watch has no event that would show that it works again.
        if failure == Failure::Interrupted {
            return;
        }
        let reason = of_watch(error, TO_WATCH);
        let reason = match failure {
            Failure::Absent => reason,
            _ => format!("Builds cannot be watched: {reason}"),
        };
        let reason = match &self.namespace {
            Some(namespace) => format!("{reason} (namespace {namespace})"),
            None => reason,
        };
        self.coverage.fails(self.part, failure == Failure::Forbidden, reason);
    }
}

fn key(build: &DeserializeGuard<Build>) -> Option<ObjectKey> {
    Some(ObjectKey::new(build.namespace()?, build.name_any()))
}

/// The text of an Event about one or several errors, or hints.
#[derive(Default)]
struct Note {
    text: String,
    is_hint: bool,
}

/// One note per reason: an Event's reason about one object should have one meaning.
fn notes(applied: &Applied) -> BTreeMap<&'static str, Note> {
    let mut notes = BTreeMap::<_, Note>::new();
    for error in &applied.errors {
        let Note { text: note, is_hint } = notes.entry(error.error.reason()).or_default();
        *is_hint = error.error.is_hint();
        // An Event carries no more, and a line of the log need not either.
        if note.len() >= LONGEST_NOTE {
            continue;
        }
        if !note.is_empty() {
            note.push_str("; ");
        }
        note.push_str(&error.to_string());
    }
    notes
}
