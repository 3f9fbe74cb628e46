use std::fmt;
use std::sync::Arc;

use trigger_api::triggers::{GROUP, Kind};
use trigger_core::{ObjectKey, ResourceRef};

/// An object that listeners are made of. The namespace of a cluster-scoped one is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerObject {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub key: ObjectKey,
}

impl ListenerObject {
    /// The object called so. The namespace does not count for cluster-scoped kinds.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        let namespace = if kind.is_namespaced() { namespace.into() } else { "".into() };
        Self { kind, key: ObjectKey::new(namespace, name) }
    }

    /// Its identity.
    pub fn resource(&self) -> ResourceRef {
        ResourceRef::new(GROUP, self.kind.name(), self.key.clone())
    }

    /// The words of the API server for an object that does not exist.
    pub(super) fn not_found(&self) -> String {
        format!("{}.{GROUP} \"{}\" not found", self.kind.plural(), self.key.name)
    }
}

impl fmt::Display for ListenerObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, key) = (self.kind.name(), &self.key);
        if self.kind.is_namespaced() { write!(f, "{kind} {key}") } else { write!(f, "{kind} {}", key.name) }
    }
}
