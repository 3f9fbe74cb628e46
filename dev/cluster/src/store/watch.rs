//! Following the changes of one resource.
//!
//! A [`Cursor`] has the revision up to which it has read, and fetches later changes when it is woken. A slow reader
//! therefore blocks no writer; once its changes have been dropped, it gets [`Compacted`].

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

/// A change, as seen by a watch with a selection.
#[derive(Clone, Debug)]
pub(crate) struct Delta {
    pub(crate) kind: DeltaKind,
    pub(crate) object: Arc<Object>,
}

/// The history up to this revision has been dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compacted {
    pub(crate) up_to: u64,
}

/// A position in the history of a resource.
#[derive(Debug)]
pub(crate) struct Cursor {
    id: CollectionId,
    namespace: String,
    selection: Selection,
    /// Changes up to this revision have been read.
    pub(crate) revision: u64,
    revisions: signal::Receiver<u64>,
}

impl Store {
    /// A cursor over the changes of `id` after `revision`. An empty namespace means all.
    pub(crate) fn follow(
        &self,
        id: &CollectionId,
        namespace: &str,
        selection: Selection,
        revision: u64,
    ) -> Result<Cursor, Compacted> {
        let mut state = self.lock();
        let collection = state.collection(id);
        collection.changes_after(revision).map_err(|up_to| Compacted { up_to })?;
        let mut revisions = collection.revisions();
        revisions.mark_changed();
        Ok(Cursor { id: id.clone(), namespace: namespace.to_owned(), selection, revision, revisions })
    }
}

impl Cursor {
    /// Waits until the collection may have changed.
    pub(crate) async fn changed(&mut self) {
        if self.revisions.changed().await.is_err() {
            // The store has been dropped: there are no further changes.
            std::future::pending::<()>().await;
        }
    }

    /// The changes since the last call.
    pub(crate) fn read(&mut self, store: &Store) -> Result<Vec<Delta>, Compacted> {
        self.revisions.mark_unchanged();
        let (changes, now) = {
            let mut state = store.lock();
            let now = state.revision;
            let changes = state.collection(&self.id).changes_after(self.revision);
            (changes.map_err(|up_to| Compacted { up_to })?, now)
        };
        self.revision = self.revision.max(now);
        Ok(changes.iter().filter_map(|change| self.project(change)).collect())
    }

    fn project(&self, change: &Change) -> Option<Delta> {
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
            // The object no longer matches: watchers get its last matching state at this change's revision.
            (Some(last), false) => {
                let mut value = last.value.clone();
                value["metadata"]["resourceVersion"] = object.revision.to_string().into();
                let object = Arc::new(Object { revision: object.revision, value });
                Some(Delta { kind: DeltaKind::Deleted, object })
            }
        }
    }
}
