//! Snapshots of resources for later pages of a list.

use std::collections::VecDeque;

use super::collection::Objects;
use crate::resources::CollectionId;

/// Limit of paged lists in progress. A token of a dropped snapshot gets 410.
const MAX_SNAPSHOTS: usize = 128;

/// All objects of a resource at one revision.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) revision: u64,
    pub(crate) objects: Objects,
}

#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    kept: VecDeque<(CollectionId, Snapshot)>,
}

impl Snapshots {
    pub(crate) fn keep(&mut self, id: CollectionId, snapshot: Snapshot) {
        if self.find(&id, snapshot.revision).is_some() {
            return;
        }
        self.kept.push_back((id, snapshot));
        if self.kept.len() > MAX_SNAPSHOTS {
            self.kept.pop_front();
        }
    }

    pub(crate) fn find(&self, id: &CollectionId, revision: u64) -> Option<Snapshot> {
        let found = self.kept.iter().find(|(kept, snapshot)| kept == id && snapshot.revision == revision);
        found.map(|(_, snapshot)| snapshot.clone())
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}
