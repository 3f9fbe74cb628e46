use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use trigger_core::{Digest, ImageRef, ObjectKey, PushHint};
use trigger_rules::RuleSet;

use crate::ledger::Ledger;
use crate::watchers::watchers;

/// The state of the images that Builds watch, for the admin API and for matching push hints.
#[derive(Default)]
pub(crate) struct ImageStatusCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The digest of each image of a namespace, and since when.
    known: HashMap<Arc<str>, BTreeMap<ImageRef, (Digest, Timestamp)>>,
    /// The last poll of each image.
    polls: HashMap<(Arc<str>, ImageRef), LastPoll>,
    /// The time of the next poll.
    next: HashMap<ImageRef, Timestamp>,
    /// Images whose digest is reported by an Image object in the namespace.
    objects: HashSet<(Arc<str>, ImageRef)>,
    /// Counts the changes of `objects`.
    objects_version: u64,
    /// The watched images by the last segment of their repository.
    by_name: HashMap<Box<str>, Vec<ImageRef>>,
}

/// The watched images, each with the namespaces whose Builds watch it.
pub(crate) type WatchedImages = HashMap<ImageRef, HashSet<Arc<str>>>;

/// The outcome of the last poll of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastPoll {
    pub(crate) at: Timestamp,
    pub(crate) error: Option<ImageError>,
}

/// Why the digest of an image is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageError {
    /// The machine name of the kind of error.
    pub kind: &'static str,
    /// One sentence, with the remedy.
    pub message: String,
}

/// The state of an image in one namespace whose Builds watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStatus {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The image.
    pub image: ImageRef,
    /// Its digest, if it is known.
    pub digest: Option<Digest>,
    /// Since when it has that digest, as far as is known.
    pub since: Option<Timestamp>,
    /// When its registry was last asked.
    pub checked: Option<Timestamp>,
    /// When its registry is asked next.
    pub next: Option<Timestamp>,
    /// Whether an Image object in the namespace reports the digest. The registry is not asked then.
    pub by_object: bool,
    /// Why the current digest is unknown.
    pub error: Option<ImageError>,
    /// The Builds that watch it.
    pub builds: Vec<ObjectKey>,
}

impl ImageStatusCache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the digests that the ledger of a namespace knows.
    pub(crate) fn set_known(&self, namespace: &Arc<str>, ledger: &Ledger) {
        let known = ledger.images().filter_map(|image| {
            let known = ledger.known(image)?;
            Some((image.clone(), (known.digest.clone(), known.since)))
        });
        let known = known.collect();
        self.lock().known.insert(Arc::clone(namespace), known);
    }

    /// Stores the outcome of a poll.
    pub(crate) fn polled(&self, namespace: &Arc<str>, image: &ImageRef, poll: LastPoll) {
        self.lock().polls.insert((Arc::clone(namespace), image.clone()), poll);
    }

    /// Stores when images are polled next.
    pub(crate) fn set_next(&self, next: HashMap<ImageRef, Timestamp>) {
        self.lock().next = next;
    }

    /// Stores whether an Image object reports the digest of an image.
    pub(crate) fn set_object(&self, namespace: &Arc<str>, image: &ImageRef, exists: bool) {
        let key = (Arc::clone(namespace), image.clone());
        let mut state = self.lock();
        let changed = if exists { state.objects.insert(key) } else { state.objects.remove(&key) };
        state.objects_version += u64::from(changed);
    }

    /// The images that Image objects report.
    pub(crate) fn objects(&self) -> HashSet<(Arc<str>, ImageRef)> {
        self.lock().objects.clone()
    }

    /// How often [`Self::objects`] has changed.
    pub(crate) fn objects_version(&self) -> u64 {
        self.lock().objects_version
    }

    /// Stores the images that Builds watch, and drops the polls of others.
    pub(crate) fn set_watched(&self, watched: &WatchedImages) {
        let mut by_name = HashMap::<Box<str>, Vec<ImageRef>>::new();
        for image in watched.keys() {
            by_name.entry(last_segment(image.repository()).into()).or_default().push(image.clone());
        }
        let mut state = self.lock();
        state.by_name = by_name;
        state.polls.retain(|(namespace, image), _| {
            watched.get(image).is_some_and(|namespaces| namespaces.contains(namespace))
        });
    }

    /// The watched images that a push hint may be about.
    pub(crate) fn matching(&self, hint: &PushHint) -> Vec<ImageRef> {
        let state = self.lock();
        let named = state.by_name.get(last_segment(&hint.repository)).into_iter().flatten();
        named.filter(|image| hint.concerns(image)).cloned().collect()
    }

    /// The state of every watched image, by reference and namespace.
    pub(crate) fn statuses(&self, rules: &RuleSet) -> Vec<ImageStatus> {
        let mut builds = BTreeMap::<(ImageRef, Arc<str>), Vec<ObjectKey>>::new();
        for watcher in watchers(rules) {
            let key = &watcher.owner.owner.key;
            for name in watcher.images.names.iter() {
                builds.entry((name.clone(), Arc::clone(&key.namespace))).or_default().push(key.clone());
            }
        }
        let state = self.lock();
        let status = |((image, namespace), mut builds): ((ImageRef, Arc<str>), Vec<ObjectKey>)| {
            builds.sort();
            let known = state.known.get(&namespace).and_then(|known| known.get(&image)).cloned();
            let (digest, since) = known.unzip();
            let key = (namespace, image);
            let by_object = state.objects.contains(&key);
            let poll = state.polls.get(&key).cloned();
            let next = state.next.get(&key.1).copied().filter(|_| !by_object);
            let (namespace, image) = key;
            let (checked, error) = poll.map_or((None, None), |poll| (Some(poll.at), poll.error));
            ImageStatus { namespace, image, digest, since, checked, next, by_object, error, builds }
        };
        builds.into_iter().map(status).collect()
    }
}

fn last_segment(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}
