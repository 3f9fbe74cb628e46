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
use trigger_core::{Digest, ImageRef, ImageSource};
use trigger_egress::on_behalf_of;
use trigger_registries::ResolveError;
use trigger_rules::{Inventory, RuleSet};
use trigger_runtime::{ClusterClock, Leadership};

use crate::followed::{Followed, FollowedBuild, are_the_same};
use crate::image_key::ImageKey;
use crate::ledger::{Observation, ObservationOutcome, Pushed};
use crate::metrics::Metrics;
use crate::resolver::{MAX_SECRETS, Resolver, SecretNames, SharedAnswers};
use crate::schedule::{Next, PollOutcome, Schedule};
use crate::status::{ImageError, ImageStatusCache, LastPoll};
use crate::tracker::PendingObservation;
use crate::warnings::{ImageWarnings, WarningWindows};

/// How often the rules are checked for images that are new.
const REPLAN: Duration = Duration::from_secs(1);
/// Images that are polled soon because an image of the same Builds has changed. The others follow by interval.
pub(crate) const MAX_COMPANIONS: usize = 1000;
/// Callers that wait for a poll of one image. Further ones get the state as it is.
pub(crate) const MAX_WAITERS: usize = 64;

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
    pub(crate) leadership: Leadership,
    pub(crate) schedule: Schedule,
    pub(crate) plan: PollPlan,
    /// The times of objects are compared with those of observations.
    pub(crate) clock: ClusterClock,
}

/// The polls to make, and the state of those that were made.
#[derive(Default)]
pub(crate) struct PollPlan {
    polls: HashMap<ImageKey, PlannedPoll>,
    followed: Arc<Followed>,
    planned_for: Option<(Arc<RuleSet>, u64)>,
    /// Images with a push hint since their last poll.
    hinted: HashSet<ImageKey>,
    warning_windows: WarningWindows,
    /// Callers that wait for a poll of an image, and since when.
    waiters: HashMap<ImageRef, Vec<(Instant, oneshot::Sender<()>)>>,
}

/// How an image is polled for one namespace.
#[derive(Debug, Default, PartialEq, Eq)]
struct PlannedPoll {
    /// The Secrets of its Builds, each combination once.
    secrets: BTreeSet<SecretNames>,
    interval: Option<Duration>,
}

/// A request to poll images soon.
pub(crate) struct PendingHint {
    pub(crate) images: Vec<ImageRef>,
    /// Notified when the first image has been polled. Absent for push hints.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// A finished poll of an image for one namespace.
struct Polled {
    key: ImageKey,
    /// Whether the poll was due; otherwise it shared the answer of one that was.
    leads: bool,
    answer: Result<Digest, ResolveError>,
    changed: bool,
}

impl Poller {
    pub(crate) async fn run(mut self, mut hints: mpsc::Receiver<PendingHint>) {
        let mut in_flight = FuturesUnordered::new();
        let mut replan = interval(REPLAN);
        replan.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leadership = self.leadership.clone();
        let mut leads = leadership.is_ours();
        self.schedule.set_polling(leads, Instant::now());
        loop {
            let wake = loop {
                match self.schedule.next(Instant::now()) {
                    Next::Poll(image, namespaces) => in_flight.extend(self.poll(&image, &namespaces)),
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
        for key in &self.plan.hinted {
            self.schedule.poll_soon(key, now);
        }
        for image in self.plan.waiters.keys() {
            for key in keys(&self.schedule, image) {
                self.schedule.poll_soon(&key, now);
            }
        }
        self.metrics.watched(if leads { self.schedule.images() } else { 0 });
        self.publish_all();
    }

    fn poll_soon(&mut self, hint: PendingHint) {
        // The Build that watches the image may be a moment old.
        self.replan();
        let now = Instant::now();
        for image in &hint.images {
            for key in keys(&self.schedule, image) {
                self.schedule.poll_soon(&key, now);
                if hint.done.is_none() {
                    self.plan.hinted.insert(key);
                }
            }
        }
        // An image that is not in the plan is never polled. Dropping `done` ends the wait of the caller.
        if let (Some(done), Some(image)) = (hint.done, hint.images.into_iter().next())
            && self.schedule.sharers(&image).next().is_some()
        {
            let waiters = self.plan.waiters.entry(image).or_default();
            waiters.retain(|(_, done)| !done.is_closed());
            if waiters.len() < MAX_WAITERS {
                waiters.push((now, done));
            }
        }
    }

    /// Polls an image for namespaces, each by itself: one with slow credentials does not hold up another.
    fn poll(&self, image: &ImageRef, namespaces: &[Arc<str>]) -> Vec<BoxFuture<'static, Polled>> {
        let shared = Arc::new(SharedAnswers::default());
        let poll = |(n, namespace): (usize, &Arc<str>)| {
            self.poll_for(ImageKey::new(namespace, image), n == 0, Arc::clone(&shared))
        };
        namespaces.iter().enumerate().map(poll).collect()
    }

    fn poll_for(&self, key: ImageKey, leads: bool, shared: Arc<SharedAnswers>) -> BoxFuture<'static, Polled> {
        let (resolver, observations) = (Arc::clone(&self.resolver), self.observations.clone());
        let clock = self.clock.clone();
        let plan = self.plan.polls.get(&key).into_iter();
        let secrets: Vec<_> = plan.flat_map(|plan| plan.secrets.iter().cloned()).collect();
        async move {
            let resolution = resolver.resolve(&key.image, &secrets, &shared);
            let answer = on_behalf_of(Arc::clone(&key.namespace), resolution).await;
            let mut changed = false;
            if let Ok(digest) = &answer {
                let (image, digest, since) = (key.image.clone(), digest.clone(), clock.now());
                let observation = Observation {
                    image,
                    digest,
                    source: ImageSource::Registry,
                    since,
                    pushed: Pushed::Unknown,
                };
                let (answer, outcome) = oneshot::channel();
                let namespace = Arc::clone(&key.namespace);
                // The poll ends when the journal has the observation, so `check` returns after that.
                if observations.send(PendingObservation { namespace, observation, answer }).await.is_ok() {
                    changed = outcome.await == Ok(ObservationOutcome::Changed);
                }
            }
            Polled { key, leads, answer, changed }
        }
        .boxed()
    }

    fn record(&mut self, polled: Polled) {
        let Polled { key, leads, answer, changed } = polled;
        let now = Instant::now();
        let error = answer.as_ref().err();
        self.metrics.answered(error.map(|error| error.kind));
        if let Some(error) = error {
            debug!(image = %key.image, namespace = %key.namespace, error = %error, "an image does not resolve");
        }
        let shown =
            error.map(|error| ImageError { kind: error.kind.name(), message: error.message().to_owned() });
        if self.plan.polls.contains_key(&key) {
            self.status.polled(&key, LastPoll { at: Timestamp::now(), error: shown });
            // Warnings of one replica are enough.
            if self.leadership.is_ours() {
                let PollPlan { warning_windows, followed, .. } = &mut self.plan;
                warning_windows.record(self.warnings.as_ref(), followed, &key, error);
            }
        }
        self.schedule.ended(&key, leads, error.map_or(PollOutcome::Resolved, failed), now);
        if self.plan.hinted.remove(&key) && !changed {
            // CNCF Distribution sends the notification before it moves the tag, so this poll may have been early.
            self.schedule.poll_soon(&key, now);
        }
        self.publish(std::iter::once(&key));
        if changed {
            self.poll_companions(&key, now);
        }
        self.notify_waiters(&key.image);
    }

    /// Polls the other images of the Builds that watch an image that has changed. Images that change together should
    /// start one run.
    fn poll_companions(&mut self, changed: &ImageKey, now: Instant) {
        let followed = Arc::clone(&self.plan.followed);
        let builds = followed.namespace(&changed.namespace).into_iter();
        let builds = builds.flat_map(|namespace| namespace.watching(&changed.image));
        let companions = builds.flat_map(FollowedBuild::names).filter(|image| **image != changed.image);
        let companions: BTreeSet<_> = companions.take(MAX_COMPANIONS).collect();
        let companions: Vec<_> =
            companions.into_iter().map(|image| ImageKey::new(&changed.namespace, image)).collect();
        for key in &companions {
            self.schedule.poll_soon(key, now);
        }
        self.publish(&companions);
    }

    /// Notifies the callers whose image has been polled for all its namespaces since they called.
    fn notify_waiters(&mut self, image: &ImageRef) {
        let Some(waiters) = self.plan.waiters.remove(image) else { return };
        let (served, later): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|(since, _)| self.schedule.is_polled_since(image, *since));
        for (_, done) in served {
            let _ = done.send(());
        }
        if !later.is_empty() {
            self.plan.waiters.insert(image.clone(), later);
        }
    }

    /// Plans the polls again if the rules or the Image objects have changed.
    fn replan(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let version = self.status.objects_version();
        let is_planned =
            |(before, objects): &(Arc<RuleSet>, u64)| *objects == version && are_the_same(&rules, before);
        if self.plan.planned_for.as_ref().is_some_and(is_planned) {
            return;
        }
        let followed = Arc::new(Followed::of(&rules));
        let polls = self.plan_polls(&followed);
        let (now, leads) = (Instant::now(), self.leadership.is_ours());
        let images = self.schedule.images();
        self.schedule.retain(|key| polls.contains_key(key));
        for (key, planned) in &polls {
            self.schedule.set(key, planned.interval, now);
            let before = self.plan.polls.get(key);
            if leads && before.is_some_and(|before| !planned.secrets.is_subset(&before.secrets)) {
                self.schedule.poll_soon(key, now);
            }
        }
        let planned = self.schedule.images();
        self.metrics.watched(if leads { planned } else { 0 });
        if leads && planned != images {
            info!(images = planned, "polling registries for images");
        }
        self.status.set_followed(&followed);
        let plan = &mut self.plan;
        plan.hinted.retain(|key| polls.contains_key(key));
        plan.waiters.retain(|image, _| self.schedule.sharers(image).next().is_some());
        if leads {
            plan.warning_windows.replan(self.warnings.as_ref(), &followed);
        }
        plan.polls = polls;
        plan.followed = followed;
        plan.planned_for = Some((rules, version));
        self.publish_all();
    }

    /// The polls for the images that are followed, but not of those that Image objects report.
    fn plan_polls(&self, followed: &Followed) -> HashMap<ImageKey, PlannedPoll> {
        let objects = self.status.objects();
        let mut polls = HashMap::<ImageKey, PlannedPoll>::new();
        for (namespace, watched) in followed.namespaces() {
            for build in watched.builds() {
                let Some(settings) = build.settings() else { continue };
                let secrets: SecretNames = settings.secrets.iter().take(MAX_SECRETS).cloned().collect();
                let interval = settings.interval.or(self.interval);
                for image in build.names() {
                    let key = ImageKey::new(namespace, image);
                    if objects.contains(&key) {
                        continue;
                    }
                    let planned = polls.entry(key).or_default();
                    planned.interval = planned.interval.into_iter().chain(interval).min();
                    if planned.secrets.len() < MAX_SECRETS {
                        planned.secrets.insert(Arc::clone(&secrets));
                    }
                }
            }
        }
        polls
    }

    /// Publishes when images are polled next.
    fn publish<'a>(&self, keys: impl IntoIterator<Item = &'a ImageKey>) {
        let (now, moment) = (Instant::now(), Timestamp::now());
        let next = keys.into_iter().map(|key| {
            let due = self.schedule.due(key);
            let due = due.and_then(|due| moment.checked_add(due.saturating_duration_since(now)).ok());
            (key.clone(), due)
        });
        self.status.set_next(next.collect::<Vec<_>>());
    }

    fn publish_all(&self) {
        self.publish(self.plan.polls.keys());
    }
}

/// An image for each of the namespaces that it is polled for.
fn keys(schedule: &Schedule, image: &ImageRef) -> Vec<ImageKey> {
    schedule.sharers(image).map(|namespace| ImageKey::new(namespace, image)).collect()
}

fn failed(error: &ResolveError) -> PollOutcome {
    PollOutcome::Failed { permanent: error.kind.is_lasting(), retry_after: error.retry_after }
}
