use std::any::Any;
use std::sync::Arc;

use trigger_core::{ImageRef, ResourceRef};

use super::{ImageRules, key};
use crate::rule_set::{KindIndex, OwnerMap, OwnerRules, RuleSet};

/// The owners with rules of this kind.
#[derive(Clone, Default)]
pub(super) struct ImageIndex {
    owners: OwnerMap,
}

impl KindIndex for ImageIndex {
    fn insert(&mut self, rules: &Arc<OwnerRules>) {
        if of(rules).is_some() {
            self.owners.insert(rules);
        }
    }

    fn remove(&mut self, owner: &ResourceRef) {
        self.owners.remove(owner);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn copy(&self) -> Box<dyn KindIndex> {
        Box::new(self.clone())
    }
}

/// The image rules of an owner as a whole, if it has any.
pub fn of(owner: &OwnerRules) -> Option<&ImageRules> {
    owner.summary()
}

/// Every owner with rules of type `Image`, in no particular order.
pub fn waiting(rules: &RuleSet) -> impl Iterator<Item = &Arc<OwnerRules>> {
    index(rules).into_iter().flat_map(|index| index.owners.iter())
}

/// Whether both have the same rules of type `Image`. May be false for equal ones, but costs nothing.
pub fn wait_for_the_same(one: &RuleSet, other: &RuleSet) -> bool {
    index(one).zip(index(other)).is_some_and(|(one, other)| one.owners.ptr_eq(&other.owners))
}

fn index(rules: &RuleSet) -> Option<&ImageIndex> {
    rules.index_of()
}

/// Whether an owner in a namespace waits for an image.
pub fn is_waited_for(rules: &RuleSet, namespace: &str, image: &ImageRef) -> bool {
    rules.at(&key(image)).any(|owner| {
        let waits = of(owner).is_some_and(|images| images.waits_for(image));
        waits && owner.owner.namespace().as_ref() == namespace
    })
}
