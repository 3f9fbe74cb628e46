use std::any::Any;
use std::sync::Arc;

use imbl::HashMap;
use trigger_core::{ImageRef, ResourceRef};

use super::{ImageRules, key};
use crate::rule_set::{KindIndex, OwnerRules, RuleSet};

/// The owners with rules of this kind.
#[derive(Clone, Default)]
pub(super) struct ImageIndex {
    owners: HashMap<ResourceRef, Arc<OwnerRules>>,
}

impl KindIndex for ImageIndex {
    fn insert(&mut self, rules: &Arc<OwnerRules>) {
        if of(rules).is_some() {
            self.owners.insert(rules.owner.clone(), Arc::clone(rules));
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
    rules.index_of::<ImageIndex>().into_iter().flat_map(|index| index.owners.values())
}

/// Whether both have the same rules of type `Image`. May be false for equal ones, but costs nothing.
pub fn wait_for_the_same(one: &RuleSet, other: &RuleSet) -> bool {
    let index = |rules: &'_ RuleSet| rules.index_of::<ImageIndex>().map(|index| index.owners.clone());
    match (index(one), index(other)) {
        (Some(one), Some(other)) => one.ptr_eq(&other),
        _ => false,
    }
}

/// Whether an owner in a namespace waits for an image.
pub fn is_waited_for(rules: &RuleSet, namespace: &str, image: &ImageRef) -> bool {
    rules.at(&key(image)).any(|owner| {
        let waits = of(owner).is_some_and(|images| images.names.contains(image));
        waits && owner.owner.namespace().as_ref() == namespace
    })
}
