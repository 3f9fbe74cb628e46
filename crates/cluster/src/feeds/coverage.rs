use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};
use trigger_rules::{Coverage, Inventory};

use crate::metrics::{Metrics, SeenState};

/// How long a namespace that cannot be listed delays the others, after the first of them was listed. A right that is
/// missing delays them by nothing: it is missing until a person acts.
pub(crate) const SET_ASIDE_AFTER: Duration = Duration::from_secs(10);

/// How long a watch on Builds fails until its namespace counts as stale. Shorter failures are routine: a Build that was
/// made so recently might not be known to a watch that works either.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(5);

/// How many namespaces the details of `/readyz` name: it is an open route, and a probe logs its answer.
const MOST_NAMED: usize = 20;

/// How far the Builds of all parts of the scope are known. The feed of each part reports to it; it publishes the rules as
/// soon as they are worth something, and how complete they are.
///
/// A namespace that cannot be listed delays the others no longer than [`SET_ASIDE_AFTER`]. Until it is listed it is
/// *unseen*: no rule of it is known. One whose watch fails later is *stale*: its rules stay in force, and what was added
/// since is not known.
pub(super) struct FeedCoverage {
    parts: Mutex<Parts>,
    inventory: Arc<Inventory>,
    metrics: Metrics,
    synced: watch::Sender<bool>,
    /// Notified when a part changes, so that its deadline is kept.
    changed: Notify,
}

#[derive(Default)]
struct Parts {
    all: Vec<Part>,
    /// When the first part was listed.
    first_seen: Option<Instant>,
    published: Option<Coverage>,
}

/// A namespace, or all of them.
struct Part {
    namespace: Option<Arc<str>>,
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
    fn is_seen(&self) -> bool {
        *self.seen.borrow()
    }

    fn reason(&self) -> String {
        let waits = || "waiting for the first list of Builds".to_owned();
        self.failing.as_ref().map_or_else(waits, |failing| failing.reason.clone())
    }

    /// From when on the others do not wait for it, given when the first of them was listed.
    fn set_aside_at(&self, first_seen: Instant) -> Instant {
        let is_forbidden = self.failing.as_ref().is_some_and(|failing| failing.is_forbidden);
        if is_forbidden { first_seen } else { first_seen + SET_ASIDE_AFTER }
    }

    fn stale_at(&self) -> Option<Instant> {
        self.failing.as_ref().filter(|_| self.is_seen()).map(|failing| failing.since + STALE_AFTER)
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.stale_at().is_some_and(|at| at <= now)
    }
}

impl Parts {
    /// How far the owners are known; `None` while nothing should be decided yet.
    fn coverage(&self, now: Instant) -> Option<Coverage> {
        let first_seen = self.first_seen?;
        let mut unseen = self.all.iter().filter(|part| !part.is_seen());
        if self.published.is_none() && !unseen.clone().all(|part| part.set_aside_at(first_seen) <= now) {
            return None;
        }
        let is_stale = self.all.iter().any(|part| part.is_stale(now));
        Some(Coverage {
            unseen: unseen.by_ref().filter_map(|part| part.namespace.clone()).collect(),
            is_stale,
        })
    }

    /// When the coverage changes next if nothing happens.
    fn due(&self, now: Instant) -> Option<Instant> {
        let first_seen = self.first_seen.filter(|_| self.published.is_none());
        let set_aside = first_seen.into_iter().flat_map(|first_seen| {
            self.all.iter().filter(|part| !part.is_seen()).map(move |part| part.set_aside_at(first_seen))
        });
        set_aside.chain(self.all.iter().filter_map(Part::stale_at)).filter(|at| *at > now).min()
    }

    /// The parts of which not every Build is known, each in a sentence.
    fn details(&self, now: Instant) -> Vec<String> {
        let mut gaps = self.all.iter().filter(|part| !part.is_seen() || part.is_stale(now)).map(|part| {
            let whose = match &part.namespace {
                Some(namespace) => format!("the Builds of namespace {namespace}"),
                None => "the Builds".to_owned(),
            };
            let state = if part.is_seen() { "may have changed unseen" } else { "are not known" };
            format!("{whose} {state}: {}", part.reason())
        });
        let mut named: Vec<_> = gaps.by_ref().take(MOST_NAMED).collect();
        let others = gaps.count();
        if others > 0 {
            named.push(format!("and those of {others} more namespaces"));
        }
        named
    }
}

impl FeedCoverage {
    /// Nothing is known of the `parts` of a scope yet.
    pub(super) fn new(parts: &[Option<String>], inventory: &Arc<Inventory>, metrics: &Metrics) -> Self {
        let part = |namespace: &Option<String>| Part {
            namespace: namespace.as_deref().map(Arc::from),
            seen: watch::Sender::new(false),
            failing: None,
        };
        let parts = Parts { all: parts.iter().map(part).collect(), ..Parts::default() };
        Self {
            parts: Mutex::new(parts),
            inventory: Arc::clone(inventory),
            metrics: metrics.clone(),
            synced: watch::Sender::new(false),
            changed: Notify::new(),
        }
    }

    /// True once there are rules to decide by.
    pub(super) fn synced(&self) -> watch::Receiver<bool> {
        self.synced.subscribe()
    }

    /// True once the Builds of a part have been listed.
    pub(super) fn seen(&self, namespace: Option<&str>) -> Option<watch::Receiver<bool>> {
        let parts = self.lock();
        let part = parts.all.iter().find(|part| part.namespace.as_deref() == namespace);
        part.map(|part| part.seen.subscribe())
    }

    /// Why there are no rules to decide by, in a sentence.
    pub(super) fn waiting_for(&self) -> String {
        let parts = self.lock();
        let unseen = || parts.all.iter().filter(|part| !part.is_seen());
        let failing = unseen().find(|part| part.failing.is_some()).or_else(|| unseen().next());
        failing.map(Part::reason).unwrap_or_default()
    }

    /// The namespaces of which not every Build is known, each in a sentence.
    pub(super) fn details(&self) -> Vec<String> {
        self.lock().details(Instant::now())
    }

    /// Every Build of a part has been listed.
    pub(super) fn listed(&self, part: usize) {
        self.change(part, |part| {
            part.failing = None;
            part.seen.send_replace(true);
        });
    }

    /// The watch on a part has shown that it works. Called for each change of a Build.
    pub(super) fn works(&self, part: usize) {
        if self.lock().all.get(part).is_none_or(|part| part.failing.is_none()) {
            return;
        }
        self.change(part, |part| part.failing = None);
    }

    /// The watch on a part fails.
    pub(super) fn fails(&self, part: usize, is_forbidden: bool, reason: String) {
        self.change(part, |part| {
            let since = part.failing.as_ref().map_or_else(Instant::now, |failing| failing.since);
            part.failing = Some(Failing { since, is_forbidden, reason });
        });
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

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, part: usize, change: impl FnOnce(&mut Part)) {
        let mut parts = self.lock();
        let Some(part) = parts.all.get_mut(part) else { return };
        change(part);
        if part.is_seen() {
            parts.first_seen.get_or_insert_with(Instant::now);
        }
        drop(parts);
        self.review();
        self.changed.notify_one();
    }

    /// Publishes how far the Builds are known, if that has changed.
    fn review(&self) {
        let (mut parts, now) = (self.lock(), Instant::now());
        let stale = parts.all.iter().filter(|part| part.is_stale(now)).count();
        let unseen = parts.all.iter().filter(|part| !part.is_seen()).count();
        let known = parts.all.len() - stale - unseen;
        for (state, count) in
            [(SeenState::Known, known), (SeenState::Stale, stale), (SeenState::Unseen, unseen)]
        {
            self.metrics.namespaces(state, count);
        }
        let Some(coverage) = parts.coverage(now) else { return };
        if parts.published.as_ref() == Some(&coverage) {
            return;
        }
        // Under the lock, so that an older result does not replace a newer one.
        self.inventory.publish(coverage.clone());
        let details = parts.details(now);
        let before = parts.published.replace(coverage.clone());
        drop(parts);
        let is_first = before.is_none();
        log(&before.unwrap_or_default(), &coverage, &details);
        if is_first {
            self.synced.send_replace(true);
            let builds = self.inventory.current().map_or(0, |rules| rules.len());
            info!(builds, "the Builds have been seen");
        }
    }
}

/// Logs once that Builds are not known, and once that they are.
fn log(before: &Coverage, now: &Coverage, details: &[String]) {
    let is_new = now.unseen.iter().any(|namespace| !before.unseen.contains(namespace));
    if is_new || (now.is_stale && !before.is_stale) {
        warn!(
            details = details.join("; "),
            "not every Build is known: requests that may be for one that is not are answered 503"
        );
    }
    for namespace in before.unseen.difference(&now.unseen) {
        info!(%namespace, "the Builds of the namespace are known now");
    }
    if now.is_complete() && !before.is_complete() {
        info!("every Build is known again");
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;
    use trigger_core::KnownHosts;

    use super::*;

    fn coverage_of(namespaces: &[&str]) -> (FeedCoverage, Arc<Inventory>) {
        let inventory = Arc::new(Inventory::new(KnownHosts::NONE));
        let parts: Vec<_> = namespaces.iter().map(|name| Some((*name).to_owned())).collect();
        (FeedCoverage::new(&parts, &inventory, &Metrics::default()), inventory)
    }

    fn published(inventory: &Inventory) -> Option<Coverage> {
        inventory.current().map(|rules| rules.coverage().clone())
    }

    fn unseen(namespaces: &[&str]) -> Coverage {
        let unseen = namespaces.iter().map(|name| Arc::from(*name)).collect();
        Coverage { unseen, is_stale: false }
    }

    #[tokio::test(start_paused = true)]
    async fn a_forbidden_namespace_delays_no_other() {
        let (feeds, inventory) = coverage_of(&["a", "b", "c"]);
        feeds.fails(1, true, "forbidden".to_owned());
        feeds.listed(0);
        assert_eq!(published(&inventory), None, "c has not failed and may be listed at any moment");
        feeds.listed(2);
        assert_eq!(published(&inventory), Some(unseen(&["b"])));
        assert_eq!(feeds.details(), ["the Builds of namespace b are not known: forbidden"]);
        assert!(!*feeds.seen(Some("b")).unwrap().borrow());

        feeds.listed(1);
        assert_eq!(published(&inventory), Some(unseen(&[])));
        assert!(feeds.details().is_empty() && *feeds.seen(Some("b")).unwrap().borrow());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_decided_while_no_namespace_is_listed() {
        let (feeds, inventory) = coverage_of(&["a", "b"]);
        feeds.fails(0, true, "forbidden".to_owned());
        feeds.fails(1, false, "away".to_owned());
        advance(10 * SET_ASIDE_AFTER).await;
        feeds.review();
        assert_eq!(published(&inventory), None);
        assert_eq!(feeds.waiting_for(), "forbidden");
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_is_not_listed_delays_the_others_for_a_bounded_time() {
        let (feeds, inventory) = coverage_of(&["a", "b"]);
        let running = async {
            feeds.listed(0);
            advance(SET_ASIDE_AFTER / 2).await;
            assert_eq!(published(&inventory), None);
            tokio::time::sleep(SET_ASIDE_AFTER / 2).await;
            feeds.synced().wait_for(|synced| *synced).await.unwrap();
            assert_eq!(published(&inventory), Some(unseen(&["b"])));
        };
        tokio::select! { () = feeds.run() => {}, () = running => {} }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_for_longer_than_a_moment_makes_the_rules_stale() {
        let (feeds, inventory) = coverage_of(&["a"]);
        let is_stale = || published(&inventory).unwrap().is_stale;
        let running = async {
            feeds.listed(0);
            for _ in 0..3 {
                feeds.fails(0, false, "401".to_owned());
                tokio::time::sleep(STALE_AFTER / 2).await;
                feeds.works(0);
            }
            assert!(!is_stale(), "each failure was short");
            feeds.fails(0, false, "401".to_owned());
            tokio::time::sleep(STALE_AFTER / 2).await;
            feeds.fails(0, false, "401".to_owned());
            assert!(!is_stale());
            tokio::time::sleep(STALE_AFTER).await;
            assert!(is_stale(), "it has failed since the first failure");
            assert_eq!(feeds.details(), ["the Builds of namespace a may have changed unseen: 401"]);
            feeds.works(0);
            assert!(!is_stale());
        };
        tokio::select! { () = feeds.run() => {}, () = running => {} }
    }

    #[tokio::test(start_paused = true)]
    async fn the_details_name_a_bounded_number_of_namespaces() {
        let names: Vec<_> = (0..MOST_NAMED + 5).map(|number| format!("n{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let details = coverage_of(&names).0.details();
        assert_eq!(details.len(), MOST_NAMED + 1);
        assert_eq!(details[MOST_NAMED], "and those of 5 more namespaces");
    }
}
