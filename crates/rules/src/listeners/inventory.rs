use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use serde_json::Value;
use trigger_api::triggers::Kind;
use trigger_core::ObjectKey;

use super::error::ObjectErrors;
use super::writer::Writer;
use super::{ListenerGaps, ListenerObject, ListenerSet};
use crate::rule_error::RuleError;

/// The listeners: fed with objects of the seven kinds, read as immutable snapshots.
///
/// Readers never wait. There is no snapshot before [`ListenerInventory::mark_synced`]: until all objects have been
/// listed, "no listener" would be a lie.
///
/// A task drops its snapshot, and every listener of it, before it awaits I/O or a turn: see [`Inventory`](crate::Inventory).
#[derive(Default)]
pub struct ListenerInventory {
    published: ArcSwapOption<ListenerSet>,
    writer: Mutex<(Writer, bool)>,
}

impl ListenerInventory {
    /// The listeners as they are now; `None` until all objects have been listed. The caller drops them before it awaits I/O.
    pub fn current(&self) -> Option<Arc<ListenerSet>> {
        self.published.load_full()
    }

    /// Takes an object as it is now: added or changed. Its identity is that of its metadata.
    ///
    /// Returns the objects whose errors changed: what is missing in one object can be an error of others.
    pub fn apply(&self, kind: Kind, object: Value) -> Vec<ObjectErrors> {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        let id = ListenerObject::new(kind, text("namespace"), text("name"));
        self.write(|writer| writer.apply(&id, object))
    }

    /// Takes an object whose content cannot be read, as it is now: added or changed. `why` is a part of a sentence. It is an
    /// error of the object, and counts for nothing else.
    pub fn refuse(&self, object: &ListenerObject, why: impl fmt::Display) -> Vec<ObjectErrors> {
        self.write(|writer| writer.refuse(object, RuleError::unreadable(why)))
    }

    /// Forgets an object.
    pub fn delete(&self, object: &ListenerObject) -> Vec<ObjectErrors> {
        self.write(|writer| writer.delete(object))
    }

    /// Forgets every object of a kind in `namespace` (or anywhere, if absent) that is not among `listed`: after a fresh
    /// list has been applied, what it did not hold is gone.
    pub fn retain(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        listed: &HashSet<ObjectKey>,
    ) -> Vec<ObjectErrors> {
        self.write(|writer| writer.retain(kind, namespace, listed))
    }

    /// Notes which objects are not known. References to objects of a kind that cannot be seen say so.
    pub fn note_gaps(&self, gaps: ListenerGaps) -> Vec<ObjectErrors> {
        self.write(|writer| writer.note_gaps(gaps))
    }

    /// Marks that all objects have been listed, but for those in gaps that were noted. From now on there are snapshots.
    pub fn mark_synced(&self) {
        let mut guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        guard.1 = true;
        self.published.store(Some(Arc::new(guard.0.snapshot().clone())));
    }

    /// Whether nothing is remembered.
    #[cfg(test)]
    pub(super) fn is_spotless(&self) -> bool {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).0.is_spotless()
    }

    fn write(&self, change: impl FnOnce(&mut Writer)) -> Vec<ObjectErrors> {
        let mut guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, is_synced) = &mut *guard;
        change(writer);
        let changed = writer.publish();
        if *is_synced {
            self.published.store(Some(Arc::new(writer.snapshot().clone())));
        }
        changed
    }
}
