//! When an image is polled, and for which namespaces.

mod entry;
mod namespace;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use trigger_core::ImageRef;

use self::entry::Entry;
use self::namespace::Namespace;
use crate::image_key::ImageKey;

pub(crate) use self::entry::MAX_INTERVAL;
pub(crate) use self::namespace::{MAX_CONCURRENT, MAX_CONCURRENT_PER_REGISTRY};

/// When which image is due to be polled for which namespaces. Pure: callers pass the time.
///
/// Namespaces take turns: the one whose last turn is longest ago polls first. Each has few polls at the same time, and
/// so has each registry, so neither a tenant nor a registry that hangs holds up the others. The rate of requests is
/// limited where they leave, in `trigger-registries`.
pub(crate) struct Schedule {
    namespaces: HashMap<Arc<str>, (Turn, Namespace)>,
    /// The namespaces in the order of their last turns.
    turns: BTreeMap<Turn, Arc<str>>,
    next_turn: Turn,
    /// The namespaces that watch each image.
    sharers: HashMap<ImageRef, BTreeSet<Arc<str>>>,
    /// The polls in flight that take a place at their registry.
    registries: HashMap<Box<str>, usize>,
    in_flight: usize,
    /// Whether images come due by their interval. Otherwise only hints make them due.
    polling: bool,
}

type Turn = u64;

/// The next thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Poll this image for these namespaces. The first was due; the others can share the answer.
    Poll(ImageRef, Vec<Arc<str>>),
    /// Nothing is due before this time, or at all.
    Wait(Option<Instant>),
}

/// The outcome of a poll for one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollOutcome {
    /// The registry gave a digest.
    Resolved,
    /// It gave none.
    Failed {
        /// Whether a person must act before a retry can succeed.
        permanent: bool,
        /// How long the registry wants no more requests.
        retry_after: Option<Duration>,
    },
}

/// Concurrent polls of all registries: bounds sockets and memory.
pub(crate) const MAX_CONCURRENT_IN_ALL: usize = 64;
/// Concurrent polls of one registry: a slow one must not use up [`MAX_CONCURRENT_IN_ALL`].
pub(crate) const MAX_CONCURRENT_AT_REGISTRY: usize = 4;

impl Schedule {
    pub(crate) fn new() -> Self {
        Self {
            namespaces: HashMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            sharers: HashMap::new(),
            registries: HashMap::new(),
            in_flight: 0,
            polling: true,
        }
    }

    /// The number of images.
    pub(crate) fn images(&self) -> usize {
        self.sharers.len()
    }

    /// The namespaces that an image is polled for.
    pub(crate) fn sharers(&self, image: &ImageRef) -> impl Iterator<Item = &Arc<str>> {
        self.sharers.get(image).into_iter().flatten()
    }

    /// Starts or stops polling by interval. A replica that starts does not know the earlier polls of another, so
    /// everything is due. One that stops polls only after hints from now on.
    pub(crate) fn set_polling(&mut self, polling: bool, now: Instant) {
        if std::mem::replace(&mut self.polling, polling) == polling {
            return;
        }
        for (_, namespace) in self.namespaces.values_mut() {
            let idle = |image: &&ImageRef| namespace.entry(image).is_some_and(|entry| !entry.in_flight);
            let idle: Vec<_> = namespace.images().filter(idle).cloned().collect();
            for image in idle {
                if polling {
                    poll_soon(namespace, &image, now);
                } else {
                    namespace.dequeue(&image);
                }
            }
        }
    }

    /// Adds an image, due at once if images are polled by interval; or changes the interval of one.
    pub(crate) fn set(&mut self, key: &ImageKey, interval: Option<Duration>, now: Instant) {
        let polling = self.polling;
        let namespace = self.namespace(&key.namespace);
        if let Some(entry) = namespace.entry_mut(&key.image) {
            let before = entry.interval;
            entry.set_interval(interval);
            if entry.interval != before && polling {
                poll_soon(namespace, &key.image, now);
            }
            return;
        }
        let mut entry = Entry::default();
        entry.set_interval(interval);
        namespace.insert(&key.image, entry);
        if polling {
            namespace.enqueue(&key.image, now);
        }
        self.sharers.entry(key.image.clone()).or_default().insert(Arc::clone(&key.namespace));
    }

    /// Removes the images for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ImageKey) -> bool) {
        let Self { namespaces, sharers, turns, .. } = self;
        namespaces.retain(|name, (turn, namespace)| {
            let gone = |image: &&ImageRef| !keep(&ImageKey::new(name, image));
            let gone: Vec<_> = namespace.images().filter(gone).cloned().collect();
            for image in gone {
                namespace.remove(&image);
                if let Some(others) = sharers.get_mut(&image) {
                    others.remove(name);
                    if others.is_empty() {
                        sharers.remove(&image);
                    }
                }
            }
            if namespace.is_empty() {
                turns.remove(turn);
            }
            !namespace.is_empty()
        });
    }

    /// Makes an image due soon for one namespace, if it is in the schedule.
    pub(crate) fn poll_soon(&mut self, key: &ImageKey, now: Instant) {
        if let Some((_, namespace)) = self.namespaces.get_mut(&key.namespace) {
            poll_soon(namespace, &key.image, now);
        }
    }

    /// The next thing to do. An image is in flight for each of the namespaces until [`Self::ended`] is called for it.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        if self.in_flight >= MAX_CONCURRENT_IN_ALL {
            // Callers ask again when a poll has ended.
            return Next::Wait(None);
        }
        let mut wake = None::<Instant>;
        let registries = &self.registries;
        let is_busy = |registry: &str| {
            registries.get(registry).is_some_and(|count| *count >= MAX_CONCURRENT_AT_REGISTRY)
        };
        let found = self.turns.values().find_map(|name| {
            let (_, namespace) = self.namespaces.get(name)?;
            match namespace.first(now, is_busy) {
                Ok(image) => Some((Arc::clone(name), image)),
                Err(due) => {
                    wake = wake.into_iter().chain(due).min();
                    None
                }
            }
        });
        let Some((leader, image)) = found else { return Next::Wait(wake) };
        *self.registries.entry(image.registry().into()).or_default() += 1;
        self.in_flight += 1;
        self.take_turn(&leader);
        let mut served = vec![leader];
        let riders: Vec<_> = self.sharers(&image).filter(|name| **name != served[0]).cloned().collect();
        served.extend(riders.into_iter().filter(|name| {
            self.namespaces.get(name).is_some_and(|(_, namespace)| namespace.may_ride(&image, now))
        }));
        for name in &served {
            self.namespace(name).begin(&image, now);
        }
        Next::Poll(image, served)
    }

    /// Records the outcome of a poll for one namespace. `leads` if it was the first of [`Next::Poll`].
    pub(crate) fn ended(&mut self, key: &ImageKey, leads: bool, outcome: PollOutcome, now: Instant) {
        if leads {
            self.in_flight = self.in_flight.saturating_sub(1);
            if let Some(count) = self.registries.get_mut(key.image.registry()) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.registries.remove(key.image.registry());
                }
            }
        }
        let polling = self.polling;
        let namespace = self.namespace(&key.namespace);
        namespace.end(&key.image);
        if let Some(due) =
            namespace.entry_mut(&key.image).and_then(|entry| entry.end(&key.image, outcome, polling, now))
        {
            namespace.enqueue(&key.image, due);
        }
        if self.namespaces.get(&key.namespace).is_some_and(|(_, namespace)| namespace.is_empty())
            && let Some((turn, _)) = self.namespaces.remove(&key.namespace)
        {
            self.turns.remove(&turn);
        }
    }

    /// The time at which an image is due for a namespace.
    pub(crate) fn due(&self, key: &ImageKey) -> Option<Instant> {
        self.namespaces.get(&key.namespace)?.1.entry(&key.image)?.due
    }

    /// Whether every namespace that an image is polled for has a poll that began at `since` or later and has ended.
    pub(crate) fn is_polled_since(&self, image: &ImageRef, since: Instant) -> bool {
        self.sharers(image).all(|name| {
            let entry = self.namespaces.get(name).and_then(|(_, namespace)| namespace.entry(image));
            entry.is_none_or(|entry| !entry.in_flight && entry.polled.is_some_and(|polled| polled >= since))
        })
    }

    fn namespace(&mut self, name: &Arc<str>) -> &mut Namespace {
        let (turns, next_turn) = (&mut self.turns, &mut self.next_turn);
        let (_, namespace) = self.namespaces.entry(Arc::clone(name)).or_insert_with(|| {
            let turn = *next_turn;
            *next_turn += 1;
            turns.insert(turn, Arc::clone(name));
            (turn, Namespace::default())
        });
        namespace
    }

    fn take_turn(&mut self, name: &Arc<str>) {
        let Some((turn, _)) = self.namespaces.get_mut(name) else { return };
        self.turns.remove(turn);
        *turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(*turn, Arc::clone(name));
    }
}

fn poll_soon(namespace: &mut Namespace, image: &ImageRef, now: Instant) {
    let Some(entry) = namespace.entry_mut(image) else { return };
    if entry.in_flight {
        entry.repeat = true;
        return;
    }
    let soon = entry.soon(now);
    if entry.due.is_none_or(|due| due > soon) {
        namespace.enqueue(image, soon);
    }
}
