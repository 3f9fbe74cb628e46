use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use trigger_core::{Digest, ImageRef, ObjectKey, PushHint};

use crate::followed::{Followed, MAX_IMAGES, MAX_WATCHES};
use crate::image_key::ImageKey;
use crate::ledger::Ledger;

/// The state of the images that Builds watch, for the admin API and for matching push hints.
#[derive(Default)]
pub(crate) struct ImageStatusCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The ledger of each namespace.
    known: HashMap<Arc<str>, Arc<Ledger>>,
    /// The images that are followed.
    followed: Arc<Followed>,
    /// The last poll of each image.
    polls: HashMap<ImageKey, LastPoll>,
    /// The time of the next poll.
    next: HashMap<ImageKey, Timestamp>,
    /// Images whose digest is reported by an Image object in the namespace.
    objects: HashSet<ImageKey>,
    /// Counts the changes of `objects`.
    objects_version: u64,
    /// The watched images by the last segment of their repository.
    by_name: HashMap<Box<str>, Vec<ImageRef>>,
}

/// Images of one namespace that are shown although they are not followed: the first ones show the error of all.
pub(crate) const MAX_LEFT_OUT_SHOWN: usize = 100;
/// Images that one push hint makes the program poll. A hint without a tag is about all tags of a repository.
pub(crate) const MAX_HINTED: usize = 1000;

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

    /// Stores the ledger of a namespace.
    pub(crate) fn set_known(&self, namespace: &Arc<str>, ledger: &Arc<Ledger>) {
        self.lock().known.insert(Arc::clone(namespace), Arc::clone(ledger));
    }

    /// Stores the outcome of a poll.
    pub(crate) fn polled(&self, key: &ImageKey, poll: LastPoll) {
        self.lock().polls.insert(key.clone(), poll);
    }

    /// Stores when images are polled next; `None` for those that are not.
    pub(crate) fn set_next(&self, next: impl IntoIterator<Item = (ImageKey, Option<Timestamp>)>) {
        let mut state = self.lock();
        for (key, next) in next {
            match next {
                Some(next) => _ = state.next.insert(key, next),
                None => _ = state.next.remove(&key),
            }
        }
    }

    /// Stores whether an Image object reports the digest of an image.
    pub(crate) fn set_object(&self, namespace: &Arc<str>, image: &ImageRef, exists: bool) {
        let key = ImageKey::new(namespace, image);
        let mut state = self.lock();
        let changed = if exists { state.objects.insert(key) } else { state.objects.remove(&key) };
        state.objects_version += u64::from(changed);
    }

    /// The images that Image objects report.
    pub(crate) fn objects(&self) -> HashSet<ImageKey> {
        self.lock().objects.clone()
    }

    /// How often [`Self::objects`] has changed.
    pub(crate) fn objects_version(&self) -> u64 {
        self.lock().objects_version
    }

    /// The images that are followed.
    pub(crate) fn followed(&self) -> Arc<Followed> {
        Arc::clone(&self.lock().followed)
    }

    /// Stores the images that are followed, and drops the polls of others.
    pub(crate) fn set_followed(&self, followed: &Arc<Followed>) {
        let mut images = HashSet::<&ImageRef>::new();
        for (_, namespace) in followed.namespaces() {
            images.extend(namespace.images());
        }
        let mut by_name = HashMap::<Box<str>, Vec<ImageRef>>::new();
        for image in images {
            by_name.entry(last_segment(image.repository()).into()).or_default().push(image.clone());
        }
        let mut state = self.lock();
        state.by_name = by_name;
        state.followed = Arc::clone(followed);
        let is_followed = |key: &ImageKey| followed.contains(&key.namespace, &key.image);
        state.polls.retain(|key, _| is_followed(key));
        state.next.retain(|key, _| is_followed(key));
        state.known.retain(|namespace, _| followed.namespace(namespace).is_some());
    }

    /// The followed images that a push hint may be about.
    pub(crate) fn matching(&self, hint: &PushHint) -> Vec<ImageRef> {
        let state = self.lock();
        let named = state.by_name.get(last_segment(&hint.repository)).into_iter().flatten();
        named.filter(|image| hint.concerns(image)).take(MAX_HINTED).cloned().collect()
    }

    /// The state of every followed image, by reference and namespace, and the errors of those that are left out.
    pub(crate) fn statuses(&self) -> Vec<ImageStatus> {
        let followed = self.followed();
        let mut builds = BTreeMap::<(&ImageRef, &Arc<str>), Vec<ObjectKey>>::new();
        for (namespace, watched) in followed.namespaces() {
            let mut left_out = 0;
            for build in watched.builds() {
                let shown = build.left_out().iter().filter(|image| !watched.images().contains(*image));
                let shown = shown.take(MAX_LEFT_OUT_SHOWN.saturating_sub(left_out));
                for image in build.names().iter().chain(shown) {
                    builds.entry((image, namespace)).or_default().push(build.key().clone());
                    left_out += usize::from(!watched.images().contains(image));
                }
            }
        }
        let state = self.lock();
        let status = |((image, namespace), builds): ((&ImageRef, &Arc<str>), Vec<ObjectKey>)| {
            let key = ImageKey::new(namespace, image);
            let known = state.known.get(namespace).and_then(|ledger| ledger.known(image));
            let (digest, since) = known.map(|known| (known.digest.clone(), known.since)).unzip();
            let by_object = state.objects.contains(&key);
            let poll = state.polls.get(&key).cloned();
            let next = state.next.get(&key).copied().filter(|_| !by_object);
            let (checked, error) = poll.map_or((None, None), |poll| (Some(poll.at), poll.error));
            let error =
                if followed.contains(namespace, image) { error } else { Some(ImageError::left_out()) };
            let ImageKey { namespace, image } = key;
            ImageStatus { namespace, image, digest, since, checked, next, by_object, error, builds }
        };
        builds.into_iter().map(status).collect()
    }
}

impl ImageError {
    /// The error of images that are not followed because there are too many.
    fn left_out() -> Self {
        let message = format!(
            "the Builds of the namespace watch more than {MAX_IMAGES} images, or {MAX_WATCHES} counting each Build, \
             and this one is left out; watch fewer images"
        );
        Self { kind: "too-many-images", message }
    }
}

fn last_segment(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}
