use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, pin_mut};
use kube::ResourceExt;
use kube::runtime::watcher;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};
use trigger_api::shipwright::image::Image;
use trigger_core::{Digest, ImageRef, ImageSource, ObjectKey};
use trigger_images::{Images, Observation, Pushed};
use trigger_runtime::Leadership;

use crate::client::Connection;
use crate::metrics::Watch;
use crate::watch::{Unread, WatchHealth, events};

/// Follows the Image objects of one namespace, or of all.
pub(super) struct Objects {
    namespace: Option<String>,
    images: Images,
    leadership: Leadership,
    known: HashMap<ObjectKey, Object>,
    /// The number of objects for each image of a namespace.
    counts: HashMap<(Arc<str>, ImageRef), usize>,
    /// The objects whose digest is to be reported, if a Build watches the image.
    changed: BTreeSet<ObjectKey>,
    /// The reports that are not stored yet. A namespace whose ledger cannot be written holds up no other.
    reports: FuturesUnordered<BoxFuture<'static, Report>>,
    /// The objects in the list that is being received.
    listed: HashSet<ObjectKey>,
    watch_health: WatchHealth,
}

/// An Image object that reports the digest of a tag.
#[derive(PartialEq)]
struct Object {
    image: ImageRef,
    digest: Option<Digest>,
    /// Whether its digest was reported. It is not while no Build watches the image.
    reported: bool,
    /// Whether a report is not stored yet.
    is_reporting: bool,
}

/// A report that has ended: the object, the digest, and whether it was stored.
type Report = (ObjectKey, Digest, bool);

/// How often the objects that have changed are reported. Those of one moment need one write per namespace.
const REPORT: Duration = Duration::from_millis(100);
/// How often all objects are checked: a new Build may watch the image of an old one, and this replica may start to
/// lead.
const CHECK: Duration = Duration::from_secs(1);

impl Objects {
    pub(super) fn new(
        namespace: Option<String>,
        images: Images,
        leadership: Leadership,
        watch: Watch,
    ) -> Self {
        let watch_health =
            WatchHealth::new("Image objects", namespace.clone(), "registries are polled", watch);
        Self {
            namespace,
            images,
            leadership,
            known: HashMap::new(),
            counts: HashMap::new(),
            changed: BTreeSet::new(),
            reports: FuturesUnordered::new(),
            listed: HashSet::new(),
            watch_health,
        }
    }

    pub(super) async fn run(mut self, connection: Connection) {
        let events = events::<Image>(&connection, self.namespace.as_deref());
        pin_mut!(events);
        let (mut report, mut check) = (interval(REPORT), interval(CHECK));
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = events.next() => match event {
                    Ok(event) => self.take(event),
                    Err(error) => self.watch_health.failed(&error),
                },
                Some(report) = self.reports.next() => self.stored(report),
                _ = report.tick() => self.report_changed(),
                _ = check.tick() => {
                    self.changed.extend(self.known.keys().cloned());
                    self.report_changed();
                }
            }
        }
    }

    fn take(&mut self, event: watcher::Event<Unread<Image>>) {
        self.watch_health.received(&event);
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                self.listed.extend(key(&object));
                self.apply(&object);
            }
            watcher::Event::Apply(object) => self.apply(&object),
            watcher::Event::Delete(object) => {
                if let Some(key) = key(&object) {
                    self.forget(&key);
                }
            }
            watcher::Event::InitDone => {
                let gone: Vec<_> =
                    self.known.keys().filter(|key| !self.listed.contains(*key)).cloned().collect();
                for key in gone {
                    self.forget(&key);
                }
                info!(images = self.known.len(), namespace = self.namespace, "watching Image objects");
            }
        }
    }

    fn apply(&mut self, object: &Unread<Image>) {
        let Some(key) = key(object) else { return };
        let made = match object.read() {
            Ok(object) => {
                object.source().map(|image| (image, object.digest())).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let (image, digest) = match made {
            Ok(made) => made,
            Err(reason) => {
                debug!(image = %key, reason, "an Image object is unreadable and is ignored");
                return self.forget(&key);
            }
        };
        let known = self.known.get(&key);
        if known.is_some_and(|known| known.image == image && known.digest == digest) {
            return;
        }
        if known.is_some_and(|known| known.image != image) {
            self.forget(&key);
        }
        self.changed.insert(key.clone());
        if let Some(object) = self.known.get_mut(&key) {
            object.digest = digest;
            object.reported = false;
            return;
        }
        self.images.set_object(&key.namespace, &image, true);
        *self.counts.entry((Arc::clone(&key.namespace), image.clone())).or_default() += 1;
        self.known.insert(key, Object { image, digest, reported: false, is_reporting: false });
    }

    fn forget(&mut self, key: &ObjectKey) {
        let Some(object) = self.known.remove(key) else { return };
        self.changed.remove(key);
        let image = (Arc::clone(&key.namespace), object.image);
        if let Some(count) = self.counts.get_mut(&image) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.images.set_object(&image.0, &image.1, false);
                self.counts.remove(&image);
            }
        }
    }

    /// Reports the digests of the objects that have changed, if a Build watches their images. Only the leader does.
    fn report_changed(&mut self) {
        if !self.leadership.is_ours() {
            return;
        }
        for key in std::mem::take(&mut self.changed) {
            let Some(object) = self.known.get_mut(&key) else { continue };
            let is_watched = self.images.is_watched(&key.namespace, &object.image);
            if object.is_reporting {
                continue;
            }
            let was_reported = std::mem::replace(&mut object.reported, is_watched);
            let Some(digest) = object.digest.clone().filter(|_| is_watched && !was_reported) else {
                continue;
            };
            object.is_reporting = true;
            let (images, image, since) =
                (self.images.clone(), object.image.clone(), self.images.clock().now());
            let report = async move {
                let source = ImageSource::Image;
                let observation =
                    Observation { image, digest: digest.clone(), source, since, pushed: Pushed::Unknown };
                let stored = images.observe(&key.namespace, observation).await.is_some();
                (key, digest, stored)
            };
            self.reports.push(report.boxed());
        }
    }

    fn stored(&mut self, (key, digest, stored): Report) {
        let Some(object) = self.known.get_mut(&key) else { return };
        object.is_reporting = false;
        if !stored || object.digest.as_ref() != Some(&digest) {
            object.reported = false;
            self.changed.insert(key);
        }
    }
}

fn key(object: &Unread<Image>) -> Option<ObjectKey> {
    Some(ObjectKey::new(object.namespace()?, object.name_any()))
}
