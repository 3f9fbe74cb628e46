//! How far the objects that several watches receive are known.
//!
//! A part is what one watch receives: the objects of a kind, of one namespace or of all. A part that cannot be listed
//! delays the others no longer than [`SET_ASIDE_AFTER`]. Until it is listed it is *unseen*: none of its objects is known.
//! One whose watch fails later is *stale*: its objects stay in force, and what was added since is not known.
//!
//! `part`: the state of one of them. `builds`: what follows for the rules of Builds.

mod builds;
mod part;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::watcher;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

pub(super) use self::builds::CoveredBuilds;
pub(super) use self::part::Part;
use crate::sentence::{Remedies, of_watch};
use crate::watch::Failure;

/// How long a part that cannot be listed delays the others, after the first of them was listed. A right that is missing
/// delays them by nothing: it is missing until a person acts.
pub(crate) const SET_ASIDE_AFTER: Duration = Duration::from_secs(10);

/// How long a watch fails until its part counts as stale. Shorter failures are routine: an object that was made so
/// recently might not be known to a watch that works either.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(5);

/// How many namespaces the details of `/readyz` name: it is an open route, and a probe logs its answer.
const MOST_NAMED: usize = 20;

/// A reader of the objects, which has to know of which namespaces all are known.
pub(super) trait Covered: Send + Sync + 'static {
    /// How far they are known.
    type Coverage: Clone + PartialEq + Send;

    /// Whether to begin if no part may be listed.
    const BEGINS_WITHOUT_ANY: bool;

    /// How far they are known now.
    fn coverage(&self, parts: &[Part], now: Instant) -> Self::Coverage;

    /// Counts the parts by their state. Called after each change of a part.
    fn count(&self, parts: &[Part], now: Instant);

    /// Publishes how far they are known; `before` is what was published last. Called under a lock, so that an older result
    /// does not replace a newer one.
    fn publish(&self, before: Option<&Self::Coverage>, coverage: &Self::Coverage);

    /// Logs the same.
    fn log(&self, before: Option<&Self::Coverage>, coverage: &Self::Coverage, details: &[String]);
}

/// How far the objects of all parts are known. The watch of each part reports to it; it publishes the objects as soon as
/// they are worth something, and how complete they are.
pub(super) struct FeedCoverage<C: Covered> {
    parts: Mutex<Parts<C::Coverage>>,
    covered: C,
    synced: watch::Sender<bool>,
    /// Notified when a part changes, so that its deadline is kept.
    changed: Notify,
}

struct Parts<Coverage> {
    all: Vec<Part>,
    /// When the first part was listed, or turned out to be forbidden if that is enough to begin.
    first_settled: Option<Instant>,
    published: Option<Coverage>,
}

impl<Coverage> Parts<Coverage> {
    /// Whether the others have been waited for long enough.
    fn may_begin(&self, now: Instant) -> bool {
        let Some(first) = self.first_settled else { return false };
        self.all.iter().filter(|part| !part.is_seen()).all(|part| part.set_aside_at(first) <= now)
    }

    /// When the coverage changes next if nothing happens.
    fn due(&self, now: Instant) -> Option<Instant> {
        let first = self.first_settled.filter(|_| self.published.is_none());
        let set_aside = first.into_iter().flat_map(|first| {
            self.all.iter().filter(|part| !part.is_seen()).map(move |part| part.set_aside_at(first))
        });
        set_aside.chain(self.all.iter().filter_map(Part::stale_at)).filter(|at| *at > now).min()
    }

    /// The namespaces of which not every object is known, each in a sentence.
    fn details(&self, now: Instant) -> Vec<String> {
        let mut namespaces = HashSet::new();
        let mut gaps = self.all.iter().filter(|part| !part.is_seen() || part.is_stale(now)).filter(|part| {
            // Its other kinds have the same reason, as a rule.
            part.namespace.as_ref().is_none_or(|namespace| namespaces.insert(namespace))
        });
        let mut named: Vec<_> = gaps.by_ref().take(MOST_NAMED).map(Part::detail).collect();
        let others = gaps.count();
        if others > 0 {
            named.push(format!("and those of {others} more namespaces"));
        }
        named
    }
}

impl<C: Covered> FeedCoverage<C> {
    /// Nothing is known of the parts yet.
    pub(super) fn new(parts: impl IntoIterator<Item = Part>, covered: C) -> Self {
        let parts = Parts { all: parts.into_iter().collect(), first_settled: None, published: None };
        Self { parts: Mutex::new(parts), covered, synced: watch::Sender::new(false), changed: Notify::new() }
    }

    /// True once there is something to decide by.
    pub(super) fn synced(&self) -> watch::Receiver<bool> {
        self.synced.subscribe()
    }

    /// True once the first part of a namespace has been listed.
    pub(super) fn seen(&self, namespace: Option<&str>) -> Option<watch::Receiver<bool>> {
        let parts = self.lock();
        parts.all.iter().find(|part| part.namespace.as_deref() == namespace).map(Part::seen)
    }

    /// Why there is nothing to decide by, in a sentence.
    pub(super) fn waiting_for(&self) -> String {
        let parts = self.lock();
        let unseen = || parts.all.iter().filter(|part| !part.is_seen());
        let failing = unseen().find(|part| part.is_failing()).or_else(|| unseen().next());
        failing.map(Part::reason).unwrap_or_default()
    }

    /// The namespaces of which not every object is known, each in a sentence.
    pub(super) fn details(&self) -> Vec<String> {
        self.lock().details(Instant::now())
    }

    /// Every object of a part has been listed.
    pub(super) fn listed(&self, part: usize) {
        self.change(part, Part::listed);
    }

    /// The watch on a part has shown that it works. Called for each change of an object.
    pub(super) fn works(&self, part: usize) {
        if self.lock().all.get(part).is_some_and(Part::is_failing) {
            self.change(part, Part::works);
        }
    }

    /// The watch on a part has failed with an error.
    pub(super) fn watch_fails(&self, part: usize, error: &watcher::Error, remedies: Remedies<'_>) {
        let failure = Failure::of(error);
        // It continues where it was, and a quiet watch has no event that would show that it works again.
        if failure == Failure::Interrupted {
            return;
        }
        let reason = of_watch(error, remedies);
        self.change(part, |part| {
            let reason = part.unwatched(&reason, failure == Failure::Absent);
            part.fails(failure == Failure::Forbidden, reason);
        });
    }

    /// A part cannot be received, for a reason that is a sentence.
    pub(super) fn fails(&self, part: usize, is_forbidden: bool, reason: String) {
        self.change(part, |part| part.fails(is_forbidden, reason));
    }

    /// Keeps the deadlines, for ever.
    pub(super) async fn run(&self) {
        loop {
            self.review();
            let due = self.lock().due(Instant::now());
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { () = due => {}, () = self.changed.notified() => {} }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parts<C::Coverage>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, part: usize, change: impl FnOnce(&mut Part)) {
        let mut parts = self.lock();
        let Some(part) = parts.all.get_mut(part) else { return };
        change(part);
        if part.is_seen() || (C::BEGINS_WITHOUT_ANY && part.is_forbidden()) {
            parts.first_settled.get_or_insert_with(Instant::now);
        }
        drop(parts);
        self.review();
        self.changed.notify_one();
    }

    /// Publishes how far the objects are known, if that has changed.
    fn review(&self) {
        let (mut parts, now) = (self.lock(), Instant::now());
        self.covered.count(&parts.all, now);
        if parts.published.is_none() && !parts.may_begin(now) {
            return;
        }
        let coverage = self.covered.coverage(&parts.all, now);
        if parts.published.as_ref() == Some(&coverage) {
            return;
        }
        self.covered.publish(parts.published.as_ref(), &coverage);
        let details = parts.details(now);
        let before = parts.published.replace(coverage.clone());
        drop(parts);
        self.covered.log(before.as_ref(), &coverage, &details);
        if before.is_none() {
            self.synced.send_replace(true);
        }
    }
}
