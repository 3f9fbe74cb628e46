use std::sync::Arc;

use imbl::HashMap;
use trigger_core::ObjectKey;

use super::error::ListenerError;
use super::{Listener, ListenerObject};

/// An immutable snapshot of all listeners. A copy shares everything.
#[derive(Debug, Clone, Default)]
pub struct ListenerSet {
    pub(super) listeners: HashMap<ObjectKey, Arc<Listener>>,
    pub(super) errors: HashMap<ListenerObject, Arc<[ListenerError]>>,
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

    /// How many listeners there are.
    pub fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }

    /// The errors of an object: an EventListener, a Trigger, or any that cannot be read.
    pub fn errors_of(&self, object: &ListenerObject) -> &[ListenerError] {
        self.errors.get(object).map_or(&[], |errors| errors)
    }
}
