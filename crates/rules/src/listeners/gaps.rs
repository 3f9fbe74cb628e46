use std::collections::BTreeMap;
use std::sync::Arc;

use trigger_api::triggers::Kind;

/// Which objects are not known, and why. Only where all are known does "no listener" mean that there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenerGaps {
    /// Why no namespace is known, in a sentence; `None` if some are.
    pub everywhere: Option<Arc<str>>,
    /// The namespaces of which a kind has not been listed yet, each with the reason in a sentence.
    pub unseen: BTreeMap<Arc<str>, Arc<str>>,
    /// The cluster-scoped kinds that have not been listed yet, each with the reason in a sentence.
    pub kinds: BTreeMap<Kind, Arc<str>>,
    /// Whether a watch fails, so that an object that was added since is not known.
    pub is_stale: bool,
}

impl ListenerGaps {
    /// Why objects of the namespace are not known, in a sentence; `None` if all are.
    pub fn unseen(&self, namespace: &str) -> Option<&Arc<str>> {
        self.everywhere.as_ref().or_else(|| self.unseen.get(namespace))
    }

    /// Whether every object is known as it is now, as far as a watch can show.
    pub fn is_complete(&self) -> bool {
        self.everywhere.is_none() && self.unseen.is_empty() && self.kinds.is_empty() && !self.is_stale
    }

    /// The cluster-scoped kinds about which this says something else than `other`.
    pub(super) fn other_kinds(&self, other: &Self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| self.kinds.get(kind) != other.kinds.get(kind)).collect()
    }
}
