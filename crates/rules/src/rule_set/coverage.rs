use std::collections::BTreeSet;
use std::sync::Arc;

/// How far the owners of rules are known. Only where all are known does "no rule" mean that there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The namespaces whose owners have not been listed yet.
    pub unseen: BTreeSet<Arc<str>>,
    /// Whether a watch on owners fails, so that an owner that was added since is not known.
    pub is_stale: bool,
}

impl Coverage {
    /// Whether every owner is known as it is now, as far as a watch can show.
    pub fn is_complete(&self) -> bool {
        self.unseen.is_empty() && !self.is_stale
    }
}
