//! Following the changes of one resource.
//!
//! A [`Cursor`] remembers how far it has read and fetches the rest from the window when the bell rings. A slow
//! reader therefore holds nothing up; if the window moves past it, it learns that with [`Forgotten`].

use std::sync::Arc;

use tokio::sync::watch as signal;

use super::Store;
use super::collection::{Change, Object};
use crate::resources::CollectionId;
use crate::selector::Selection;

/// The kind of a watch event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeltaKind {
    Added,
    Modified,
    Deleted,
}

/// One event as a watch with a selection sees it.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    pub(crate) kind: DeltaKind,
    pub(crate) object: Arc<Object>,
}

/// The history was forgotten up to this revision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forgotten {
    pub(crate) up_to: u64,
}

/// A position in the history of a resource.
#[derive(Debug)]
pub(crate) struct Cursor {
    id: CollectionId,
    namespace: String,
    selection: Selection,
    /// Everything up to this revision was delivered.
    pub(crate) revision: u64,
    bell: signal::Receiver<u64>,
}

impl Store {
    /// Begins to follow `id` after `revision`. An empty namespace means all.
    pub(crate) fn follow(
        &self,
        id: &CollectionId,
        namespace: &str,
        selection: Selection,
        revision: u64,
    ) -> Result<Cursor, Forgotten> {
        let mut state = self.lock();
        let collection = state.collection(id);
        collection.changes_after(revision).map_err(|up_to| Forgotten { up_to })?;
        let mut bell = collection.bell();
        bell.mark_changed();
        Ok(Cursor { id: id.clone(), namespace: namespace.to_owned(), selection, revision, bell })
    }
}

impl Cursor {
    /// Waits until something may have changed.
    pub(crate) async fn rung(&mut self) {
        if self.bell.changed().await.is_err() {
            // The store is gone; nothing will ever change again.
            std::future::pending::<()>().await;
        }
    }

    /// Reads on.
    pub(crate) fn read(&mut self, store: &Store) -> Result<Vec<Delta>, Forgotten> {
        self.bell.mark_unchanged();
        let (changes, now) = {
            let mut state = store.lock();
            let now = state.revision;
            let changes = state.collection(&self.id).changes_after(self.revision);
            (changes.map_err(|up_to| Forgotten { up_to })?, now)
        };
        self.revision = self.revision.max(now);
        Ok(changes.iter().filter_map(|change| self.see(change)).collect())
    }

    fn see(&self, change: &Change) -> Option<Delta> {
        if !self.namespace.is_empty() && change.key.namespace != self.namespace {
            return None;
        }
        let before = change.previous.as_ref().filter(|object| self.selection.matches(&object.value));
        let after = !change.removed && self.selection.matches(&change.object.value);
        let object = Arc::clone(&change.object);
        match (before, after) {
            (None, false) => None,
            (None, true) => Some(Delta { kind: DeltaKind::Added, object }),
            (Some(_), true) => Some(Delta { kind: DeltaKind::Modified, object }),
            (Some(_), false) if change.removed => Some(Delta { kind: DeltaKind::Deleted, object }),
            // It no longer matches: watchers get its last matching state, at the revision of this change.
            (Some(last), false) => {
                let mut value = last.value.clone();
                value["metadata"]["resourceVersion"] = object.revision.to_string().into();
                let object = Arc::new(Object { revision: object.revision, value });
                Some(Delta { kind: DeltaKind::Deleted, object })
            }
        }
    }
}
