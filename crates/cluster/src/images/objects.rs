use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};
use trigger_api::shipwright::image::Image;
use trigger_core::{Digest, ImageRef, ImageSource, ObjectKey};
use trigger_images::{Images, Observation};
use trigger_runtime::Leadership;

use crate::metrics::Watch;
use crate::watch::{WatchHealth, events};

/// Follows the Image objects of one namespace, or of all.
pub(super) struct Objects {
    namespace: Option<String>,
    images: Images,
    leadership: Leadership,
    known: HashMap<ObjectKey, Object>,
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
}

impl Objects {
    pub(super) fn new(
        namespace: Option<String>,
        images: Images,
        leadership: Leadership,
        watch: Watch,
    ) -> Self {
        let watch_health =
            WatchHealth::new("Image objects", namespace.clone(), "registries are polled", watch);
        Self { namespace, images, leadership, known: HashMap::new(), listed: HashSet::new(), watch_health }
    }

    pub(super) async fn run(mut self, client: Client) {
        let events = events::<Image>(client, self.namespace.as_deref());
        pin_mut!(events);
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = events.next() => match event {
                    Ok(event) => self.take(event).await,
                    Err(error) => self.watch_health.failed(&error),
                },
                // A new Build may watch the image of an old object, and this replica may start to lead.
                _ = second.tick() => self.report_all().await,
            }
        }
    }

    async fn take(&mut self, event: watcher::Event<DeserializeGuard<Image>>) {
        self.watch_health.received(&event);
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                self.listed.extend(key(&object));
                self.apply(object).await;
            }
            watcher::Event::Apply(object) => self.apply(object).await,
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

    async fn apply(&mut self, object: DeserializeGuard<Image>) {
        let Some(key) = key(&object) else { return };
        let made = match object.0 {
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
        self.images.set_object(&key.namespace, &image, true);
        self.known.insert(key.clone(), Object { image, digest, reported: false });
        self.report(&key).await;
    }

    fn forget(&mut self, key: &ObjectKey) {
        let Some(object) = self.known.remove(key) else { return };
        let same = |other: (&ObjectKey, &Object)| {
            other.0.namespace == key.namespace && other.1.image == object.image
        };
        if !self.known.iter().any(same) {
            self.images.set_object(&key.namespace, &object.image, false);
        }
    }

    async fn report_all(&mut self) {
        let keys: Vec<_> = self.known.keys().cloned().collect();
        for key in keys {
            self.report(&key).await;
        }
    }

    /// Reports the digest of an object, once, if a Build watches its image. Only the leader does.
    async fn report(&mut self, key: &ObjectKey) {
        if !self.leadership.is_ours() {
            return;
        }
        let Some(object) = self.known.get_mut(key) else { return };
        let is_watched = self.images.is_watched(&key.namespace, &object.image);
        let was_reported = std::mem::replace(&mut object.reported, is_watched);
        let Some(digest) = object.digest.clone().filter(|_| is_watched && !was_reported) else { return };
        let (image, since) = (object.image.clone(), Timestamp::now());
        let observation = Observation { image, digest, source: ImageSource::Image, since, pushed: false };
        self.images.observe(&Arc::clone(&key.namespace), observation).await;
    }
}

fn key(object: &DeserializeGuard<Image>) -> Option<ObjectKey> {
    Some(ObjectKey::new(object.namespace()?, object.name_any()))
}
