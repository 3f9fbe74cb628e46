//! The objects and their history.
//!
//! One lock guards all state and is held for map operations only. Objects are shared by `Arc`; collections are
//! persistent maps, so a list clones one root pointer. Requests compute without the lock and then
//! [`Store::commit`], which fails if the object has changed meanwhile.

mod collection;
mod owners;
mod persist;
mod snapshots;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch as signal;

pub(crate) use collection::{Change, Key, Object};
pub use persist::PersistError;
pub(crate) use snapshots::Snapshot;
pub(crate) use watch::{Cursor, Delta, DeltaKind};

use crate::resources::{CollectionId, Registry, Strategy};
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

/// A failed [`Store::commit`].
#[derive(Debug)]
pub(crate) enum StoreError {
    /// An object of this name exists.
    Exists,
    /// The object has another revision, or none any more.
    Stale,
    NamespaceMissing,
    NamespaceTerminating,
    /// The resource is not served.
    UnknownResource,
}

/// The change of a [`Store::commit`].
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
    /// How far the clock of the API server is ahead of this machine's, in seconds.
    ahead: AtomicI64,
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
    /// An empty store that keeps the last `window` changes per resource.
    pub(crate) fn new(window: usize) -> Self {
        let state = State {
            revision: 1,
            registry: Arc::new(Registry::builtin()),
            collections: HashMap::new(),
            owners: Owners::default(),
            snapshots: Snapshots::default(),
            window,
        };
        Self { state: Mutex::new(state), changed: signal::Sender::new(1), ahead: AtomicI64::new(0) }
    }

    /// Sets the clock of the API server.
    pub(crate) fn set_clock(&self, seconds_ahead: i64) {
        self.ahead.store(seconds_ahead, Ordering::Relaxed);
    }

    /// The time by the clock of the API server.
    pub(crate) fn now(&self) -> Timestamp {
        let ours = Timestamp::now();
        ours.checked_add(SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed))).unwrap_or(ours)
    }

    /// Ignores poisoning: after a panic in a test, other tests may still read the store.
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

    /// All objects of a resource at the current revision.
    pub(crate) fn snapshot(&self, id: &CollectionId) -> Snapshot {
        let state = self.lock();
        let objects = state.collections.get(id).map(|c| c.objects.clone()).unwrap_or_default();
        Snapshot { revision: state.revision, objects }
    }

    /// The revision of the last change of an object in these collections.
    pub(crate) fn last_change<'a>(&self, ids: impl IntoIterator<Item = &'a CollectionId>) -> u64 {
        let state = self.lock();
        let changes = ids.into_iter().filter_map(|id| state.collections.get(id)).map(Collection::last_change);
        changes.max().unwrap_or(0)
    }

    /// Keeps a snapshot for later pages of a list.
    pub(crate) fn keep_snapshot(&self, id: &CollectionId, snapshot: Snapshot) {
        self.lock().snapshots.keep(id.clone(), snapshot);
    }

    /// The objects of a resource at an earlier revision, if the store still has them.
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

    /// Writes or removes one object if `expect` holds, and notifies the watches.
    pub(crate) fn commit(
        &self,
        id: &CollectionId,
        key: &Key,
        expect: Expect,
        write: Write,
    ) -> Result<Arc<Object>, StoreError> {
        let mut guard = self.lock();
        let object = guard.commit(id, key, expect, write)?;
        let revision = guard.revision;
        drop(guard);
        self.changed.send_replace(revision);
        Ok(object)
    }

    /// The keys of objects that have `uid` as an owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<(CollectionId, Key)> {
        self.lock().owners.dependents(uid)
    }

    /// The key of the object with this uid.
    pub(crate) fn locate(&self, uid: &str) -> Option<(CollectionId, Key)> {
        self.lock().owners.locate(uid)
    }

    /// The keys of all objects in a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<(CollectionId, Key)> {
        let state = self.lock();
        let mut found = Vec::new();
        for (id, collection) in &state.collections {
            let keys = collection::in_namespace(&collection.objects, namespace);
            found.extend(keys.map(|(key, _)| (id.clone(), key.clone())));
        }
        found
    }

    /// Whether a namespace has no objects.
    pub(crate) fn is_namespace_empty(&self, namespace: &str) -> bool {
        let state = self.lock();
        state.collections.values().all(|c| collection::in_namespace(&c.objects, namespace).next().is_none())
    }

    /// Drops all history, as etcd's compaction does: older watches and list pages get 410.
    pub(crate) fn compact(&self) {
        let mut state = self.lock();
        let revision = state.revision;
        state.snapshots.clear();
        for collection in state.collections.values_mut() {
            collection.compact(revision);
        }
    }

    /// The revision of the last commit, as it changes.
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
    ) -> Result<Arc<Object>, StoreError> {
        let resource =
            self.registry.find(&id.group, &id.plural).map(Arc::clone).ok_or(StoreError::UnknownResource)?;
        let current = self.collections.get(id).and_then(|c| c.objects.get(key)).map(Arc::clone);
        match (expect, &current) {
            (Expect::Absent, Some(_)) => return Err(StoreError::Exists),
            (Expect::At(_), None) => return Err(StoreError::Stale),
            (Expect::At(revision), Some(object)) if object.revision != revision => {
                return Err(StoreError::Stale);
            }
            (Expect::Absent, None) if resource.namespaced => self.admit_to_namespace(&key.namespace)?,
            _ => {}
        }
        self.revision += 1;
        let revision = self.revision;
        let (mut value, removed) = match (write, &current) {
            (Write::Put(value), _) => (value, false),
            (Write::Remove, Some(object)) => (object.value.clone(), true),
            (Write::Remove, None) => return Err(StoreError::Stale),
        };
        value["metadata"]["resourceVersion"] = revision.to_string().into();
        let object = Arc::new(Object { revision, value });
        self.owners.update(id, key, current.as_deref(), (!removed).then_some(&*object));
        if resource.strategy == Strategy::Definition {
            self.redefine(&object.value, removed);
        }
        let window = self.window;
        let change = Change { key: key.clone(), removed, object: Arc::clone(&object), previous: current };
        self.collection(id).record(change, window);
        Ok(object)
    }

    fn admit_to_namespace(&self, name: &str) -> Result<(), StoreError> {
        let id = CollectionId { group: String::new(), plural: "namespaces".to_owned() };
        let key = Key::cluster_wide(name);
        let namespace = self
            .collections
            .get(&id)
            .and_then(|c| c.objects.get(&key))
            .ok_or(StoreError::NamespaceMissing)?;
        let terminating = namespace.value.pointer("/metadata/deletionTimestamp").is_some();
        if terminating { Err(StoreError::NamespaceTerminating) } else { Ok(()) }
    }

    /// Updates the registry after a change of a CustomResourceDefinition.
    fn redefine(&mut self, definition: &Value, removed: bool) {
        let registry = Arc::make_mut(&mut self.registry);
        if removed {
            let text = |pointer| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            registry.undefine(text("/spec/group"), text("/spec/names/plural"));
        } else if let Err(error) = registry.define(definition) {
            tracing::error!(%error, "a valid CustomResourceDefinition defines no resource");
        }
    }
}
