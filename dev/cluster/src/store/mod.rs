//! The objects and their history.
//!
//! One lock guards everything and is held for map operations only: objects are shared by `Arc`, collections are
//! persistent maps, so that a list costs one clone of a root pointer. Requests compute outside and then
//! [`Store::commit`] on condition that nothing changed in between.

mod collection;
mod owners;
mod persist;
mod snapshots;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch as signal;

pub(crate) use collection::{Change, Key, Object};
pub use persist::PersistError;
pub(crate) use snapshots::Snapshot;
pub(crate) use watch::{Cursor, Delta, DeltaKind};

use crate::resources::{CollectionId, Registry, Role};
use collection::Collection;
use owners::Owners;
use snapshots::Snapshots;

/// The precondition of a [`Store::commit`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// No object of this name may exist.
    Absent,
    /// The object must still be at this revision.
    At(u64),
}

/// Why a [`Store::commit`] did not happen.
#[derive(Debug)]
pub(crate) enum Refused {
    Exists,
    Stale,
    NamespaceMissing,
    NamespaceTerminating,
    Unknown,
}

/// What a [`Store::commit`] writes.
#[derive(Debug)]
pub(crate) enum Write {
    Put(Value),
    Remove,
}

/// All state of the cluster.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    changed: signal::Sender<u64>,
}

#[derive(Debug)]
struct State {
    revision: u64,
    registry: Arc<Registry>,
    collections: HashMap<CollectionId, Collection>,
    owners: Owners,
    snapshots: Snapshots,
    window: usize,
}

impl Store {
    /// An empty store that remembers `window` changes per resource.
    pub(crate) fn new(window: usize) -> Self {
        let state = State {
            revision: 1,
            registry: Arc::new(Registry::builtin()),
            collections: HashMap::new(),
            owners: Owners::default(),
            snapshots: Snapshots::default(),
            window,
        };
        Self { state: Mutex::new(state), changed: signal::Sender::new(1) }
    }

    /// A panic while the lock was held cannot leave half a change behind that matters to a dev cluster.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.lock().registry)
    }

    pub(crate) fn revision(&self) -> u64 {
        self.lock().revision
    }

    pub(crate) fn get(&self, id: &CollectionId, key: &Key) -> Option<Arc<Object>> {
        self.lock().collections.get(id)?.objects.get(key).map(Arc::clone)
    }

    /// All objects of a resource and the revision at which they are all of them.
    pub(crate) fn snapshot(&self, id: &CollectionId) -> Snapshot {
        let state = self.lock();
        let objects = state.collections.get(id).map(|c| c.objects.clone()).unwrap_or_default();
        Snapshot { revision: state.revision, objects }
    }

    /// Keeps a snapshot for the following pages of a list.
    pub(crate) fn keep_snapshot(&self, id: &CollectionId, snapshot: Snapshot) {
        self.lock().snapshots.keep(id.clone(), snapshot);
    }

    /// The state of a resource at an earlier revision, if it is still known.
    pub(crate) fn snapshot_at(&self, id: &CollectionId, revision: u64) -> Option<Snapshot> {
        let state = self.lock();
        if let Some(kept) = state.snapshots.find(id, revision) {
            return Some(kept);
        }
        let collection = state.collections.get(id);
        let unchanged = collection.is_none_or(|c| c.last_change() <= revision) && revision <= state.revision;
        unchanged.then(|| Snapshot {
            revision,
            objects: collection.map(|c| c.objects.clone()).unwrap_or_default(),
        })
    }

    /// Writes or removes one object, if `expect` holds, and tells the watches.
    pub(crate) fn commit(
        &self,
        id: &CollectionId,
        key: &Key,
        expect: Expect,
        write: Write,
    ) -> Result<Arc<Object>, Refused> {
        let mut guard = self.lock();
        let object = guard.commit(id, key, expect, write)?;
        let revision = guard.revision;
        drop(guard);
        self.changed.send_replace(revision);
        Ok(object)
    }

    /// Where the objects are that name `uid` as their owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<(CollectionId, Key)> {
        self.lock().owners.dependents(uid)
    }

    /// Where the object with this uid is.
    pub(crate) fn locate(&self, uid: &str) -> Option<(CollectionId, Key)> {
        self.lock().owners.locate(uid)
    }

    /// Everything in a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<(CollectionId, Key)> {
        let state = self.lock();
        let mut found = Vec::new();
        for (id, collection) in &state.collections {
            let keys = collection::in_namespace(&collection.objects, namespace);
            found.extend(keys.map(|(key, _)| (id.clone(), key.clone())));
        }
        found
    }

    /// Whether nothing is left in a namespace.
    pub(crate) fn is_namespace_empty(&self, namespace: &str) -> bool {
        let state = self.lock();
        state.collections.values().all(|c| collection::in_namespace(&c.objects, namespace).next().is_none())
    }

    /// Forgets all history: watches and list pages from before now get 410.
    pub(crate) fn compact(&self) {
        let mut state = self.lock();
        let revision = state.revision;
        state.snapshots.clear();
        for collection in state.collections.values_mut() {
            collection.compact(revision);
        }
    }

    /// Signals every commit, with the revision.
    pub(crate) fn changes(&self) -> signal::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl State {
    fn collection(&mut self, id: &CollectionId) -> &mut Collection {
        self.collections.entry(id.clone()).or_default()
    }

    fn commit(
        &mut self,
        id: &CollectionId,
        key: &Key,
        expect: Expect,
        write: Write,
    ) -> Result<Arc<Object>, Refused> {
        let resource = self.registry.find(&id.group, &id.plural).map(Arc::clone).ok_or(Refused::Unknown)?;
        let current = self.collections.get(id).and_then(|c| c.objects.get(key)).map(Arc::clone);
        match (expect, &current) {
            (Expect::Absent, Some(_)) => return Err(Refused::Exists),
            (Expect::At(_), None) => return Err(Refused::Stale),
            (Expect::At(revision), Some(object)) if object.revision != revision => {
                return Err(Refused::Stale);
            }
            (Expect::Absent, None) if resource.namespaced => self.admit_to_namespace(&key.namespace)?,
            _ => {}
        }
        self.revision += 1;
        let revision = self.revision;
        let (mut value, removed) = match (write, &current) {
            (Write::Put(value), _) => (value, false),
            (Write::Remove, Some(object)) => (object.value.clone(), true),
            (Write::Remove, None) => return Err(Refused::Stale),
        };
        value["metadata"]["resourceVersion"] = revision.to_string().into();
        let object = Arc::new(Object { revision, value });
        self.owners.update(id, key, current.as_deref(), (!removed).then_some(&*object));
        if resource.role == Role::Definition {
            self.redefine(&object.value, removed);
        }
        let window = self.window;
        let change = Change { key: key.clone(), removed, object: Arc::clone(&object), previous: current };
        self.collection(id).record(change, window);
        Ok(object)
    }

    fn admit_to_namespace(&self, name: &str) -> Result<(), Refused> {
        let id = CollectionId { group: String::new(), plural: "namespaces".to_owned() };
        let key = Key::cluster_wide(name);
        let namespace =
            self.collections.get(&id).and_then(|c| c.objects.get(&key)).ok_or(Refused::NamespaceMissing)?;
        let terminating = namespace.value.pointer("/metadata/deletionTimestamp").is_some();
        if terminating { Err(Refused::NamespaceTerminating) } else { Ok(()) }
    }

    /// Makes the API of a CustomResourceDefinition appear, change or disappear.
    fn redefine(&mut self, definition: &Value, removed: bool) {
        let registry = Arc::make_mut(&mut self.registry);
        if removed {
            let text = |pointer| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            registry.forget(text("/spec/group"), text("/spec/names/plural"));
        } else if let Err(error) = registry.define(definition) {
            tracing::error!(%error, "a custom resource definition passed validation but defines nothing");
        }
    }
}
