//! The objects of one resource and their latest changes.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use serde_json::Value;
use tokio::sync::watch as signal;

/// Namespace and name of an object, in the order of lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Empty for cluster-wide resources.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub(crate) fn cluster_wide(name: impl Into<String>) -> Self {
        Self::new("", name)
    }
}

/// An object at one revision.
#[derive(Debug)]
pub(crate) struct Object {
    /// The same number as `metadata.resourceVersion`.
    pub(crate) revision: u64,
    /// The object at the storage version.
    pub(crate) value: Value,
}

impl Object {
    pub(crate) fn uid(&self) -> &str {
        self.value.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn is_terminating(&self) -> bool {
        self.value.pointer("/metadata/deletionTimestamp").is_some_and(|t| !t.is_null())
    }

    /// `metadata.finalizers`.
    pub(crate) fn finalizers(&self) -> impl Iterator<Item = &str> {
        let list = self.value.pointer("/metadata/finalizers").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// A persistent map: cloning it is one reference count.
pub(crate) type Objects = OrdMap<Key, Arc<Object>>;

/// The objects of one namespace, or all of them for the empty name.
pub(crate) fn in_namespace<'a>(
    objects: &'a Objects,
    namespace: &str,
) -> Box<dyn Iterator<Item = (&'a Key, &'a Arc<Object>)> + 'a> {
    if namespace.is_empty() {
        return Box::new(objects.iter());
    }
    let start = Key::new(namespace, "");
    let namespace = namespace.to_owned();
    let range = objects.range((Bound::Included(start), Bound::Unbounded));
    Box::new(range.take_while(move |(key, _)| key.namespace == namespace))
}

/// A change of an object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) removed: bool,
    /// The object after the change; after a removal, its last state at the removal's revision.
    pub(crate) object: Arc<Object>,
    pub(crate) previous: Option<Arc<Object>>,
}

/// Objects, recent changes, and the revision channel that wakes watches.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) objects: Objects,
    window: VecDeque<Arc<Change>>,
    /// Changes up to this revision have been dropped.
    compacted: u64,
    revisions: signal::Sender<u64>,
}

impl Default for Collection {
    fn default() -> Self {
        Self {
            objects: Objects::new(),
            window: VecDeque::new(),
            compacted: 0,
            revisions: signal::Sender::new(0),
        }
    }
}

impl Collection {
    /// Objects loaded from a file at `revision`, without history.
    pub(crate) fn loaded(objects: Objects, revision: u64) -> Self {
        Self { objects, compacted: revision, ..Self::default() }
    }

    pub(crate) fn record(&mut self, change: Change, window: usize) {
        if change.removed {
            self.objects.remove(&change.key);
        } else {
            self.objects.insert(change.key.clone(), Arc::clone(&change.object));
        }
        let revision = change.object.revision;
        self.window.push_back(Arc::new(change));
        while self.window.len() > window {
            if let Some(oldest) = self.window.pop_front() {
                self.compacted = oldest.object.revision;
            }
        }
        self.revisions.send_replace(revision);
    }

    pub(crate) fn last_change(&self) -> u64 {
        self.window.back().map_or(self.compacted, |change| change.object.revision)
    }

    /// The changes after `revision`, or the compacted revision if some of them have been dropped.
    pub(crate) fn changes_after(&self, revision: u64) -> Result<Vec<Arc<Change>>, u64> {
        if revision < self.compacted {
            return Err(self.compacted);
        }
        let start = self.window.partition_point(|change| change.object.revision <= revision);
        Ok(self.window.range(start..).map(Arc::clone).collect())
    }

    pub(crate) fn compact(&mut self, revision: u64) {
        self.window.clear();
        self.compacted = revision;
    }

    pub(crate) fn revisions(&self) -> signal::Receiver<u64> {
        self.revisions.subscribe()
    }
}
