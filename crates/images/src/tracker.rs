use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};
use trigger_core::{ImageChange, Observer};
use trigger_journal::{Entry, Journal, JournalError, append_observed};
use trigger_runtime::{LeakyBuckets, instant_after};

use crate::delivery;
use crate::followed::FollowedBuild;
use crate::image_key::ImageKey;
use crate::ledger::{Ledger, Observation, ObservationOutcome};
use crate::metrics::Metrics;
use crate::status::ImageStatusCache;

/// The pause before a failed write to the journal is retried.
const RETRY: Duration = Duration::from_secs(1);
/// How often the ledgers are checked for changes that are due.
const BUNDLE: Duration = Duration::from_millis(200);
/// How often the ledgers are read again: another replica may have been killed between two steps.
const REREAD: Duration = Duration::from_secs(20);
/// An image that no Build watches is forgotten after one to two of these: its Build may be on its way back.
const FORGET: Duration = Duration::from_mins(30);
/// The observations that are taken together, with one write per namespace.
const BATCH: usize = 512;
/// Deliveries that one namespace appends at a time; those of others follow before its next ones.
pub(crate) const MAX_APPENDS: usize = 16;
/// The rate at which one namespace writes its ledger, in KiB a second. A ledger is written whole, and of a namespace with
/// many images it is several hundred KiB: tags that change all the time would fill the disk's bandwidth.
pub(crate) const WRITE_RATE: u32 = 1024;
/// So much is written beyond that rate at once: as long as the digests of a namespace are collected first, every poll
/// writes the ledger.
const WRITE_BURST: u32 = 16 * 1024;
/// Attempts to replace a ledger that another replica replaces, too, before other namespaces go on.
const MAX_CONFLICTS: usize = 8;

/// Takes observations, and appends deliveries of the changes.
///
/// There is a [`Ledger`] per namespace, an entry of the journal. Every step replaces the whole entry by
/// compare-and-swap, so replicas that observe the same change make one delivery of it. A namespace whose writes fail,
/// as with a full quota, is retried later; the others go on.
pub(crate) struct ImageTracker {
    journal: Arc<dyn Journal>,
    metrics: Metrics,
    window: Duration,
    status: Arc<ImageStatusCache>,
    observer: Observer,
    /// The ledgers as they were last read or written.
    ledgers: HashMap<Arc<str>, CachedLedger>,
    /// The observations that are not stored yet.
    waiting: BTreeMap<Arc<str>, Vec<PendingObservation>>,
    /// The namespaces whose last write failed, and when it is retried.
    failing: HashMap<Arc<str>, Instant>,
    /// What each namespace has written beyond its rate, in KiB.
    written: LeakyBuckets<Arc<str>>,
    /// The images that no Build watched at the last check.
    unwatched: HashSet<ImageKey>,
}

/// An observation in a namespace, and the channel for its outcome.
pub(crate) struct PendingObservation {
    pub(crate) namespace: Arc<str>,
    pub(crate) observation: Observation,
    pub(crate) answer: oneshot::Sender<ObservationOutcome>,
}

/// A ledger and the revision of its entry.
#[derive(Default, Clone)]
struct CachedLedger {
    revision: u64,
    ledger: Arc<Ledger>,
    /// Whether the ledger has changes without a delivery.
    has_changes: bool,
}

impl CachedLedger {
    fn new(revision: u64, ledger: Ledger) -> Self {
        let has_changes = !ledger.open().is_empty() || ledger.next_due(Duration::ZERO).is_some();
        Self { revision, ledger: Arc::new(ledger), has_changes }
    }
}

impl ImageTracker {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        metrics: Metrics,
        window: Duration,
        status: Arc<ImageStatusCache>,
        observer: Observer,
    ) -> Self {
        Self {
            journal,
            metrics,
            window,
            status,
            observer,
            ledgers: HashMap::new(),
            waiting: BTreeMap::new(),
            failing: HashMap::new(),
            written: LeakyBuckets::new(WRITE_RATE.into()),
            unwatched: HashSet::new(),
        }
    }

    pub(crate) async fn run(mut self, mut observations: mpsc::Receiver<PendingObservation>) {
        let mut tick = interval(BUNDLE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut read, mut swept) = (None::<Instant>, Instant::now());
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = observations.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.receive(std::mem::take(&mut batch));
                    self.store_observations().await;
                }
                _ = tick.tick() => {
                    if read.is_none_or(|read| read.elapsed() >= REREAD) {
                        read = Some(Instant::now());
                        self.read_all().await;
                    }
                    self.store_observations().await;
                    self.bundle_all().await;
                    if swept.elapsed() >= FORGET {
                        swept = Instant::now();
                        self.forget_unwatched().await;
                    }
                }
            }
        }
    }

    fn receive(&mut self, batch: Vec<PendingObservation>) {
        for pending in batch {
            self.waiting.entry(Arc::clone(&pending.namespace)).or_default().push(pending);
        }
    }

    async fn store_observations(&mut self) {
        let ready = self.waiting.keys().filter(|namespace| !self.is_paused(namespace));
        for namespace in ready.cloned().collect::<Vec<_>>() {
            let mut batch = self.waiting.remove(&namespace).unwrap_or_default();
            // A source that has stopped waiting reports again.
            batch.retain(|pending| !pending.answer.is_closed());
            if batch.is_empty() {
                continue;
            }
            let now = Timestamp::now();
            let followed = self.status.followed();
            let outcomes = self.change(&namespace, |ledger| {
                if ledger.is_full() {
                    ledger.retain(|image| followed.contains(&namespace, image));
                }
                batch.iter().map(|pending| ledger.observe(&pending.observation, now)).collect::<Vec<_>>()
            });
            match outcomes.await {
                Some(outcomes) => {
                    for (pending, outcome) in batch.into_iter().zip(outcomes) {
                        self.answer(pending, outcome);
                    }
                }
                None => self.waiting.entry(namespace).or_default().append(&mut batch),
            }
        }
    }

    fn answer(&self, pending: PendingObservation, outcome: ObservationOutcome) {
        let PendingObservation { namespace, observation, answer } = pending;
        let Observation { image, digest, source, .. } = observation;
        match outcome {
            ObservationOutcome::Same => {}
            ObservationOutcome::First => {
                debug!(namespace = %namespace, %image, %digest, %source, "first digest of an image");
            }
            ObservationOutcome::Changed => {
                info!(namespace = %namespace, %image, %digest, %source, "image changed");
            }
        }
        self.metrics.observed(outcome);
        // The source may have stopped waiting.
        let _ = answer.send(outcome);
    }

    /// Changes a ledger. `None` if the journal fails or other replicas are in the way: the caller tries again later.
    /// `how` may run several times.
    async fn change<T>(&mut self, namespace: &Arc<str>, how: impl Fn(&mut Ledger) -> T) -> Option<T> {
        for _ in 0..MAX_CONFLICTS {
            match self.try_change(namespace, &how).await {
                Ok(Some(done)) => {
                    self.failing.remove(namespace);
                    return Some(done);
                }
                // Another replica has replaced the entry: repeat the step on that one.
                Ok(None) => _ = self.ledgers.remove(namespace),
                Err(error) => {
                    self.ledgers.remove(namespace);
                    self.pause(namespace, "the ledger of images", &error);
                    return None;
                }
            }
        }
        None
    }

    async fn try_change<T>(
        &mut self,
        namespace: &Arc<str>,
        how: impl Fn(&mut Ledger) -> T,
    ) -> Result<Option<T>, JournalError> {
        let cached = match self.ledgers.get(namespace) {
            Some(cached) => cached.clone(),
            None => self.read(namespace).await?,
        };
        let mut changed = Ledger::clone(&cached.ledger);
        let done = how(&mut changed);
        if changed == *cached.ledger {
            return Ok(Some(done));
        }
        // References, digests and times always serialize.
        let text = serde_json::to_string(&changed).unwrap_or_default();
        let written = text.len().div_ceil(1024);
        if !self.journal.compare_and_swap(&entry(namespace), cached.revision, text).await? {
            return Ok(None);
        }
        self.written.take(Arc::clone(namespace), written, f64::INFINITY, Instant::now());
        self.keep(namespace, CachedLedger::new(cached.revision + 1, changed));
        Ok(Some(done))
    }

    fn keep(&mut self, namespace: &Arc<str>, cached: CachedLedger) {
        self.status.set_known(namespace, &cached.ledger);
        self.ledgers.insert(Arc::clone(namespace), cached);
    }

    /// Reads the ledger of a namespace again.
    async fn read(&mut self, namespace: &Arc<str>) -> Result<CachedLedger, JournalError> {
        let stored = self.journal.entry(&entry(namespace)).await?;
        let cached = self.ledgers.get(namespace);
        let cached = match stored {
            None => CachedLedger::default(),
            Some(Entry { revision, text }) if cached.is_none_or(|cached| cached.revision != revision) => {
                let ledger = serde_json::from_str(&text).unwrap_or_else(|error| {
                    error!(
                        namespace = %namespace,
                        error = %error,
                        "the ledger of images is unreadable and is rebuilt; changes since it was written may be missed"
                    );
                    Ledger::default()
                });
                CachedLedger::new(revision, ledger)
            }
            Some(_) => cached.cloned().unwrap_or_default(),
        };
        self.keep(namespace, cached.clone());
        Ok(cached)
    }

    /// Reads the ledgers of all namespaces whose Builds watch images.
    async fn read_all(&mut self) {
        let followed = self.status.followed();
        let is_empty = |ledger: &Ledger| ledger.images().next().is_none() && ledger.open().is_empty();
        self.ledgers
            .retain(|namespace, cached| followed.namespace(namespace).is_some() || !is_empty(&cached.ledger));
        for (namespace, _) in followed.namespaces() {
            if let Err(error) = self.read(namespace).await {
                return warn!(namespace = %namespace, error = %error, "cannot read the ledger of images");
            }
        }
    }

    fn is_paused(&self, namespace: &Arc<str>) -> bool {
        let now = Instant::now();
        let has_written_much = self.written.level(namespace, now) > WRITE_BURST.into();
        has_written_much || self.failing.get(namespace).is_some_and(|until| *until > now)
    }

    /// Retries the writes of a namespace later. Warns once, until one succeeds.
    fn pause(&mut self, namespace: &Arc<str>, what: &str, error: &JournalError) {
        let until = instant_after(Instant::now(), RETRY);
        if self.failing.insert(Arc::clone(namespace), until).is_none() {
            warn!(namespace = %namespace, error = %error, "cannot store {what}; retrying");
        }
    }

    /// Makes deliveries of the changes that are due.
    async fn bundle_all(&mut self) {
        let followed = self.status.followed();
        let changed = self.ledgers.iter().filter(|(_, cached)| cached.has_changes);
        let changed: Vec<_> = changed.map(|(namespace, _)| Arc::clone(namespace)).collect();
        for namespace in changed {
            if self.is_paused(&namespace) {
                continue;
            }
            let (now, window) = (Timestamp::now(), self.window);
            let builds = || {
                let builds =
                    followed.namespace(&namespace).into_iter().flat_map(|namespace| namespace.builds());
                builds.map(FollowedBuild::names)
            };
            let open = self.change(&namespace, |ledger| {
                ledger.bundle(now, window, builds());
                ledger.open().iter().take(MAX_APPENDS).cloned().collect::<Vec<_>>()
            });
            let mut stored = Vec::new();
            for changes in open.await.unwrap_or_default() {
                if !self.append(&namespace, &changes).await {
                    break;
                }
                stored.push(changes);
            }
            if !stored.is_empty() {
                self.change(&namespace, |ledger| ledger.close(&stored)).await;
            }
        }
    }

    /// Appends the delivery of a bundle. False if the journal fails: the bundle stays in the ledger.
    async fn append(&mut self, namespace: &Arc<str>, changes: &[ImageChange]) -> bool {
        let Some(delivery) = delivery::of(namespace, changes, &self.observer, Timestamp::now()) else {
            return true;
        };
        let id = delivery.value().id.clone();
        let event = delivery.value().event.clone();
        match append_observed(self.journal.as_ref(), delivery).await {
            Ok(true) => info!(delivery = %id, namespace = %namespace, event, "delivery kept"),
            Ok(false) => {}
            Err(error) => {
                self.pause(namespace, "a change of images", &error);
                return false;
            }
        }
        true
    }

    /// Forgets the images that no Build watches, now and at the last check.
    async fn forget_unwatched(&mut self) {
        let followed = self.status.followed();
        let seen = self.ledgers.iter().filter(|(namespace, _)| !followed.is_unseen(namespace));
        let all = seen.flat_map(|(namespace, cached)| {
            cached.ledger.images().map(|image| ImageKey::new(namespace, image))
        });
        let unwatched: HashSet<_> =
            all.filter(|key| !followed.contains(&key.namespace, &key.image)).collect();
        let mut gone = BTreeMap::<Arc<str>, HashSet<_>>::new();
        for key in unwatched.intersection(&self.unwatched) {
            gone.entry(Arc::clone(&key.namespace)).or_default().insert(key.image.clone());
        }
        self.unwatched = unwatched;
        for (namespace, images) in gone {
            self.change(&namespace, |ledger| ledger.retain(|image| !images.contains(image))).await;
        }
    }
}

fn entry(namespace: &str) -> String {
    format!("images/{namespace}")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use trigger_core::{Digest, ImageRef, ImageSource};
    use trigger_journal::Query;

    use super::*;
    use crate::followed::Followed;
    use crate::followed::tests::rules;
    use crate::ledger::Pushed;

    #[expect(clippy::disallowed_methods, reason = "a test observes what it likes")]
    fn observer() -> Observer {
        Observer::new()
    }

    /// A tracker over a journal; a Build in team-a watches two images, one in team-b a third.
    async fn tracker(folder: &TempDir) -> ImageTracker {
        let address = format!("sqlite:{}", folder.path().join("journal.db").display());
        let journal = trigger_journal::open(&address.parse().unwrap()).await.unwrap();
        over(journal)
    }

    fn over(journal: Arc<dyn Journal>) -> ImageTracker {
        let images = ["a", "b", "c"].map(ToOwned::to_owned);
        let rules = rules(&[("team-a", "app", &images[..2]), ("team-b", "app", &images[2..])]);
        let status = Arc::<ImageStatusCache>::default();
        status.set_followed(&Arc::new(Followed::of(&rules)));
        ImageTracker::new(journal, Metrics::default(), Duration::ZERO, status, observer())
    }

    fn pending(
        namespace: &str,
        image: &str,
        content: &str,
    ) -> (PendingObservation, oneshot::Receiver<ObservationOutcome>) {
        let observation = Observation {
            image: ImageRef::parse(image).unwrap(),
            digest: Digest::of(content.as_bytes()),
            source: ImageSource::Registry,
            since: Timestamp::now(),
            pushed: Pushed::Unknown,
        };
        let (answer, outcome) = oneshot::channel();
        (PendingObservation { namespace: namespace.into(), observation, answer }, outcome)
    }

    async fn observe(tracker: &mut ImageTracker, image: &str, content: &str) -> ObservationOutcome {
        let (pending, outcome) = pending("team-a", image, content);
        tracker.receive(vec![pending]);
        tracker.store_observations().await;
        outcome.await.unwrap()
    }

    async fn deliveries(tracker: &ImageTracker) -> Vec<String> {
        let page = tracker.journal.history(Query::default()).await.unwrap();
        page.records.into_iter().map(|record| record.delivery.event).collect()
    }

    /// Restarts the tracker as after a kill: only the journal survives.
    async fn restart(tracker: ImageTracker, folder: &TempDir) -> ImageTracker {
        tracker.journal.close().await;
        let mut tracker = self::tracker(folder).await;
        tracker.read_all().await;
        tracker
    }

    #[tokio::test]
    async fn a_step_that_was_interrupted_is_repeated_with_the_same_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let namespace: Arc<str> = "team-a".into();
        let mut one = tracker(&folder).await;
        assert_eq!(observe(&mut one, "a", "1").await, ObservationOutcome::First);
        assert_eq!(observe(&mut one, "a", "2").await, ObservationOutcome::Changed);
        // Killed after the observation was stored.
        let mut one = restart(one, &folder).await;
        assert_eq!(observe(&mut one, "a", "2").await, ObservationOutcome::Same);
        let bundle = |ledger: &mut Ledger| {
            ledger.bundle(Timestamp::now(), Duration::ZERO, []);
            ledger.open().to_vec()
        };
        let names = [ImageRef::parse("a").unwrap(), ImageRef::parse("b").unwrap()];
        let open = one
            .change(&namespace, |ledger| {
                ledger.bundle(Timestamp::now(), Duration::ZERO, [names.as_slice()]);
                ledger.open().to_vec()
            })
            .await
            .unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(deliveries(&one).await, [""; 0]);
        // Killed after it was bundled.
        let mut one = restart(one, &folder).await;
        assert!(one.append(&namespace, &open[0]).await);
        // Killed after the delivery was appended and before the bundle was closed.
        let mut one = restart(one, &folder).await;
        one.bundle_all().await;
        assert_eq!(deliveries(&one).await, ["Image docker.io/library/a:latest"]);
        assert!(one.change(&namespace, bundle).await.unwrap().is_empty());
        // A restart after the last step changes nothing.
        let mut one = restart(one, &folder).await;
        one.bundle_all().await;
        assert_eq!(deliveries(&one).await.len(), 1);
    }

    #[tokio::test]
    async fn two_replicas_that_observe_the_same_change_make_one_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = tracker(&folder).await;
        let mut other = beside(&one);
        observe(&mut one, "a", "1").await;
        for content in ["2", "3", "2"] {
            assert_eq!(observe(&mut one, "a", content).await, ObservationOutcome::Changed);
            assert_eq!(
                observe(&mut other, "a", content).await,
                ObservationOutcome::Same,
                "the ledger of the other replica is read"
            );
            tokio::join!(one.bundle_all(), other.bundle_all());
        }
        assert_eq!(deliveries(&one).await.len(), 3);
    }

    /// Another replica over the same journal.
    fn beside(like: &ImageTracker) -> ImageTracker {
        over(Arc::clone(&like.journal))
    }

    #[tokio::test]
    async fn a_namespace_whose_writes_fail_does_not_hold_up_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = tracker(&folder).await;
        one.failing.insert("team-a".into(), instant_after(Instant::now(), Duration::from_hours(1)));
        let (of_a, mut a) = pending("team-a", "a", "1");
        let (of_b, b) = pending("team-b", "c", "1");
        one.receive(vec![of_a, of_b]);
        one.store_observations().await;
        assert_eq!(b.await, Ok(ObservationOutcome::First));
        assert!(a.try_recv().is_err(), "it is retried later");
        one.failing.clear();
        one.store_observations().await;
        assert_eq!(a.await, Ok(ObservationOutcome::First));
        // A source that no longer waits is not stored, and not kept either.
        one.failing.insert("team-a".into(), instant_after(Instant::now(), Duration::from_hours(1)));
        let (of_a, a) = pending("team-a", "a", "2");
        one.receive(vec![of_a]);
        drop(a);
        one.failing.clear();
        one.store_observations().await;
        assert!(one.waiting.is_empty());
        assert_eq!(observe(&mut one, "a", "1").await, ObservationOutcome::Same);
    }

    #[tokio::test]
    async fn a_namespace_whose_tags_change_all_the_time_writes_its_ledger_at_a_bounded_rate() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = tracker(&folder).await;
        let many = (0..1500).map(|number| pending("team-a", &format!("image-{number}"), "1").0.observation);
        let (many, namespace) = (many.collect::<Vec<_>>(), Arc::<str>::from("team-a"));
        one.change(&namespace, |ledger| {
            for observation in &many {
                ledger.observe(observation, observation.since);
            }
        })
        .await
        .unwrap();
        let mut writes = 0;
        while !one.is_paused(&namespace) {
            writes += 1;
            assert!(writes < 200, "it writes without end");
            observe(&mut one, "a", &writes.to_string()).await;
        }
        let (of_a, mut a) = pending("team-a", "a", "last");
        let (of_b, b) = pending("team-b", "c", "1");
        one.receive(vec![of_a, of_b]);
        one.store_observations().await;
        assert_eq!(b.await, Ok(ObservationOutcome::First), "others go on");
        assert!(a.try_recv().is_err(), "it waits for its turn");
    }

    #[tokio::test]
    async fn a_bundle_that_the_journal_does_not_take_stays_in_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = tracker(&folder).await;
        for content in ["1", "2"] {
            observe(&mut one, "a", content).await;
        }
        one.journal.close().await;
        one.bundle_all().await;
        assert!(one.is_paused(&"team-a".into()));
        let mut one = restart(one, &folder).await;
        one.bundle_all().await;
        assert_eq!(deliveries(&one).await.len(), 1);
    }

    #[tokio::test]
    async fn an_unreadable_ledger_is_rebuilt() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = tracker(&folder).await;
        assert!(one.journal.compare_and_swap("images/team-a", 0, "{".to_owned()).await.unwrap());
        assert_eq!(observe(&mut one, "a", "1").await, ObservationOutcome::First);
        assert_eq!(observe(&mut one, "a", "2").await, ObservationOutcome::Changed);
    }
}
