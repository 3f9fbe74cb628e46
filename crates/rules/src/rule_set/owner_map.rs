use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use imbl::HashMap;
use trigger_core::ResourceRef;

use super::OwnerRules;

/// The rules of owners, by owner. A copy shares everything.
///
/// A pointer as key and no value: the nodes of the map have room for many more entries than they hold, so a large entry
/// would cost each owner a multiple of its size.
#[derive(Clone, Default)]
pub(crate) struct OwnerMap(HashMap<ByOwner, ()>);

#[derive(Clone)]
struct ByOwner(Arc<OwnerRules>);

impl OwnerMap {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, owner: &ResourceRef) -> Option<&Arc<OwnerRules>> {
        self.0.get_key_value(owner).map(|(ByOwner(rules), ())| rules)
    }

    /// In no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<OwnerRules>> {
        self.0.keys().map(|ByOwner(rules)| rules)
    }

    /// Puts the rules of an owner in the place of those it had.
    pub(crate) fn insert(&mut self, rules: &Arc<OwnerRules>) {
        // An insertion keeps the key that is there.
        self.0.remove(&rules.owner);
        self.0.insert(ByOwner(Arc::clone(rules)), ());
    }

    pub(crate) fn remove(&mut self, owner: &ResourceRef) -> Option<Arc<OwnerRules>> {
        self.0.remove_with_key(owner).map(|(ByOwner(rules), ())| rules)
    }

    /// Whether both are copies of one map. May be false for equal ones, but costs nothing.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl Borrow<ResourceRef> for ByOwner {
    fn borrow(&self) -> &ResourceRef {
        &self.0.owner
    }
}

impl PartialEq for ByOwner {
    fn eq(&self, other: &Self) -> bool {
        self.0.owner == other.0.owner
    }
}

impl Eq for ByOwner {}

impl Hash for ByOwner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.owner.hash(state);
    }
}
