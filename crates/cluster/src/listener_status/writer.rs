use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::{DynamicObject, Patch};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};
use trigger_api::triggers::{GROUP, Kind, VERSION};
use trigger_core::ObjectKey;
use trigger_rules::listeners::{ListenerInventory, ListenerObject, ListenerSet};
use trigger_runtime::{Backoff, restart_on_panic};
use trigger_targets::Subject;

use super::contest::{Contest, MOST_OVERWRITTEN, other_manager};
use super::turns::{Known, Outcome, Turns, Written};
use crate::api_server_error::{ApiServerError, is_absent, is_status};
use crate::client::Connection;
use crate::event_recorder::{EventRecorder, ObjectEvent};
use crate::feeds::Scope;
use crate::missing_right::MissingRight;
use crate::names;
use crate::patch::patch_status_unread;
use crate::read::get_opt;
use crate::sentence::{Remedies, sentence, words};

/// How many listeners are looked at in a second, each with a read and mostly a write. A status is for people, and the API
/// server has more urgent work.
pub(crate) const PER_SECOND: u32 = 5;
/// How often the inventory is looked at for changes.
const LOOK: Duration = Duration::from_secs(1);
/// How many listeners are compared before other tasks have their turn.
const COMPARED_AT_ONCE: usize = 64;
/// How long reading and writing one status may take.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// The pauses after failures in a row.
const PAUSE: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(10) };
/// The pauses while the right is missing.
const WITHOUT_RIGHT: Backoff = Backoff { first: Duration::from_secs(30), longest: Duration::from_mins(5) };
/// So many failures in a row are told about: a single one is routine.
const TOLD_AFTER: u32 = 3;

/// The remedies for an operator whose program may not write the status of EventListeners.
const TO_WRITE: Remedies<'_> = Remedies {
    forbidden: "add the component `own-listeners` of the manifests, or use `--listeners serve`",
    absent: "the API server does not serve EventListeners in the version v1beta1: install or update Tekton Triggers",
};

/// Writes the status of the EventListeners in an inventory. A leader task.
#[derive(Clone)]
pub struct ListenerStatusWriter {
    /// The connection.
    pub connection: Connection,
    /// The watched namespaces: a right that is missing is missing in all of them if all are watched.
    pub scope: Scope,
    /// The listeners.
    pub inventory: Arc<ListenerInventory>,
    /// Where senders reach the program, without a slash at its end.
    pub public_url: Option<String>,
    /// Tells people about a listener that is left to another controller.
    pub recorder: EventRecorder,
}

/// The loop.
pub(super) struct Loop {
    client: Client,
    scope: Scope,
    inventory: Arc<ListenerInventory>,
    public_url: Option<String>,
    recorder: EventRecorder,
    turns: Turns,
    /// The snapshot that was looked at last.
    last: Option<Arc<ListenerSet>>,
    /// Failures since the last success.
    failures: u32,
    resumes: Instant,
    /// The parts of the scope where the right is missing.
    forbidden: HashMap<Arc<str>, Forbidden>,
}

/// A part of the scope where the right is missing.
struct Forbidden {
    failures: u32,
    until: Instant,
}

impl ListenerStatusWriter {
    /// Writes until `shutdown`. It may be started again: it looks at every listener then.
    pub fn start(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let (writer, shutdown) = (self.clone(), shutdown.clone());
        tasks.spawn(async move {
            let writing = restart_on_panic("status of listeners", || Loop::new(&writer).run());
            tokio::select! { () = writing => {}, () = shutdown.cancelled() => {} }
        });
    }
}

impl Loop {
    fn new(writer: &ListenerStatusWriter) -> Self {
        let ListenerStatusWriter { connection, scope, inventory, public_url, recorder } = writer;
        Self::with(connection.client.clone(), scope, inventory, public_url.as_deref(), recorder)
    }

    pub(super) fn with(
        client: Client,
        scope: &Scope,
        inventory: &Arc<ListenerInventory>,
        public_url: Option<&str>,
        recorder: &EventRecorder,
    ) -> Self {
        Self {
            client,
            scope: scope.clone(),
            inventory: Arc::clone(inventory),
            public_url: public_url.map(ToOwned::to_owned),
            recorder: recorder.clone(),
            turns: Turns::default(),
            last: None,
            failures: 0,
            resumes: Instant::now(),
            forbidden: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut turn = interval(Duration::from_secs(1) / PER_SECOND);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks_at = Instant::now();
        loop {
            let now = turn.tick().await;
            if now >= looks_at {
                self.look(now).await;
                looks_at = now + LOOK;
            }
            if now < self.resumes {
                continue;
            }
            let (forbidden, scope) = (&self.forbidden, &self.scope);
            let is_paused = |namespace: &str| {
                forbidden.get(part_of(scope, namespace)).is_some_and(|part| now < part.until)
            };
            if let Some(key) = self.turns.next(now, is_paused) {
                let outcome = timeout(WRITE_WITHIN, self.write(&key)).await;
                let outcome = outcome.unwrap_or_else(|_| self.failed("the API server does not answer"));
                self.turns.took(&key, outcome, Instant::now());
            }
        }
    }

    /// Notes which listeners have changed since the last look.
    async fn look(&mut self, now: Instant) {
        let Some(set) = self.inventory.current() else { return };
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &set)) {
            return;
        }
        let served =
            set.listeners().map(|listener| (&listener.settings.key, Known::Served(Arc::clone(listener))));
        let not_served = set.not_served().map(|(key, errors)| (key, Known::NotServed(Arc::clone(errors))));
        let mut all = HashSet::new();
        for (key, known) in served.chain(not_served) {
            // Of a namespace that could not be listed, what is missing is not known.
            if set.unseen(&key.namespace).is_none() {
                self.turns.observe(key, &known, self.public_url.as_deref(), now);
            }
            all.insert(key.clone());
            if all.len().is_multiple_of(COMPARED_AT_ONCE) {
                yield_now().await;
            }
        }
        self.turns.retain(&all);
        self.last = Some(set);
    }

    /// Brings the status of a listener up to date.
    async fn write(&mut self, key: &ObjectKey) -> Outcome {
        let Some(entry) = self.turns.entry(key) else { return Outcome::Done };
        let known = entry.known.clone();
        if !names::is_possible(key) {
            return Outcome::Done;
        }
        let listeners: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &key.namespace, &event_listeners());
        let object = match get_opt(&listeners, &key.name).await {
            Ok(Some(object)) => object,
            Ok(None) => return Outcome::Done,
            Err(error) => return self.take_error(key, &error),
        };
        // A status is written on the object that it is about. The watch shows the new object soon.
        let generation = match &known {
            Known::Served(listener) if object.metadata.uid.as_deref() != Some(&*listener.settings.uid) => {
                return Outcome::Retry;
            }
            Known::Served(listener) => listener.generation(),
            Known::NotServed(_) => object.metadata.generation,
        };
        if object.metadata.generation != generation {
            return Outcome::Retry;
        }
        let status = known.status(key, self.public_url.as_deref());
        let written = Written { uid: object.metadata.uid.clone(), status, generation, stored: None };
        let before = object.data.get("status");
        let Some(patch) = written.status.patch(before, generation, Timestamp::now()) else {
            self.answered();
            return self.note(key, written);
        };
        if let Some(outcome) = self.take_contest(key, &object, &written) {
            return outcome;
        }
        match self.patch(&listeners, &object, patch).await {
            Ok(object) => {
                let says = written.status.summary();
                debug!(listener = %key, says, "the status of a listener was written");
                self.allowed(key);
                self.answered();
                let after = object.data.get("status");
                let is_other = written.status.patch(after, generation, Timestamp::UNIX_EPOCH).is_some();
                let stored = is_other.then(|| digest(after));
                self.note(key, Written { stored, ..written })
            }
            // It has changed since it was read.
            Err(error) if is_status(&error, 409) => Outcome::Retry,
            Err(error) if is_absent(&error) => Outcome::Done,
            Err(error) => self.take_error(key, &error),
        }
    }

    async fn patch(
        &self,
        listeners: &Api<DynamicObject>,
        object: &DynamicObject,
        mut patch: Value,
    ) -> Result<DynamicObject, kube::Error> {
        let (uid, version) = (&object.metadata.uid, &object.metadata.resource_version);
        patch["metadata"] = json!({"uid": uid, "resourceVersion": version});
        let name = object.metadata.name.as_deref().unwrap_or_default();
        Ok(patch_status_unread(listeners, name, &Patch::Merge(patch)).await?.read()?)
    }

    /// Looks whether another controller has replaced the status that we wrote; if it does so again and again, the listener is
    /// left to it.
    fn take_contest(&mut self, key: &ObjectKey, object: &DynamicObject, new: &Written) -> Option<Outcome> {
        let entry = self.turns.entry(key)?;
        let written = entry.written.as_ref()?;
        if written.uid != new.uid {
            entry.contest = Contest::default();
            return None;
        }
        if written.status != new.status || written.generation != new.generation {
            return None;
        }
        // The API server left out a part of the status, and would do so again.
        if written.stored.is_some_and(|stored| stored == digest(object.data.get("status"))) {
            return Some(Outcome::Done);
        }
        if !entry.contest.overwritten(Instant::now()) {
            return None;
        }
        let other = other_manager(&object.metadata);
        let other =
            other.map_or_else(|| "another client".to_owned(), |manager| format!("the manager {manager:?}"));
        let note = format!(
            "{other} has replaced the status {MOST_OVERWRITTEN} times and is left to write it: stop the controller of Tekton \
             Triggers, or run this program with `--listeners serve`"
        );
        warn!(listener = %key, note, "the status of a listener is contested");
        let resource = ListenerObject { kind: Kind::EventListener, key: key.clone() }.resource();
        self.recorder.report(ObjectEvent {
            about: Subject { resource, version: VERSION.into(), uid: new.uid.clone().unwrap_or_default() },
            related: None,
            warning: true,
            reason: "StatusContested".into(),
            action: "WriteStatus",
            note,
        });
        Some(Outcome::LeftAlone)
    }

    /// Remembers what was written, or was there already.
    fn note(&mut self, key: &ObjectKey, written: Written) -> Outcome {
        if let Some(entry) = self.turns.entry(key) {
            entry.written = Some(written);
        }
        Outcome::Done
    }

    /// The API server has answered as it should.
    fn answered(&mut self) {
        if std::mem::take(&mut self.failures) >= TOLD_AFTER {
            info!("the API server works again: the status of listeners is written");
        }
    }

    /// The program may write the status of a listener.
    fn allowed(&mut self, key: &ObjectKey) {
        if self.forbidden.remove(part_of(&self.scope, &key.namespace)).is_some() {
            info!(namespace = %key.namespace, "the right is there now: the status of listeners is written");
        }
    }

    fn take_error(&mut self, key: &ObjectKey, error: &kube::Error) -> Outcome {
        let answer = ApiServerError::of(error);
        if is_status(error, 403) && MissingRight::of(&answer.message).is_some() {
            return self.is_forbidden(key, error);
        }
        if answer.is_permanent() {
            let reason = answer.message;
            warn!(listener = %key, reason, "the API server refuses the status of the listener, until the listener changes");
            return Outcome::Done;
        }
        // A 404 is about the kind: an object that does not exist is no error.
        let reason = if is_status(error, 404) { TO_WRITE.absent.to_owned() } else { words(error) };
        self.failed(&reason)
    }

    /// The right is missing, in the part of the scope that the listener is in.
    fn is_forbidden(&mut self, key: &ObjectKey, error: &kube::Error) -> Outcome {
        let now = Instant::now();
        let part = part_of(&self.scope, &key.namespace);
        if !self.forbidden.contains_key(part) {
            let reason = sentence(error, TO_WRITE);
            error!(reason, "the status of listeners cannot be written; they are served all the same");
        }
        let part = self.forbidden.entry(part.into()).or_insert(Forbidden { failures: 0, until: now });
        part.failures = part.failures.saturating_add(1);
        part.until = now + WITHOUT_RIGHT.pause(part.failures);
        Outcome::Retry
    }

    /// The API server is away or busy.
    fn failed(&mut self, reason: &str) -> Outcome {
        self.failures = self.failures.saturating_add(1);
        self.resumes = Instant::now() + PAUSE.pause(self.failures);
        if self.failures == TOLD_AFTER {
            warn!(reason, "the status of listeners cannot be written now; trying again");
        }
        Outcome::Retry
    }
}

/// The part of the scope that a namespace is in, by its name; empty if all namespaces are one part.
fn part_of<'a>(scope: &Scope, namespace: &'a str) -> &'a str {
    match scope {
        Scope::Cluster => "",
        Scope::Namespaces(_) => namespace,
    }
}

/// The resource of EventListeners.
fn event_listeners() -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: format!("{GROUP}/{VERSION}"),
        kind: Kind::EventListener.name().to_owned(),
        plural: Kind::EventListener.plural().to_owned(),
    }
}

/// Tells one status from another.
fn digest(status: Option<&Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    status.map(Value::to_string).hash(&mut hasher);
    hasher.finish()
}
