//! Manifests, blobs and uploads, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::Value;

/// Limit of all blobs and manifests together, in bytes: enough for the small images of tests.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Media type of a manifest that names none.
const DEFAULT_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// The store has reached its limit.
#[derive(Debug)]
pub(crate) struct StoreFull;

#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    repositories: BTreeMap<String, Repository>,
    blobs: HashMap<String, Bytes>,
    uploads: HashMap<String, Vec<u8>>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Repository {
    tags: BTreeMap<String, String>,
    manifests: HashMap<String, Manifest>,
}

/// The SHA-256 digest of `bytes`, in the specification's format.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(digest(&SHA256, bytes).as_ref()))
}

impl Manifest {
    /// A manifest. Its media type is the content type of the push, else the one in the manifest.
    pub(crate) fn new(bytes: Bytes, content_type: Option<&str>) -> Self {
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let own = json["mediaType"].as_str();
        let media_type = content_type.or(own).unwrap_or(DEFAULT_MEDIA_TYPE).to_owned();
        Self { digest: digest_of(&bytes), media_type, bytes }
    }
}

impl Contents {
    fn reserve(&mut self, bytes: usize) -> Result<(), StoreFull> {
        if self.bytes + bytes > MAX_BYTES {
            return Err(StoreFull);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a manifest, under a tag unless `reference` is its digest.
    pub(crate) fn put(&self, repository: &str, reference: &str, manifest: Manifest) -> Result<(), StoreFull> {
        let mut contents = self.lock();
        contents.reserve(manifest.bytes.len())?;
        let repository = contents.repositories.entry(repository.to_owned()).or_default();
        if reference != manifest.digest {
            repository.tags.insert(reference.to_owned(), manifest.digest.clone());
        }
        repository.manifests.insert(manifest.digest.clone(), manifest);
        Ok(())
    }

    /// A manifest by its tag or digest.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<Manifest> {
        let contents = self.lock();
        let repository = contents.repositories.get(repository)?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        repository.manifests.get(digest).cloned()
    }

    /// The tags of a repository. `None` if it does not exist.
    pub(crate) fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let contents = self.lock();
        contents.repositories.get(repository).map(|found| found.tags.keys().cloned().collect())
    }

    pub(crate) fn blob(&self, digest: &str) -> Option<Bytes> {
        self.lock().blobs.get(digest).cloned()
    }

    /// Starts an upload.
    pub(crate) fn begin(&self, id: &str) {
        self.lock().uploads.insert(id.to_owned(), Vec::new());
    }

    /// Appends to an upload and returns its length. `None` for an unknown upload.
    pub(crate) fn extend(&self, id: &str, bytes: &[u8]) -> Result<Option<usize>, StoreFull> {
        let mut contents = self.lock();
        if !contents.uploads.contains_key(id) {
            return Ok(None);
        }
        contents.reserve(bytes.len())?;
        let upload = contents.uploads.entry(id.to_owned()).or_default();
        upload.extend_from_slice(bytes);
        Ok(Some(upload.len()))
    }

    /// Ends an upload. Returns whether it has this digest and is now a blob.
    pub(crate) fn finish(&self, id: &str, digest: &str) -> bool {
        let mut contents = self.lock();
        let Some(upload) = contents.uploads.remove(id) else { return false };
        let matches = digest_of(&upload) == digest;
        if matches {
            contents.blobs.insert(digest.to_owned(), upload.into());
        } else {
            contents.bytes -= upload.len();
        }
        matches
    }
}
