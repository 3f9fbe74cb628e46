use std::sync::Arc;

use imbl::HashMap;
use trigger_api::triggers::Kind;
use trigger_core::ObjectKey;

use super::error::ListenerError;
use super::{Listener, ListenerGaps, ListenerObject};

/// An immutable snapshot of all listeners. A copy shares everything.
#[derive(Debug, Clone, Default)]
pub struct ListenerSet {
    pub(super) listeners: HashMap<ObjectKey, Arc<Listener>>,
    pub(super) errors: HashMap<ListenerObject, Arc<[ListenerError]>>,
    pub(super) gaps: Arc<ListenerGaps>,
}

impl ListenerSet {
    /// The listener called so.
    pub fn listener(&self, namespace: &str, name: &str) -> Option<&Arc<Listener>> {
        self.listeners.get(&ObjectKey::new(namespace, name))
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
