//! The state behind the snapshots of listeners.

mod compiling;
mod hooks;
mod placing;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;
use trigger_api::triggers::Kind;
use trigger_core::ObjectKey;

use super::catalog::Catalog;
use super::error::{ListenerError, ObjectErrors, panicked};
use super::listener::{Listener, bounded};
use super::selection::Selection;
use super::trigger::ListenerTrigger;
use super::trigger_index::TriggerPlace;
use super::{ListenerGaps, ListenerObject, ListenerSet};
use crate::rule_error::RuleError;

/// The state behind the snapshots. A change costs what refers to the changed object, and no more.
#[derive(Default)]
pub(super) struct Writer {
    catalog: Catalog,
    listeners: BTreeMap<ObjectKey, State>,
    /// The Triggers, compiled; and those that a listener of another namespace sees with other interceptors.
    triggers: BTreeMap<(ObjectKey, Variant), Arc<ListenerTrigger>>,
    /// What refers to an object.
    users: HashMap<ListenerObject, BTreeSet<User>>,
    /// The objects that each of these refers to.
    uses: HashMap<User, Use>,
    /// The memory that the parameters of triggers take for the listeners of a namespace, beyond [`ALLOWANCE`] each.
    ///
    /// [`ALLOWANCE`]: crate::limits::ALLOWANCE
    excess: HashMap<Arc<str>, usize>,
    /// The listeners that hold a Trigger.
    holders: HashMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// The listeners that could select Triggers of a namespace.
    reach: HashMap<Arc<str>, BTreeSet<ObjectKey>>,
    /// The listeners that could select Triggers of any namespace.
    reach_all: BTreeSet<ObjectKey>,
    /// The Triggers of each namespace that take webhooks of providers without a listener.
    hooks: HashMap<Arc<str>, Listener>,
    /// The namespaces of which these are others than those in the snapshot.
    changed_hooks: BTreeSet<Arc<str>>,
    /// How many Triggers the listeners of a namespace hold.
    held: HashMap<Arc<str>, usize>,
    /// The namespaces whose listeners hold fewer Triggers than before.
    freed: BTreeSet<Arc<str>>,
    /// The errors of objects that cannot be read.
    unreadable: HashMap<ListenerObject, RuleError>,
    snapshot: ListenerSet,
    /// The listeners that are others than those in the snapshot.
    changed: BTreeSet<ObjectKey>,
    /// The objects whose errors may be others than those in the snapshot.
    touched: BTreeSet<ListenerObject>,
}

/// The namespace of the listeners for which a Trigger was compiled; `None` for those of its own namespace, and for all if
/// it has no namespaced interceptors.
type Variant = Option<Arc<str>>;

/// What refers to an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum User {
    Trigger(ObjectKey, Variant),
    Entry(ObjectKey, u32),
    Group(ObjectKey, u32),
}

/// The objects that something refers to, and the memory that it takes.
#[derive(Default)]
struct Use {
    references: Box<[ListenerObject]>,
    /// The namespace that pays, and the bytes beyond the allowance.
    excess: Option<(Arc<str>, usize)>,
}

/// A listener with what selects its triggers.
struct State {
    /// The Triggers that entries refer to.
    referred: BTreeSet<Arc<str>>,
    selection: Selection,
    groups: Vec<Selection>,
    listener: Listener,
}

impl Writer {
    pub(super) fn snapshot(&self) -> &ListenerSet {
        &self.snapshot
    }

    /// Whether nothing is remembered.
    #[cfg(test)]
    pub(super) fn is_spotless(&self) -> bool {
        let Self {
            catalog, listeners, triggers, users, uses, excess, holders, reach, reach_all, held, ..
        } = self;
        catalog.ids().next().is_none()
            && listeners.is_empty()
            && triggers.is_empty()
            && users.is_empty()
            && uses.is_empty()
            && excess.is_empty()
            && holders.is_empty()
            && reach.is_empty()
            && reach_all.is_empty()
            && held.is_empty()
            && self.hooks.is_empty()
            && self.snapshot.hook_triggers.is_empty()
            && self.unreadable.is_empty()
    }

    /// Takes an object as it is now.
    pub(super) fn apply(&mut self, id: &ListenerObject, object: Value) {
        // A panic while an object is decoded is an error of this object.
        let put = catch_unwind(AssertUnwindSafe(|| self.catalog.put(id, object)));
        match put.unwrap_or_else(|_| Err(panicked())) {
            Ok(()) => self.unreadable.remove(id),
            Err(error) => self.unreadable.insert(id.clone(), error),
        };
        self.update(id);
    }

    /// Takes an object that cannot be read.
    pub(super) fn refuse(&mut self, id: &ListenerObject, error: RuleError) {
        self.catalog.put_unreadable(id, error.clone());
        self.unreadable.insert(id.clone(), error);
        self.update(id);
    }

    /// Forgets an object.
    pub(super) fn delete(&mut self, id: &ListenerObject) {
        self.catalog.remove(id);
        self.unreadable.remove(id);
        self.update(id);
    }

    /// Forgets the objects of a kind that are not among those listed.
    pub(super) fn retain(&mut self, kind: Kind, namespace: Option<&str>, listed: &HashSet<ObjectKey>) {
        let known = self.catalog.ids().chain(self.unreadable.keys());
        let gone: BTreeSet<_> = known
            .filter(|id| id.kind == kind && namespace.is_none_or(|namespace| *namespace == *id.key.namespace))
            .filter(|id| !listed.contains(&id.key))
            .cloned()
            .collect();
        for id in &gone {
            self.delete(id);
        }
    }

    /// Notes which objects are not known, and compiles again what refers to objects of kinds for which that changes.
    pub(super) fn note_gaps(&mut self, gaps: ListenerGaps) {
        let gaps = Arc::new(gaps);
        let before = std::mem::replace(&mut self.snapshot.gaps, Arc::clone(&gaps));
        let changed = gaps.other_kinds(&before);
        self.catalog.note_gaps(gaps);
        let referred = self.users.keys().filter(|id| changed.contains(&id.kind));
        for id in referred.cloned().collect::<Vec<_>>() {
            self.update(&id);
        }
    }

    /// Brings the snapshot up to date, and returns the objects whose errors changed.
    pub(super) fn publish(&mut self) -> Vec<ObjectErrors> {
        self.refill();
        self.publish_hooks();
        for key in std::mem::take(&mut self.changed) {
            self.touched.insert(ListenerObject { kind: Kind::EventListener, key: key.clone() });
            match self.listeners.get(&key) {
                Some(state) => self.snapshot.listeners.insert(key, Arc::new(state.listener.clone())),
                None => self.snapshot.listeners.remove(&key),
            };
        }
        let mut changed = Vec::new();
        for object in std::mem::take(&mut self.touched) {
            let errors: Arc<[_]> = self.errors_of(&object).into();
            if self.snapshot.errors_of(&object) == &*errors {
                continue;
            }
            if errors.is_empty() {
                self.snapshot.errors.remove(&object);
            } else {
                self.snapshot.errors.insert(object.clone(), Arc::clone(&errors));
            }
            changed.push(ObjectErrors { object, errors });
        }
        changed
    }

    fn errors_of(&self, object: &ListenerObject) -> Vec<ListenerError> {
        if let Some(error) = self.unreadable.get(object) {
            return vec![ListenerError { object: object.clone(), path: String::new(), error: error.clone() }];
        }
        match object.kind {
            Kind::EventListener => {
                self.listeners.get(&object.key).map_or(Vec::new(), |state| state.listener.errors())
            }
            Kind::Trigger => {
                let mut errors: Vec<ListenerError> = Vec::new();
                for trigger in self.variants_in_use(&object.key) {
                    for error in trigger.errors() {
                        let path = String::new();
                        let error = ListenerError { object: object.clone(), path, error: error.clone() };
                        if !errors.contains(&error) {
                            errors.push(error);
                        }
                    }
                }
                bounded(errors)
            }
            _ => Vec::new(),
        }
    }

    /// Compiles what an object is, and what refers to it.
    fn update(&mut self, id: &ListenerObject) {
        self.touched.insert(id.clone());
        match id.kind {
            Kind::EventListener => self.update_listener(&id.key),
            Kind::Trigger => self.update_trigger(&id.key),
            _ => {
                let keeps_chain = !matches!(id.kind, Kind::ClusterInterceptor | Kind::Interceptor);
                for user in self.users.get(id).cloned().unwrap_or_default() {
                    self.update_user(&user, keeps_chain);
                }
            }
        }
    }

    fn update_user(&mut self, user: &User, keeps_chain: bool) {
        match user {
            User::Trigger(key, variant) => {
                let Some(trigger) = self.catalog.trigger(key).cloned() else { return };
                let id = (key.clone(), variant.clone());
                let earlier = self.triggers.get(&id).filter(|_| keeps_chain);
                let chain = earlier.map(|earlier| earlier.chain.clone());
                let compiled = self.compile_trigger(key, &trigger, variant.as_ref(), chain);
                self.triggers.insert(id, compiled);
                self.place_hook(key);
                self.touched.insert(ListenerObject { kind: Kind::Trigger, key: key.clone() });
                for listener in self.holders.get(key).cloned().unwrap_or_default() {
                    self.place(&listener, key);
                }
            }
            User::Entry(listener, index) => {
                let Some(state) = self.listeners.get(listener) else { return };
                let place = TriggerPlace::Entry(*index);
                let earlier = state.listener.triggers.get(&place).filter(|_| keeps_chain);
                let chain = earlier.map(|earlier| earlier.chain.clone());
                let object = Arc::clone(&state.listener.object);
                let compiled = self.compile_entry(listener, &object, *index, chain);
                if let (Some(compiled), Some(state)) = (compiled, self.listeners.get_mut(listener)) {
                    Arc::make_mut(&mut state.listener.triggers).insert(&place, compiled);
                    self.changed.insert(listener.clone());
                }
            }
            User::Group(listener, index) => {
                let Some(state) = self.listeners.get(listener) else { return };
                let object = Arc::clone(&state.listener.object);
                let chain = self.compile_group(listener, &object, *index);
                let Some(state) = self.listeners.get_mut(listener) else { return };
                if let Some(group) = state.listener.groups.get_mut(*index as usize) {
                    Arc::make_mut(group).chain = chain;
                    self.changed.insert(listener.clone());
                }
            }
        }
    }
}
