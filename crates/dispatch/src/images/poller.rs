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

use super::ledger::{Observation, ObservationOutcome};
use super::resolver::{Answers, Asker, Resolver};
use super::schedule::{Ending, Next, Schedule};
use super::status::{ImageError, ImageStatusCache, Look, Wanted};
use super::tracker::ObservedImages;
use super::warnings::{ImageWarnings, WarningWindows};
use crate::metrics::Metrics;

/// How often the rules are looked through for images that are new.
const PLAN: Duration = Duration::from_secs(1);
/// A registry that has had too much and does not say for how long is left alone for so long.
const LEAVE_ALONE: Duration = Duration::from_mins(1);

/// Asks registries what images stand for: from time to time, which the leader does, and when something hints at
/// a change, which whoever hears of it does.
pub(super) struct Poller {
    pub(super) inventory: Arc<Inventory>,
    pub(super) asking: Arc<Resolver>,
    pub(super) seen: mpsc::Sender<ObservedImages>,
    pub(super) board: Arc<ImageStatusCache>,
    pub(super) complaints: Arc<dyn ImageWarnings>,
    pub(super) metrics: Metrics,
    /// How often an image is asked about that no Build has another wish for; `None` for hints only.
    pub(super) interval: Option<Duration>,
    pub(super) schedule: Schedule,
    /// Of which somebody says that they were pushed, and which were not asked about since.
    pub(super) cued: HashSet<ImageRef>,
    pub(super) plan: HashMap<ImageRef, Planned>,
    pub(super) planned_for: Option<(Arc<RuleSet>, u64)>,
    pub(super) episodes: WarningWindows,
    /// Who waits until an image was asked about, and since when.
    pub(super) waiting: HashMap<ImageRef, Vec<(Instant, oneshot::Sender<()>)>>,
    pub(super) leadership: Leadership,
}

/// What is asked about an image, and for whom.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Planned {
    askers: BTreeSet<Asker>,
    interval: Option<Duration>,
    /// The images that some Build waits for together with this one.
    companions: HashSet<ImageRef>,
}

/// Something hints at a change.
pub(super) struct PendingHint {
    pub(super) images: Vec<ImageRef>,
    /// Told when each has been asked about.
    pub(super) done: Option<oneshot::Sender<()>>,
}

/// An image that was asked about.
struct Looked {
    image: ImageRef,
    begun: Instant,
    answers: Answers,
    changed: bool,
}

impl Poller {
    pub(super) async fn run(mut self, mut hints: mpsc::UnboundedReceiver<PendingHint>) {
        let mut under_way = FuturesUnordered::new();
        let mut replan = interval(PLAN);
        replan.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leadership = self.leadership.clone();
        let mut leads = leadership.is_ours();
        self.schedule.go_by_time(leads, Instant::now());
        loop {
            let wake = loop {
                match self.schedule.next(Instant::now()) {
                    Next::Ask(image) => under_way.push(self.look(image)),
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
                Some(looked) = under_way.next() => self.note(looked),
                _ = replan.tick() => self.replan(),
                hint = hints.recv() => match hint {
                    Some(hint) => self.hurry(hint),
                    None => return,
                },
                () = leadership.changes_from(leads) => {
                    leads = !leads;
                    self.lead(leads);
                }
                () = sleeping => {}
            }
        }
    }

    /// Begins to ask from time to time, or leaves that to another.
    fn lead(&mut self, leads: bool) {
        let now = Instant::now();
        self.schedule.go_by_time(leads, now);
        // Somebody here still wants to know.
        for image in self.cued.iter().chain(self.waiting.keys()) {
            self.schedule.hurry(image, now);
        }
        self.metrics.images_watched(if leads { self.plan.len() } else { 0 });
        self.show_next();
    }

    fn hurry(&mut self, hint: PendingHint) {
        if hint.done.is_none() {
            self.cued.extend(hint.images.iter().cloned());
        }
        // A hint may be about a Build that came a moment ago.
        self.replan();
        let now = Instant::now();
        for image in &hint.images {
            self.schedule.hurry(image, now);
        }
        // What is not asked about would be waited for in vain.
        if let (Some(done), Some(image)) = (hint.done, hint.images.into_iter().next())
            && self.plan.contains_key(&image)
        {
            self.waiting.entry(image).or_default().push((now, done));
        }
    }

    fn look(&self, image: ImageRef) -> BoxFuture<'static, Looked> {
        let (asking, seen, begun) = (Arc::clone(&self.asking), self.seen.clone(), Instant::now());
        let askers: Vec<_> = self.plan.get(&image).into_iter().flat_map(|plan| plan.askers.clone()).collect();
        async move {
            let answers = asking.ask(&image, &askers).await;
            let since = Timestamp::now();
            let mut changed = false;
            for (namespace, answer) in &answers.by_namespace {
                let Ok(digest) = answer else { continue };
                let (image, digest) = (image.clone(), digest.clone());
                let sighting =
                    Observation { image, digest, source: ImageSource::Registry, since, pushed: false };
                let (answer, news) = oneshot::channel();
                let one = ObservedImages { namespace: Arc::clone(namespace), sighting, answer };
                // It counts as asked about when what was seen is kept.
                if seen.send(one).await.is_ok() {
                    changed |= news.await == Ok(ObservationOutcome::Changed);
                }
            }
            Looked { image, begun, answers, changed }
        }
        .boxed()
    }

    fn note(&mut self, looked: Looked) {
        let Looked { image, begun, answers, changed } = looked;
        let now = Instant::now();
        let mut ending = Ending::Known;
        for (namespace, answer) in &answers.by_namespace {
            let fault = answer.as_ref().err();
            self.metrics.image_looked(fault.map_or("known", |fault| fault.kind.name()));
            if let Some(fault) = fault {
                ending = worse(ending, of(fault));
                debug!(namespace = %namespace, %image, fault = %fault, "it is not known what an image stands for");
            }
            let shown = fault
                .map(|fault| ImageError { kind: fault.kind.name(), message: fault.message().to_owned() });
            self.board.looked(namespace, &image, Look { at: Timestamp::now(), fault: shown });
            // One who tells people of it is enough.
            if self.leadership.is_ours()
                && let Some(rules) = self.inventory.current()
            {
                self.episodes.note(self.complaints.as_ref(), &rules, namespace, &image, fault);
            }
        }
        self.schedule.ended(&image, ending, answers.requests, now);
        if self.cued.remove(&image) && !changed {
            // CNCF Distribution tells of a push before it moves the tag, so we may have been faster.
            self.schedule.hurry(&image, now);
        }
        if changed && let Some(plan) = self.plan.get(&image) {
            // What changes together should be built once: others may have changed by now as well.
            for companion in &plan.companions {
                self.schedule.hurry(companion, now);
            }
        }
        // Whoever came while it was being asked about wants to know what it is after that: it is asked once more.
        let waiting = self.waiting.remove(&image).unwrap_or_default();
        let (served, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(since, _)| *since <= begun);
        for (_, done) in served {
            let _ = done.send(());
        }
        if !later.is_empty() {
            self.waiting.insert(image, later);
        }
        self.show_next();
    }

    /// Looks through the rules if they have changed.
    fn replan(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let version = self.board.objects_version();
        let is_planned = |(before, objects): &(Arc<RuleSet>, u64)| {
            *objects == version && rules.waits_for_the_same_images(before)
        };
        if self.planned_for.as_ref().is_some_and(is_planned) {
            return;
        }
        let (plan, wanted) = self.planned(&rules);
        let (now, leads) = (Instant::now(), self.leadership.is_ours());
        self.cued.retain(|image| plan.contains_key(image));
        self.schedule.retain(|image| plan.contains_key(image));
        self.waiting.retain(|image, _| plan.contains_key(image));
        for (image, planned) in &plan {
            self.schedule.set(image, planned.interval, now);
            let before = self.plan.get(image);
            if leads && before.is_some_and(|before| !planned.askers.is_subset(&before.askers)) {
                self.schedule.hurry(image, now);
            }
        }
        self.metrics.images_watched(if leads { plan.len() } else { 0 });
        if leads && plan.len() != self.plan.len() {
            info!(images = plan.len(), "registries are asked about these images");
        }
        self.plan = plan;
        self.board.wanted(&wanted);
        self.episodes.retain(&wanted);
        self.planned_for = Some((rules, version));
        self.show_next();
    }

    /// What there is to ask, and which images are waited for in which namespaces.
    fn planned(&self, rules: &RuleSet) -> (HashMap<ImageRef, Planned>, Wanted) {
        let (objects, _) = self.board.objects();
        let mut plan = HashMap::<ImageRef, Planned>::new();
        let mut wanted = Wanted::new();
        for rules in rules.waiting_for_images() {
            let (namespace, Some(images)) = (&rules.target.key.namespace, &rules.images) else { continue };
            for name in &images.names {
                wanted.entry(name.clone()).or_default().insert(Arc::clone(namespace));
                if objects.contains(&(Arc::clone(namespace), name.clone())) {
                    continue;
                }
                let planned = plan.entry(name.clone()).or_default();
                let interval = images.interval.or(self.interval);
                planned.interval = planned.interval.into_iter().chain(interval).min();
                planned.companions.extend(images.names.iter().filter(|other| *other != name).cloned());
                let secrets = images.secrets.to_vec();
                planned.askers.insert(Asker { namespace: Arc::clone(namespace), secrets });
            }
        }
        (plan, wanted)
    }

    fn show_next(&self) {
        let (now, moment) = (Instant::now(), Timestamp::now());
        let next = self.plan.keys().filter_map(|image| {
            let due = self.schedule.due(image)?;
            let due = moment.checked_add(due.saturating_duration_since(now)).ok()?;
            Some((image.clone(), due))
        });
        self.board.plan(next.collect());
    }
}

fn of(fault: &ResolveError) -> Ending {
    let hold = match fault.kind {
        ResolveErrorKind::TooManyRequests => Some(fault.retry_after.unwrap_or(LEAVE_ALONE)),
        _ => fault.retry_after,
    };
    Ending::Failed { lasting: fault.kind.is_lasting(), hold }
}

/// Of two endings that which wants more patience.
fn worse(one: Ending, other: Ending) -> Ending {
    match (one, other) {
        (Ending::Known, other) => other,
        (one, Ending::Known) => one,
        (Ending::Failed { lasting: a, hold: one }, Ending::Failed { lasting: b, hold: other }) => {
            Ending::Failed { lasting: a && b, hold: one.max(other) }
        }
    }
}
