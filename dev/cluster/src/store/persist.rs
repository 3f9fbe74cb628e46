//! Saving the store as one JSON file, replaced atomically.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::collection::{Collection, Key, Object, Objects};
use super::{Store, owners::Owners};
use crate::resources::{CollectionId, Registry};

/// The state file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// The file or its directory could not be read, written or renamed.
    #[error("cannot access the state file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file does not hold the state of a dev cluster.
    #[error("{path} does not hold the state of a dev cluster; remove it to start empty")]
    Content {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Saved<V> {
    revision: u64,
    collections: Vec<SavedCollection<V>>,
}

#[derive(Serialize, Deserialize)]
struct SavedCollection<V> {
    group: String,
    plural: String,
    objects: Vec<V>,
}

impl Store {
    /// Writes all objects to `path`, through a temporary file beside it.
    pub(crate) fn save(&self, path: &Path) -> Result<(), PersistError> {
        let (revision, collections) = {
            let state = self.lock();
            let maps: Vec<(CollectionId, Objects)> =
                state.collections.iter().map(|(id, c)| (id.clone(), c.objects.clone())).collect();
            (state.revision, maps)
        };
        let collections = collections
            .iter()
            .map(|(id, objects)| SavedCollection {
                group: id.group.clone(),
                plural: id.plural.clone(),
                objects: objects.values().map(|object| &object.value).collect(),
            })
            .collect();
        let saved: Saved<&Value> = Saved { revision, collections };
        let content = |source| PersistError::Content { path: path.to_owned(), source };
        let bytes = serde_json::to_vec(&saved).map_err(content)?;
        let temporary = path.with_extension("tmp");
        let file = |source| PersistError::File { path: path.to_owned(), source };
        let mut out = fs::File::create(&temporary).map_err(file)?;
        out.write_all(&bytes).and_then(|()| out.sync_all()).map_err(file)?;
        fs::rename(&temporary, path).map_err(file)
    }

    /// Replaces all objects by those in the file `path`. False if there is no such file.
    pub(crate) fn load(&self, path: &Path) -> Result<bool, PersistError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(PersistError::File { path: path.to_owned(), source }),
        };
        let saved: Saved<Value> = serde_json::from_slice(&bytes)
            .map_err(|source| PersistError::Content { path: path.to_owned(), source })?;
        let mut registry = Registry::builtin();
        let mut owners = Owners::default();
        let mut collections = HashMap::new();
        for loaded in saved.collections {
            let id = CollectionId { group: loaded.group, plural: loaded.plural };
            let mut objects = Objects::new();
            for value in loaded.objects {
                if id.plural == "customresourcedefinitions"
                    && let Err(error) = registry.define(&value)
                {
                    tracing::warn!(%error, "a saved CustomResourceDefinition defines no resource");
                }
                let text = |pointer| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let key = Key::new(text("/metadata/namespace"), text("/metadata/name"));
                let revision = text("/metadata/resourceVersion").parse().unwrap_or(saved.revision);
                let object = Arc::new(Object { revision, value });
                owners.update(&id, &key, None, Some(&object));
                objects.insert(key, object);
            }
            collections.insert(id, Collection::loaded(objects, saved.revision));
        }
        let mut state = self.lock();
        state.revision = saved.revision;
        state.registry = Arc::new(registry);
        state.owners = owners;
        state.collections = collections;
        Ok(true)
    }
}
