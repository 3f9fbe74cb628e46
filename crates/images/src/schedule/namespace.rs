use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;
use trigger_core::ImageRef;

use super::entry::Entry;

/// The images of one namespace, by registry.
#[derive(Default)]
pub(super) struct Namespace {
    entries: HashMap<ImageRef, Entry>,
    lanes: HashMap<Arc<str>, Lane>,
    /// The registries with an image to poll, each at the time of the first one.
    order: BTreeSet<(Instant, Arc<str>)>,
    in_flight: usize,
}

/// The images of one registry.
#[derive(Default)]
struct Lane {
    /// The images by due time, without those that are in flight.
    queue: BTreeSet<(Instant, ImageRef)>,
    in_flight: usize,
}

/// Concurrent polls for one namespace: images on hosts that hang must not use up the polls of all namespaces.
pub(crate) const MAX_CONCURRENT: usize = 8;
/// Concurrent polls of one registry for one namespace: one place remains for other namespaces.
pub(crate) const MAX_CONCURRENT_PER_REGISTRY: usize = 3;

impl Namespace {
    pub(super) fn entry(&self, image: &ImageRef) -> Option<&Entry> {
        self.entries.get(image)
    }

    pub(super) fn entry_mut(&mut self, image: &ImageRef) -> Option<&mut Entry> {
        self.entries.get_mut(image)
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.entries.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.in_flight == 0
    }

    pub(super) fn insert(&mut self, image: &ImageRef, entry: Entry) {
        self.entries.insert(image.clone(), entry);
    }

    /// Removes an image. A poll of it that is in flight is still counted until it has ended.
    pub(super) fn remove(&mut self, image: &ImageRef) {
        self.dequeue(image);
        self.entries.remove(image);
        self.drop_unused_lane(image);
    }

    /// The first image that may be polled now, or the time of the next one.
    pub(super) fn first(
        &self,
        now: Instant,
        is_busy: impl Fn(&str) -> bool,
    ) -> Result<ImageRef, Option<Instant>> {
        if self.in_flight >= MAX_CONCURRENT {
            // Callers ask again when a poll has ended.
            return Err(None);
        }
        for (due, registry) in &self.order {
            if *due > now {
                return Err(Some(*due));
            }
            let lane = self.lanes.get(registry);
            let lane = lane.filter(|lane| lane.in_flight < MAX_CONCURRENT_PER_REGISTRY && !is_busy(registry));
            if let Some((_, image)) = lane.and_then(|lane| lane.queue.first()) {
                return Ok(image.clone());
            }
        }
        Err(None)
    }

    /// Whether a poll of this image for another namespace may serve this one, too.
    pub(super) fn may_ride(&self, image: &ImageRef, now: Instant) -> bool {
        self.in_flight < MAX_CONCURRENT && self.entries.get(image).is_some_and(|entry| entry.rides(now))
    }

    pub(super) fn begin(&mut self, image: &ImageRef, now: Instant) {
        self.dequeue(image);
        self.in_flight += 1;
        self.lane(image).in_flight += 1;
        if let Some(entry) = self.entries.get_mut(image) {
            entry.begin(now);
        }
    }

    pub(super) fn end(&mut self, image: &ImageRef) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let lane = self.lane(image);
        lane.in_flight = lane.in_flight.saturating_sub(1);
        self.drop_unused_lane(image);
    }

    pub(super) fn enqueue(&mut self, image: &ImageRef, due: Instant) {
        self.dequeue(image);
        if let Some(entry) = self.entries.get_mut(image) {
            entry.due = Some(due);
            self.change_queue(image, |queue| queue.insert((due, image.clone())));
        }
    }

    pub(super) fn dequeue(&mut self, image: &ImageRef) {
        if let Some(due) = self.entries.get_mut(image).and_then(|entry| entry.due.take()) {
            self.change_queue(image, |queue| queue.remove(&(due, image.clone())));
        }
    }

    fn lane(&mut self, image: &ImageRef) -> &mut Lane {
        self.lanes.entry(image.registry().into()).or_default()
    }

    fn change_queue(
        &mut self,
        image: &ImageRef,
        change: impl FnOnce(&mut BTreeSet<(Instant, ImageRef)>) -> bool,
    ) {
        let first = |lane: &Lane| lane.queue.first().map(|(due, _)| *due);
        let lane = self.lanes.entry(image.registry().into()).or_default();
        let before = first(lane);
        change(&mut lane.queue);
        let after = first(lane);
        if before != after {
            let registry: Arc<str> = image.registry().into();
            if let Some(before) = before {
                self.order.remove(&(before, Arc::clone(&registry)));
            }
            self.order.extend(after.map(|after| (after, registry)));
        }
    }

    fn drop_unused_lane(&mut self, image: &ImageRef) {
        let unused = |lane: &Lane| lane.in_flight == 0 && lane.queue.is_empty();
        if self.lanes.get(image.registry()).is_some_and(unused) {
            self.lanes.remove(image.registry());
        }
    }
}
