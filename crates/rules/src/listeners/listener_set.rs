use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{HashMap, OrdSet};
use trigger_api::triggers::Kind;
use trigger_core::{ObjectKey, RepoId};

use super::error::ListenerError;
use super::{Listener, ListenerGaps, ListenerObject};

/// The name of the listener that stands for the Triggers of a namespace which take webhooks of Git providers where these
/// send them. No object can have it, and a label can.
pub const PROVIDER_HOOKS: &str = "provider_hooks";

/// An immutable snapshot of all listeners. A copy shares everything.
#[derive(Debug, Clone, Default)]
pub struct ListenerSet {
    pub(super) listeners: HashMap<ObjectKey, Arc<Listener>>,
    pub(super) errors: HashMap<ListenerObject, Arc<[ListenerError]>>,
    pub(super) gaps: Arc<ListenerGaps>,
    /// By namespace, the Triggers that take webhooks of providers without a listener.
    pub(super) hooks: HashMap<Arc<str>, Arc<Listener>>,
    /// The same, by repository.
    pub(super) hook_triggers: HashMap<Box<str>, OrdSet<ObjectKey>>,
}

/// A repository in an index. Ports do not count: the interceptor compares them.
pub(super) fn repository_key(repository: &RepoId) -> Box<str> {
    format!("{}/{}", repository.host(), repository.path()).into()
}

impl ListenerSet {
    /// The listener called so. [`PROVIDER_HOOKS`] stands for the Triggers that have none.
    pub fn listener(&self, namespace: &str, name: &str) -> Option<&Arc<Listener>> {
        if name == PROVIDER_HOOKS {
            return self.hooks.get(namespace);
        }
        self.listeners.get(&ObjectKey::new(namespace, name))
    }

    /// The Triggers that take the webhooks of a repository without a listener, as one listener for each of their namespaces.
    /// A repository may have several names.
    pub fn of_repository(&self, names: &[RepoId]) -> Vec<&Arc<Listener>> {
        let triggers = names.iter().filter_map(|name| self.hook_triggers.get(&repository_key(name)));
        let namespaces: BTreeSet<_> = triggers.flatten().map(|trigger| &trigger.namespace).collect();
        namespaces.into_iter().filter_map(|namespace| self.hooks.get(namespace)).collect()
    }

    /// Every listener, in no particular order.
    pub fn listeners(&self) -> impl Iterator<Item = &Arc<Listener>> {
        self.listeners.values()
    }

    /// The EventListeners that are not served because of errors in the object, with these errors.
    pub fn not_served(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<[ListenerError]>)> {
        let broken = self.errors.iter().filter(|(object, _)| object.kind == Kind::EventListener);
        let broken = broken.map(|(object, errors)| (&object.key, errors));
        broken.filter(move |(key, _)| !self.listeners.contains_key(*key))
    }

    /// How many listeners there are.
    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Why objects of the namespace are not known, in a sentence; `None` if all are. While they are not, its listeners may
    /// lack triggers or be absent, and what is said about their errors may be wrong.
    pub fn unseen(&self, namespace: &str) -> Option<&Arc<str>> {
        self.gaps.unseen(namespace)
    }

    /// Which objects are not known.
    pub fn gaps(&self) -> &ListenerGaps {
        &self.gaps
    }

    /// The errors of an object: an EventListener, a Trigger, or any that cannot be read.
    pub fn errors_of(&self, object: &ListenerObject) -> &[ListenerError] {
        self.errors.get(object).map_or(&[], |errors| errors)
    }
}
