use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use trigger_core::{Digest, ImageRef, ObjectKey, PushHint};
use trigger_rules::RuleSet;

use super::ledger::Ledger;

/// What is known of the images that Builds wait for, for people to see and for hints to be compared with.
#[derive(Default)]
pub(super) struct ImageStatusCache {
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    /// What each image of a namespace stands for, and since when.
    known: HashMap<Arc<str>, BTreeMap<ImageRef, (Digest, Timestamp)>>,
    /// How asking about it went last.
    looks: HashMap<(Arc<str>, ImageRef), Look>,
    /// When which image is asked about next.
    next: HashMap<ImageRef, Timestamp>,
    /// Images with an object in their namespace that says what they stand for.
    objects: HashSet<(Arc<str>, ImageRef)>,
    /// Counts the changes of `objects`.
    objects_version: u64,
    /// The images that are waited for, by the last part of their name.
    by_name: HashMap<Box<str>, Vec<ImageRef>>,
}

/// The images that are waited for, and in which namespaces.
pub(super) type Wanted = HashMap<ImageRef, HashSet<Arc<str>>>;

/// How asking about an image went last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) at: Timestamp,
    pub(super) fault: Option<ImageError>,
}

/// Why it is not known what an image stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageError {
    /// The machine name of its kind.
    pub kind: &'static str,
    /// In one sentence, with what to do.
    pub message: String,
}

/// How an image stands in a namespace whose Builds wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStatus {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The image.
    pub image: ImageRef,
    /// What it stands for, if that is known.
    pub digest: Option<Digest>,
    /// Since when, as far as is known.
    pub since: Option<Timestamp>,
    /// When its registry was last asked.
    pub checked: Option<Timestamp>,
    /// When its registry is asked next.
    pub next: Option<Timestamp>,
    /// Whether an Image object in the namespace says what it stands for. Then its registry is not asked.
    pub by_object: bool,
    /// Why it is not known what it stands for now.
    pub fault: Option<ImageError>,
    /// The Builds that wait for it.
    pub builds: Vec<ObjectKey>,
}

impl ImageStatusCache {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is known in a namespace.
    pub(super) fn show(&self, namespace: &Arc<str>, ledger: &Ledger) {
        let known = ledger.images().filter_map(|image| {
            let known = ledger.known(image)?;
            Some((image.clone(), (known.digest.clone(), known.since)))
        });
        let known = known.collect();
        self.lock().known.insert(Arc::clone(namespace), known);
    }

    /// Shows how asking went. What was there before.
    pub(super) fn looked(&self, namespace: &Arc<str>, image: &ImageRef, look: Look) -> Option<Look> {
        self.lock().looks.insert((Arc::clone(namespace), image.clone()), look)
    }

    /// Shows when images are asked about next.
    pub(super) fn plan(&self, next: HashMap<ImageRef, Timestamp>) {
        self.lock().next = next;
    }

    /// Notes that an object says what an image stands for, or does not any more.
    pub(super) fn has_object(&self, namespace: &Arc<str>, image: &ImageRef, there: bool) {
        let key = (Arc::clone(namespace), image.clone());
        let mut shown = self.lock();
        let changed = if there { shown.objects.insert(key) } else { shown.objects.remove(&key) };
        shown.objects_version += u64::from(changed);
    }

    /// The images with an object, and how often that has changed.
    pub(super) fn objects(&self) -> (HashSet<(Arc<str>, ImageRef)>, u64) {
        let shown = self.lock();
        (shown.objects.clone(), shown.objects_version)
    }

    /// How often [`Self::objects`] has changed.
    pub(super) fn objects_version(&self) -> u64 {
        self.lock().objects_version
    }

    /// Notes for which images and namespaces somebody waits.
    pub(super) fn wanted(&self, wanted: &Wanted) {
        let mut by_name = HashMap::<Box<str>, Vec<ImageRef>>::new();
        for image in wanted.keys() {
            by_name.entry(last_part(image.repository()).into()).or_default().push(image.clone());
        }
        let mut shown = self.lock();
        shown.by_name = by_name;
        shown.looks.retain(|(namespace, image), _| {
            wanted.get(image).is_some_and(|namespaces| namespaces.contains(namespace))
        });
    }

    /// The images that a cue may be about.
    pub(super) fn concerned(&self, cue: &PushHint) -> Vec<ImageRef> {
        let shown = self.lock();
        let named = shown.by_name.get(last_part(&cue.repository)).into_iter().flatten();
        named.filter(|image| cue.concerns(image)).cloned().collect()
    }

    /// How every image stands that Builds wait for, by reference and namespace.
    pub(super) fn standings(&self, rules: &RuleSet) -> Vec<ImageStatus> {
        let mut builds = BTreeMap::<(ImageRef, Arc<str>), Vec<ObjectKey>>::new();
        for rules in rules.waiting_for_images() {
            let key = &rules.target.key;
            for name in rules.images.iter().flat_map(|images| &images.names) {
                builds.entry((name.clone(), Arc::clone(&key.namespace))).or_default().push(key.clone());
            }
        }
        let shown = self.lock();
        let stands = |((image, namespace), mut builds): ((ImageRef, Arc<str>), Vec<ObjectKey>)| {
            builds.sort();
            let known = shown.known.get(&namespace).and_then(|known| known.get(&image)).cloned();
            let (digest, since) = known.unzip();
            let key = (namespace, image);
            let by_object = shown.objects.contains(&key);
            let look = shown.looks.get(&key).cloned();
            let next = shown.next.get(&key.1).copied().filter(|_| !by_object);
            let (namespace, image) = key;
            let (checked, fault) = look.map_or((None, None), |look| (Some(look.at), look.fault));
            ImageStatus { namespace, image, digest, since, checked, next, by_object, fault, builds }
        };
        builds.into_iter().map(stands).collect()
    }
}

fn last_part(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}
