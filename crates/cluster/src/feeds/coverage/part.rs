use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{SET_ASIDE_AFTER, STALE_AFTER};

/// The objects of a kind, in one namespace or in all.
pub(in crate::feeds) struct Part {
    /// The kind, in the plural.
    kind: &'static str,
    pub(in crate::feeds) namespace: Option<Arc<str>>,
    seen: watch::Sender<bool>,
    failing: Option<Failing>,
}

/// A watch that fails.
struct Failing {
    since: Instant,
    is_forbidden: bool,
    reason: String,
}

impl Part {
    /// A part of which nothing is known yet. `kind` is its kind in the plural.
    pub(in crate::feeds) fn new(kind: &'static str, namespace: Option<&str>) -> Self {
        Self { kind, namespace: namespace.map(Arc::from), seen: watch::Sender::new(false), failing: None }
    }

    /// Whether it has been listed.
    pub(in crate::feeds) fn is_seen(&self) -> bool {
        *self.seen.borrow()
    }

    /// True once it has been listed.
    pub(super) fn seen(&self) -> watch::Receiver<bool> {
        self.seen.subscribe()
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.failing.as_ref().is_some_and(|failing| failing.is_forbidden)
    }

    /// Whether its watch has failed for so long that changes may have been missed.
    pub(in crate::feeds) fn is_stale(&self, now: Instant) -> bool {
        self.stale_at().is_some_and(|at| at <= now)
    }

    pub(super) fn stale_at(&self) -> Option<Instant> {
        self.failing.as_ref().filter(|_| self.is_seen()).map(|failing| failing.since + STALE_AFTER)
    }

    /// From when on the others do not wait for it, given when the first of them was settled.
    pub(super) fn set_aside_at(&self, first_settled: Instant) -> Instant {
        if self.is_forbidden() { first_settled } else { first_settled + SET_ASIDE_AFTER }
    }

    /// Why it is not known, in a sentence.
    pub(in crate::feeds) fn reason(&self) -> String {
        let waits = || format!("waiting for the first list of {}", self.kind);
        self.failing.as_ref().map_or_else(waits, |failing| failing.reason.clone())
    }

    /// That it is not known, and why, in a sentence.
    pub(super) fn detail(&self) -> String {
        let kind = self.kind;
        let objects = match &self.namespace {
            Some(namespace) => format!("the {kind} of namespace {namespace}"),
            None => format!("the {kind}"),
        };
        let state = if self.is_seen() { "may have changed unseen" } else { "are not known" };
        format!("{objects} {state}: {}", self.reason())
    }

    /// That it cannot be watched, and why, in a sentence. The reason is such a sentence already if the kind is absent.
    pub(super) fn unwatched(&self, reason: &str, is_absent: bool) -> String {
        let place = self.namespace.as_ref().map(|namespace| format!(" (namespace {namespace})"));
        let place = place.unwrap_or_default();
        if is_absent {
            format!("{reason}{place}")
        } else {
            format!("{} cannot be watched: {reason}{place}", self.kind)
        }
    }

    pub(super) fn listed(&mut self) {
        self.failing = None;
        self.seen.send_replace(true);
    }

    pub(super) fn works(&mut self) {
        self.failing = None;
    }

    pub(super) fn fails(&mut self, is_forbidden: bool, reason: String) {
        let since = self.failing.as_ref().map_or_else(Instant::now, |failing| failing.since);
        self.failing = Some(Failing { since, is_forbidden, reason });
    }
}
