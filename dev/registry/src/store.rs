//! What the registry holds, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::Value;

/// All blobs and manifests together, in bytes: enough for the small images of tests.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// The type of a manifest that does not say.
const USUAL_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// The registry is full.
#[derive(Debug)]
pub(crate) struct Full;

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

/// The SHA-256 of some bytes, as the specification writes it.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(digest(&SHA256, bytes).as_ref()))
}

impl Manifest {
    /// A manifest as it was given. What type it is it says itself, or whoever gave it.
    pub(crate) fn new(bytes: Bytes, given: Option<&str>) -> Self {
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let said = json["mediaType"].as_str();
        let media_type = given.or(said).unwrap_or(USUAL_TYPE).to_owned();
        Self { digest: digest_of(&bytes), media_type, bytes }
    }
}

impl Contents {
    fn take(&mut self, bytes: usize) -> Result<(), Full> {
        if self.bytes + bytes > MOST_BYTES {
            return Err(Full);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a manifest, under a tag unless `reference` is its digest.
    pub(crate) fn put(&self, repository: &str, reference: &str, manifest: Manifest) -> Result<(), Full> {
        let mut contents = self.lock();
        contents.take(manifest.bytes.len())?;
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

    /// The tags of a repository, if there is one.
    pub(crate) fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let contents = self.lock();
        contents.repositories.get(repository).map(|found| found.tags.keys().cloned().collect())
    }

    pub(crate) fn blob(&self, digest: &str) -> Option<Bytes> {
        self.lock().blobs.get(digest).cloned()
    }

    /// Begins an upload.
    pub(crate) fn begin(&self, id: &str) {
        self.lock().uploads.insert(id.to_owned(), Vec::new());
    }

    /// Adds to an upload, and says how long it is now; nothing if it was never begun.
    pub(crate) fn extend(&self, id: &str, bytes: &[u8]) -> Result<Option<usize>, Full> {
        let mut contents = self.lock();
        if !contents.uploads.contains_key(id) {
            return Ok(None);
        }
        contents.take(bytes.len())?;
        let upload = contents.uploads.entry(id.to_owned()).or_default();
        upload.extend_from_slice(bytes);
        Ok(Some(upload.len()))
    }

    /// Ends an upload. It becomes a blob if it has this digest.
    pub(crate) fn finish(&self, id: &str, digest: &str) -> bool {
        let mut contents = self.lock();
        let Some(upload) = contents.uploads.remove(id) else { return false };
        let is_it = digest_of(&upload) == digest;
        if is_it {
            contents.blobs.insert(digest.to_owned(), upload.into());
        } else {
            contents.bytes -= upload.len();
        }
        is_it
    }
}
