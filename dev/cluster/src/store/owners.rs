//! An index of owner references by uid, so that garbage collection does not scan.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::collection::{Key, Object};
use crate::resources::CollectionId;

/// Keys by uid of the object, and keys of dependents by uid of their owner.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    locations: HashMap<String, (CollectionId, Key)>,
    dependents: HashMap<String, BTreeSet<(CollectionId, Key)>>,
}

impl Owners {
    pub(crate) fn update(
        &mut self,
        id: &CollectionId,
        key: &Key,
        before: Option<&Object>,
        after: Option<&Object>,
    ) {
        for uid in before.into_iter().flat_map(owner_uids) {
            if let Some(set) = self.dependents.get_mut(uid) {
                set.remove(&(id.clone(), key.clone()));
                if set.is_empty() {
                    self.dependents.remove(uid);
                }
            }
        }
        for uid in after.into_iter().flat_map(owner_uids) {
            self.dependents.entry(uid.to_owned()).or_default().insert((id.clone(), key.clone()));
        }
        match (before, after) {
            (Some(deleted), None) => {
                self.locations.remove(deleted.uid());
            }
            (None, Some(new)) => {
                self.locations.insert(new.uid().to_owned(), (id.clone(), key.clone()));
            }
            _ => {}
        }
    }

    pub(crate) fn dependents(&self, uid: &str) -> Vec<(CollectionId, Key)> {
        self.dependents.get(uid).map(|set| set.iter().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn locate(&self, uid: &str) -> Option<(CollectionId, Key)> {
        self.locations.get(uid).cloned()
    }
}

fn owner_uids(object: &Object) -> impl Iterator<Item = &str> {
    let references = object.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    references.into_iter().flatten().filter_map(|reference| reference.get("uid")?.as_str())
}
