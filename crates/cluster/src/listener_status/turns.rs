use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use trigger_core::ObjectKey;
use trigger_rules::listeners::{Listener, ListenerError, ListenerStatus};
use trigger_runtime::Backoff;

use super::contest::Contest;

/// The pauses after writes of one listener that failed.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(5) };

/// An EventListener as the inventory has it.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// It is served.
    Served(Arc<Listener>),
    /// It is not, because of these errors.
    NotServed(Arc<[ListenerError]>),
}

/// The EventListeners, and which of them is looked at next: one namespace after the other, the listeners of each in the
/// order in which they changed.
#[derive(Default)]
pub(super) struct Turns {
    entries: HashMap<ObjectKey, Entry>,
    /// The namespaces with listeners that are due, in the order of their turns.
    namespaces: VecDeque<Arc<str>>,
    /// Their listeners that are due, by name.
    due: HashMap<Arc<str>, VecDeque<Arc<str>>>,
}

/// One of them.
pub(super) struct Entry {
    pub(super) known: Known,
    /// The last thing that we said about it.
    pub(super) written: Option<Written>,
    pub(super) contest: Contest,
    failures: u32,
    not_before: Instant,
    is_due: bool,
    /// Whether it is left to another controller.
    is_left_alone: bool,
}

/// A status that was written, or that was there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// `metadata.uid` of the object.
    pub(super) uid: Option<String>,
    pub(super) status: ListenerStatus,
    pub(super) generation: Option<i64>,
    /// The digest of the status that the API server made of it, if it is another.
    pub(super) stored: Option<u64>,
}

/// The result of looking at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its status says what it should, or there is no such object.
    Done,
    /// Another try may help.
    Retry,
    /// It is left to another controller.
    LeftAlone,
}

impl Known {
    /// Whether both are one snapshot.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Served(one), Self::Served(other)) => Arc::ptr_eq(one, other),
            (Self::NotServed(one), Self::NotServed(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Its status.
    pub(super) fn status(&self, key: &ObjectKey, public_url: Option<&str>) -> ListenerStatus {
        match self {
            Self::Served(listener) => listener.status(public_url),
            Self::NotServed(errors) => ListenerStatus::not_served(key, errors),
        }
    }

    /// Whether the object says it already, as far as the inventory knows.
    fn is_said(&self, key: &ObjectKey, public_url: Option<&str>) -> bool {
        let Self::Served(listener) = self else { return false };
        let status = self.status(key, public_url);
        status.patch(listener.object_status(), listener.generation(), Timestamp::UNIX_EPOCH).is_none()
    }
}

impl Turns {
    /// Takes an EventListener as the inventory has it now.
    pub(super) fn observe(&mut self, key: &ObjectKey, known: &Known, public_url: Option<&str>, now: Instant) {
        match self.entries.get_mut(key) {
            Some(entry) if entry.known.is(known) => return,
            Some(entry) => {
                entry.known = known.clone();
                // A person may have mended what kept it from being written.
                (entry.failures, entry.not_before) = (0, now);
            }
            None => {
                let entry = Entry {
                    known: known.clone(),
                    written: None,
                    contest: Contest::default(),
                    failures: 0,
                    not_before: now,
                    is_due: false,
                    is_left_alone: false,
                };
                self.entries.insert(key.clone(), entry);
            }
        }
        if !known.is_said(key, public_url) {
            self.queue(key);
        }
    }

    /// Forgets all that are not among `all`.
    pub(super) fn retain(&mut self, all: &HashSet<ObjectKey>) {
        self.entries.retain(|key, _| all.contains(key));
    }

    pub(super) fn entry(&mut self, key: &ObjectKey) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    /// Takes the next one that is due, in a namespace that is not paused.
    pub(super) fn next(&mut self, now: Instant, is_paused: impl Fn(&str) -> bool) -> Option<ObjectKey> {
        for _ in 0..self.namespaces.len() {
            let namespace = self.namespaces.pop_front()?;
            let found = if is_paused(&namespace) { None } else { self.next_of(&namespace, now) };
            if self.due.get(&namespace).is_some_and(|due| !due.is_empty()) {
                self.namespaces.push_back(Arc::clone(&namespace));
            } else {
                self.due.remove(&namespace);
            }
            if let Some(name) = found {
                return Some(ObjectKey { namespace, name });
            }
        }
        None
    }

    /// Takes the result of looking at one.
    pub(super) fn took(&mut self, key: &ObjectKey, outcome: Outcome, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match outcome {
            Outcome::Done => entry.failures = 0,
            Outcome::LeftAlone => entry.is_left_alone = true,
            Outcome::Retry => {
                entry.failures = entry.failures.saturating_add(1);
                entry.not_before = now + AGAIN.pause(entry.failures);
                self.queue(key);
            }
        }
    }

    /// Takes the first listener of a namespace whose pause is over.
    fn next_of(&mut self, namespace: &Arc<str>, now: Instant) -> Option<Arc<str>> {
        let key = |name: &Arc<str>| ObjectKey { namespace: Arc::clone(namespace), name: Arc::clone(name) };
        let due = self.due.get_mut(namespace)?;
        due.retain(|name| self.entries.contains_key(&key(name)));
        let is_ready = |name| self.entries.get(&key(name)).is_some_and(|entry| entry.not_before <= now);
        let place = due.iter().position(is_ready)?;
        let name = due.remove(place)?;
        if let Some(entry) = self.entries.get_mut(&key(&name)) {
            entry.is_due = false;
        }
        Some(name)
    }

    fn queue(&mut self, key: &ObjectKey) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| !entry.is_due && !entry.is_left_alone)
        else {
            return;
        };
        entry.is_due = true;
        if !self.due.contains_key(&key.namespace) {
            self.namespaces.push_back(Arc::clone(&key.namespace));
        }
        self.due.entry(Arc::clone(&key.namespace)).or_default().push_back(Arc::clone(&key.name));
    }
}
