use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{debug, info};
use trigger_core::{ImageRef, ImageSource};
use trigger_registries::{ResolveError, ResolveErrorKind};
use trigger_rules::{Inventory, RuleSet};
use trigger_runtime::Leadership;

use crate::ledger::{Observation, ObservationOutcome};
use crate::metrics::Metrics;
use crate::resolver::{Requester, Resolution, Resolver};
use crate::schedule::{Next, PollOutcome, Schedule};
use crate::status::{ImageError, ImageStatusCache, LastPoll, WatchedImages};
use crate::tracker::PendingObservation;
use crate::warnings::{ImageWarnings, WarningWindows};
use crate::watchers::{are_the_same, watchers};

/// How often the rules are checked for images that are new.
const REPLAN: Duration = Duration::from_secs(1);
/// The pause for a registry that answers "too many requests" without `Retry-After`.
const RATE_LIMIT_PAUSE: Duration = Duration::from_mins(1);

/// Asks registries for digests: the leader by interval, every replica after a push hint that reaches it.
pub(crate) struct Poller {
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) observations: mpsc::Sender<PendingObservation>,
    pub(crate) status: Arc<ImageStatusCache>,
    pub(crate) warnings: Arc<dyn ImageWarnings>,
    pub(crate) metrics: Metrics,
    /// The interval of images whose Builds set none; `None` for hints only.
    pub(crate) interval: Option<Duration>,
    pub(crate) schedule: Schedule,
    /// Images with a push hint since their last poll.
    pub(crate) hinted: HashSet<ImageRef>,
    pub(crate) plan: HashMap<ImageRef, PlannedPoll>,
    pub(crate) planned_for: Option<(Arc<RuleSet>, u64)>,
    pub(crate) warning_windows: WarningWindows,
    /// Callers that wait for a poll of an image, and since when.
    pub(crate) waiters: HashMap<ImageRef, Vec<(Instant, oneshot::Sender<()>)>>,
    pub(crate) leadership: Leadership,
}

/// How an image is polled, and for which namespaces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PlannedPoll {
    requesters: BTreeSet<Requester>,
    interval: Option<Duration>,
    /// The images of each Build that watches this one. All images of a Build share one list: copies would take the
    /// square of their number.
    companions: Vec<Arc<[ImageRef]>>,
}

/// A request to poll images soon.
pub(crate) struct PendingHint {
    pub(crate) images: Vec<ImageRef>,
    /// Notified when the first image has been polled. Absent for push hints.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// A finished poll.
struct Polled {
    image: ImageRef,
    started: Instant,
    resolution: Resolution,
    changed: bool,
}

impl Poller {
    pub(crate) async fn run(mut self, mut hints: mpsc::UnboundedReceiver<PendingHint>) {
        let mut in_flight = FuturesUnordered::new();
        let mut replan = interval(REPLAN);
        replan.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leadership = self.leadership.clone();
        let mut leads = leadership.is_ours();
        self.schedule.set_polling(leads, Instant::now());
        loop {
            let wake = loop {
                match self.schedule.next(Instant::now()) {
                    Next::Poll(image) => in_flight.push(self.poll(image)),
                    Next::Wait(wake) => break wake,
                }
            };
            let sleeping = async {
                match wake {
                    Some(wake) => sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(polled) = in_flight.next() => self.record(polled),
                _ = replan.tick() => self.replan(),
                hint = hints.recv() => match hint {
                    Some(hint) => self.poll_soon(hint),
                    None => return,
                },
                () = leadership.changes_from(leads) => {
                    leads = !leads;
                    self.set_leading(leads);
                }
                () = sleeping => {}
            }
        }
    }

    /// Starts polling by interval, or leaves that to another replica.
    fn set_leading(&mut self, leads: bool) {
        let now = Instant::now();
        self.schedule.set_polling(leads, now);
        // Hints and callers of this replica still need a poll.
        for image in self.hinted.iter().chain(self.waiters.keys()) {
            self.schedule.poll_soon(image, now);
        }
        self.metrics.watched(if leads { self.plan.len() } else { 0 });
        self.publish_next();
    }

    fn poll_soon(&mut self, hint: PendingHint) {
        if hint.done.is_none() {
            self.hinted.extend(hint.images.iter().cloned());
        }
        // The Build that watches the image may be a moment old.
        self.replan();
        let now = Instant::now();
        for image in &hint.images {
            self.schedule.poll_soon(image, now);
        }
        // An image that is not in the plan is never polled. Dropping `done` ends the wait of the caller.
        if let (Some(done), Some(image)) = (hint.done, hint.images.into_iter().next())
            && self.plan.contains_key(&image)
        {
            self.waiters.entry(image).or_default().push((now, done));
        }
    }

    fn poll(&self, image: ImageRef) -> BoxFuture<'static, Polled> {
        let (resolver, observations) = (Arc::clone(&self.resolver), self.observations.clone());
        let started = Instant::now();
        let plan = self.plan.get(&image).into_iter();
        let requesters: Vec<_> = plan.flat_map(|plan| plan.requesters.clone()).collect();
        async move {
            let resolution = resolver.resolve(&image, &requesters).await;
            let since = Timestamp::now();
            let mut changed = false;
            for (namespace, answer) in &resolution.by_namespace {
                let Ok(digest) = answer else { continue };
                let (image, digest) = (image.clone(), digest.clone());
                let observation =
                    Observation { image, digest, source: ImageSource::Registry, since, pushed: false };
                let (answer, outcome) = oneshot::channel();
                let pending = PendingObservation { namespace: Arc::clone(namespace), observation, answer };
                // The poll ends when the journal has the observation, so `check` returns after that.
                if observations.send(pending).await.is_ok() {
                    changed |= outcome.await == Ok(ObservationOutcome::Changed);
                }
            }
            Polled { image, started, resolution, changed }
        }
        .boxed()
    }

    fn record(&mut self, polled: Polled) {
        let Polled { image, started, resolution, changed } = polled;
        let now = Instant::now();
        let mut outcome = PollOutcome::Resolved;
        for (namespace, answer) in &resolution.by_namespace {
            let error = answer.as_ref().err();
            self.metrics.answered(error.map(|error| error.kind));
            if let Some(error) = error {
                outcome = worse(outcome, failed(error));
                debug!(namespace = %namespace, %image, error = %error, "cannot resolve an image");
            }
            let shown = error
                .map(|error| ImageError { kind: error.kind.name(), message: error.message().to_owned() });
            self.status.polled(namespace, &image, LastPoll { at: Timestamp::now(), error: shown });
            // Warnings of one replica are enough.
            if self.leadership.is_ours()
                && let Some(rules) = self.inventory.current()
            {
                self.warning_windows.record(self.warnings.as_ref(), &rules, namespace, &image, error);
            }
        }
        self.schedule.ended(&image, outcome, resolution.requests, now);
        if self.hinted.remove(&image) && !changed {
            // CNCF Distribution sends the notification before it moves the tag, so this poll may have been early.
            self.schedule.poll_soon(&image, now);
        }
        if changed && let Some(plan) = self.plan.get(&image) {
            // Images that change together should start one run: the companions may have changed as well.
            for companion in
                plan.companions.iter().flat_map(|images| images.iter()).filter(|other| **other != image)
            {
                self.schedule.poll_soon(companion, now);
            }
        }
        self.notify_waiters(image, started);
        self.publish_next();
    }

    /// Notifies the callers that waited when the poll started. Later ones need another poll, which their hint has
    /// scheduled.
    fn notify_waiters(&mut self, image: ImageRef, started: Instant) {
        let waiters = self.waiters.remove(&image).unwrap_or_default();
        let (served, later): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|(since, _)| *since <= started);
        for (_, done) in served {
            let _ = done.send(());
        }
        if !later.is_empty() {
            self.waiters.insert(image, later);
        }
    }

    /// Plans the polls again if the rules or the Image objects have changed.
    fn replan(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let version = self.status.objects_version();
        let is_planned =
            |(before, objects): &(Arc<RuleSet>, u64)| *objects == version && are_the_same(&rules, before);
        if self.planned_for.as_ref().is_some_and(is_planned) {
            return;
        }
        let (plan, watched) = self.plan_polls(&rules);
        let (now, leads) = (Instant::now(), self.leadership.is_ours());
        self.hinted.retain(|image| plan.contains_key(image));
        self.schedule.retain(|image| plan.contains_key(image));
        self.waiters.retain(|image, _| plan.contains_key(image));
        for (image, planned) in &plan {
            self.schedule.set(image, planned.interval, now);
            let before = self.plan.get(image);
            if leads && before.is_some_and(|before| !planned.requesters.is_subset(&before.requesters)) {
                self.schedule.poll_soon(image, now);
            }
        }
        self.metrics.watched(if leads { plan.len() } else { 0 });
        if leads && plan.len() != self.plan.len() {
            info!(images = plan.len(), "polling registries for images");
        }
        self.plan = plan;
        self.status.set_watched(&watched);
        self.warning_windows.retain(&watched);
        self.planned_for = Some((rules, version));
        self.publish_next();
    }

    /// The polls to make, and the namespaces that watch each image.
    fn plan_polls(&self, rules: &RuleSet) -> (HashMap<ImageRef, PlannedPoll>, WatchedImages) {
        let objects = self.status.objects();
        let mut plan = HashMap::<ImageRef, PlannedPoll>::new();
        let mut watched = WatchedImages::new();
        for watcher in watchers(rules) {
            let (namespace, images) = (watcher.namespace(), watcher.images);
            for name in images.names.iter() {
                watched.entry(name.clone()).or_default().insert(Arc::clone(namespace));
                if objects.contains(&(Arc::clone(namespace), name.clone())) {
                    continue;
                }
                let planned = plan.entry(name.clone()).or_default();
                let interval = images.interval.or(self.interval);
                planned.interval = planned.interval.into_iter().chain(interval).min();
                if images.names.len() > 1 {
                    planned.companions.push(Arc::clone(&images.names));
                }
                let secrets = images.secrets.to_vec();
                planned.requesters.insert(Requester { namespace: Arc::clone(namespace), secrets });
            }
        }
        (plan, watched)
    }

    fn publish_next(&self) {
        let (now, moment) = (Instant::now(), Timestamp::now());
        let next = self.plan.keys().filter_map(|image| {
            let due = self.schedule.due(image)?;
            let due = moment.checked_add(due.saturating_duration_since(now)).ok()?;
            Some((image.clone(), due))
        });
        self.status.set_next(next.collect());
    }
}

fn failed(error: &ResolveError) -> PollOutcome {
    let retry_after = match error.kind {
        ResolveErrorKind::TooManyRequests => Some(error.retry_after.unwrap_or(RATE_LIMIT_PAUSE)),
        _ => error.retry_after,
    };
    PollOutcome::Failed { permanent: error.kind.is_lasting(), retry_after }
}

/// Of two outcomes, the one that is retried sooner, but with the longer pause that a registry asked for.
fn worse(one: PollOutcome, other: PollOutcome) -> PollOutcome {
    match (one, other) {
        (PollOutcome::Resolved, other) => other,
        (one, PollOutcome::Resolved) => one,
        (
            PollOutcome::Failed { permanent: one, retry_after: pause },
            PollOutcome::Failed { permanent: other, retry_after: longer },
        ) => PollOutcome::Failed { permanent: one && other, retry_after: pause.max(longer) },
    }
}
