use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use trigger_api::triggers::Kind;
use trigger_core::ObjectKey;
use trigger_rules::listeners::{ListenerInventory, ListenerObject, ListenerSet, ObjectErrors};
use trigger_runtime::Leadership;
use trigger_targets::Subject;

use crate::event_recorder::EventRecorder;
use crate::feeds::rule_reports::RuleReports;

/// How long errors have to last until they are reported. Objects that are created together arrive by several watches: a
/// Trigger lacks its template for a moment.
const LASTING: Duration = Duration::from_secs(2);
/// How often errors are looked at.
const REVIEW: Duration = Duration::from_secs(1);

/// The objects whose errors have changed, and the identity of all. The watches note here what the reporter looks at.
#[derive(Default)]
pub(super) struct ListenerErrors(Mutex<State>);

#[derive(Default)]
struct State {
    identities: HashMap<ListenerObject, Identity>,
    /// When the errors of these last changed.
    changed: HashMap<ListenerObject, Instant>,
}

/// The fields of an Event beside the name of its object.
struct Identity {
    version: &'static str,
    uid: Box<str>,
}

impl ListenerErrors {
    /// Takes an object that was added or changed, in this version, and the errors that changed with it.
    pub(super) fn apply(
        &self,
        object: ListenerObject,
        version: &str,
        uid: String,
        changed: Vec<ObjectErrors>,
    ) {
        let version = object.kind.versions().iter().find(|known| **known == version).copied();
        let identity = Identity { version: version.unwrap_or_default(), uid: uid.into() };
        let mut state = self.state();
        state.identities.insert(object, identity);
        state.change(changed);
    }

    /// Forgets an object, and takes the errors that changed with that.
    pub(super) fn forget(&self, object: &ListenerObject, changed: Vec<ObjectErrors>) {
        let mut state = self.state();
        state.identities.remove(object);
        state.change(changed);
    }

    /// Forgets the objects of a kind that are not among those listed, and takes the errors that changed with that.
    pub(super) fn retain(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        listed: &HashSet<ObjectKey>,
        changed: Vec<ObjectErrors>,
    ) {
        let mut state = self.state();
        state.identities.retain(|object, _| {
            object.kind != kind
                || namespace.is_some_and(|namespace| *namespace != *object.key.namespace)
                || listed.contains(&object.key)
        });
        state.change(changed);
    }

    /// Takes errors that changed.
    pub(super) fn change(&self, changed: Vec<ObjectErrors>) {
        self.state().change(changed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, changed: Vec<ObjectErrors>) {
        let now = Instant::now();
        self.changed.extend(changed.into_iter().map(|changed| (changed.object, now)));
    }

    /// The objects whose errors have not changed for a while, once after each change.
    fn take_lasting(&mut self, now: Instant) -> Vec<ListenerObject> {
        let lasting = self.changed.extract_if(|_, changed| *changed + LASTING <= now);
        lasting.map(|(object, _)| object).collect()
    }
}

/// Writes Events about objects with errors that last.
pub(super) struct ErrorReporter {
    errors: Arc<ListenerErrors>,
    inventory: Arc<ListenerInventory>,
    reports: RuleReports,
    /// The objects of namespaces that are not known. A template that seems to be missing there may only not be seen.
    unseen: HashMap<Arc<str>, HashSet<ListenerObject>>,
}

impl ErrorReporter {
    pub(super) fn new(
        errors: Arc<ListenerErrors>,
        inventory: Arc<ListenerInventory>,
        recorder: &EventRecorder,
        leadership: &Leadership,
    ) -> Self {
        let reports = RuleReports::new(recorder.clone(), leadership.clone());
        Self { errors, inventory, reports, unseen: HashMap::new() }
    }

    pub(super) async fn run(mut self) {
        let mut review = interval(REVIEW);
        review.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            review.tick().await;
            // Until all has been listed, what is missing may only not be listed.
            if let Some(listeners) = self.inventory.current() {
                self.review(&listeners);
            }
        }
    }

    fn review(&mut self, listeners: &ListenerSet) {
        let mut lasting = self.errors.state().take_lasting(Instant::now());
        let seen = self.unseen.extract_if(|namespace, _| listeners.unseen(namespace).is_none());
        lasting.extend(seen.flat_map(|(_, objects)| objects));
        for object in lasting {
            let namespace = &object.key.namespace;
            if listeners.unseen(namespace).is_some() {
                self.unseen.entry(Arc::clone(namespace)).or_default().insert(object);
                continue;
            }
            let resource = object.resource();
            let state = self.errors.state();
            let Some(Identity { version, uid }) = state.identities.get(&object) else {
                self.reports.forget(&resource);
                continue;
            };
            let about = Subject { resource, version: (*version).into(), uid: uid.to_string() };
            drop(state);
            let errors = listeners.errors_of(&object);
            self.reports.set(about, errors.iter().map(|error| (&error.error, error)));
        }
        self.reports.report();
    }
}
