use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{debug, error, info, warn};
use trigger_core::{ImageChange, ImageRef, Observer};
use trigger_journal::{Entry, Journal, JournalError, append_observed};
use trigger_rules::Inventory;

use crate::delivery;
use crate::ledger::{Ledger, Observation, ObservationOutcome};
use crate::metrics::Metrics;
use crate::status::ImageStatusCache;
use crate::watchers::watchers;

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

/// Takes observations, and appends deliveries of what has changed.
///
/// There is a [`Ledger`] per namespace, an entry of the journal. Every step replaces the whole entry by
/// compare-and-swap, so replicas that observe the same change make one delivery of it.
pub(crate) struct ImageTracker {
    inventory: Arc<Inventory>,
    journal: Arc<dyn Journal>,
    metrics: Metrics,
    window: Duration,
    status: Arc<ImageStatusCache>,
    observer: Observer,
    /// The ledgers as they were last read or written.
    ledgers: HashMap<Arc<str>, CachedLedger>,
    /// The images that no Build watched at the last check.
    unwatched: HashSet<(Arc<str>, ImageRef)>,
}

/// An observation in a namespace, and the channel for its outcome.
pub(crate) struct PendingObservation {
    pub(crate) namespace: Arc<str>,
    pub(crate) observation: Observation,
    pub(crate) answer: oneshot::Sender<ObservationOutcome>,
}

/// A ledger and the revision of its entry.
#[derive(Default)]
struct CachedLedger {
    revision: u64,
    ledger: Ledger,
}

impl ImageTracker {
    pub(crate) fn new(
        inventory: Arc<Inventory>,
        journal: Arc<dyn Journal>,
        metrics: Metrics,
        window: Duration,
        status: Arc<ImageStatusCache>,
        observer: Observer,
    ) -> Self {
        let (ledgers, unwatched) = (HashMap::new(), HashSet::new());
        Self { inventory, journal, metrics, window, status, observer, ledgers, unwatched }
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
                    self.observe(std::mem::take(&mut batch)).await;
                }
                _ = tick.tick() => {
                    if read.is_none_or(|read| read.elapsed() >= REREAD) {
                        read = Some(Instant::now());
                        self.read_all().await;
                    }
                    self.bundle_all().await;
                    if swept.elapsed() >= FORGET {
                        swept = Instant::now();
                        self.forget_unwatched().await;
                    }
                }
            }
        }
    }

    async fn observe(&mut self, batch: Vec<PendingObservation>) {
        let mut by_namespace = BTreeMap::<Arc<str>, Vec<PendingObservation>>::new();
        for pending in batch {
            by_namespace.entry(Arc::clone(&pending.namespace)).or_default().push(pending);
        }
        for (namespace, batch) in by_namespace {
            let now = Timestamp::now();
            let outcomes = self.change(&namespace, |ledger| {
                batch.iter().map(|pending| ledger.observe(&pending.observation, now)).collect::<Vec<_>>()
            });
            let outcomes = outcomes.await;
            for (pending, outcome) in batch.into_iter().zip(outcomes) {
                let Observation { image, digest, source, .. } = &pending.observation;
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
                let _ = pending.answer.send(outcome);
            }
        }
    }

    /// Changes a ledger, and retries for as long as the journal fails. `how` may run several times.
    async fn change<T>(&mut self, namespace: &Arc<str>, how: impl Fn(&mut Ledger) -> T) -> T {
        let mut warned = false;
        loop {
            match self.try_change(namespace, &how).await {
                Ok(Some(done)) => return done,
                // Another replica has replaced the entry: repeat the step on that one.
                Ok(None) => {}
                Err(error) => {
                    if !std::mem::replace(&mut warned, true) {
                        warn!(namespace = %namespace, error = %error, "cannot store observations of images; retrying");
                    }
                    sleep(RETRY).await;
                }
            }
            self.ledgers.remove(namespace);
        }
    }

    async fn try_change<T>(
        &mut self,
        namespace: &Arc<str>,
        how: impl Fn(&mut Ledger) -> T,
    ) -> Result<Option<T>, JournalError> {
        if !self.ledgers.contains_key(namespace) {
            let cached = self.read(namespace).await?;
            self.status.set_known(namespace, &cached.ledger);
            self.ledgers.insert(Arc::clone(namespace), cached);
        }
        let cached = self.ledgers.entry(Arc::clone(namespace)).or_default();
        let mut changed = cached.ledger.clone();
        let done = how(&mut changed);
        if changed == cached.ledger {
            return Ok(Some(done));
        }
        // References, digests and times always serialize.
        let text = serde_json::to_string(&changed).unwrap_or_default();
        if !self.journal.compare_and_swap(&entry(namespace), cached.revision, text).await? {
            return Ok(None);
        }
        *cached = CachedLedger { revision: cached.revision + 1, ledger: changed };
        self.status.set_known(namespace, &cached.ledger);
        Ok(Some(done))
    }

    async fn read(&self, namespace: &str) -> Result<CachedLedger, JournalError> {
        let Some(Entry { revision, text }) = self.journal.entry(&entry(namespace)).await? else {
            return Ok(CachedLedger::default());
        };
        let ledger = serde_json::from_str(&text).unwrap_or_else(|error| {
            error!(
                namespace,
                error = %error,
                "the ledger of images is unreadable and is rebuilt; changes since it was written may be missed"
            );
            Ledger::default()
        });
        Ok(CachedLedger { revision, ledger })
    }

    /// Reads the ledgers of all namespaces whose Builds watch images.
    async fn read_all(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let namespaces: HashSet<_> =
            watchers(&rules).map(|watcher| Arc::clone(watcher.namespace())).collect();
        for namespace in namespaces {
            match self.read(&namespace).await {
                Ok(cached) => {
                    self.status.set_known(&namespace, &cached.ledger);
                    self.ledgers.insert(namespace, cached);
                }
                Err(error) => {
                    return warn!(namespace = %namespace, error = %error, "cannot read the ledger of images");
                }
            }
        }
    }

    /// Makes deliveries of the changes that are due.
    async fn bundle_all(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let now = Timestamp::now();
        let has_changes = |cached: &CachedLedger| {
            !cached.ledger.open().is_empty() || cached.ledger.next_due(Duration::ZERO).is_some()
        };
        let changed = self.ledgers.iter().filter(|(_, cached)| has_changes(cached));
        let changed: Vec<_> = changed.map(|(namespace, _)| Arc::clone(namespace)).collect();
        for namespace in changed {
            let here = watchers(&rules).filter(|watcher| *watcher.namespace() == namespace);
            let builds: Vec<&[ImageRef]> = here.map(|watcher| watcher.images.names.as_ref()).collect();
            let window = self.window;
            let open = self.change(&namespace, |ledger| {
                ledger.bundle(now, window, &builds);
                ledger.open().to_vec()
            });
            let open = open.await;
            if open.is_empty() {
                continue;
            }
            for changes in &open {
                self.append(&namespace, changes).await;
            }
            self.change(&namespace, |ledger| ledger.close(&open)).await;
        }
    }

    /// Appends the delivery of a bundle, and retries for as long as the journal fails.
    async fn append(&self, namespace: &Arc<str>, changes: &[ImageChange]) {
        let mut warned = false;
        loop {
            let Some(delivery) = delivery::of(namespace, changes, &self.observer, Timestamp::now()) else {
                return;
            };
            let id = delivery.value().id.clone();
            let event = delivery.value().event.clone();
            match append_observed(self.journal.as_ref(), delivery).await {
                Ok(true) => return info!(delivery = %id, namespace = %namespace, event, "delivery kept"),
                Ok(false) => return,
                Err(error) => {
                    if !std::mem::replace(&mut warned, true) {
                        warn!(namespace = %namespace, event, error = %error, "cannot store a change; retrying");
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Forgets the images that no Build watches, now and at the last check.
    async fn forget_unwatched(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let mut watched = HashSet::new();
        for watcher in watchers(&rules) {
            let namespace = watcher.namespace();
            watched.extend(watcher.images.names.iter().map(|name| (Arc::clone(namespace), name.clone())));
        }
        let all = self.ledgers.iter().flat_map(|(namespace, cached)| {
            cached.ledger.images().map(|image| (Arc::clone(namespace), image.clone()))
        });
        let unwatched: HashSet<_> = all.filter(|one| !watched.contains(one)).collect();
        let gone: Vec<_> = unwatched.intersection(&self.unwatched).cloned().collect();
        self.unwatched = unwatched;
        for (namespace, image) in gone {
            self.change(&namespace, |ledger| ledger.forget(&image)).await;
        }
    }
}

fn entry(namespace: &str) -> String {
    format!("images/{namespace}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;
    use trigger_core::{Digest, ImageSource, KnownHosts};
    use trigger_journal::Query;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test observes what it likes")]
    fn observer() -> Observer {
        Observer::new()
    }

    /// A tracker over a journal; a Build in team-a watches two images.
    async fn tracker(folder: &TempDir) -> ImageTracker {
        let address = format!("sqlite:{}", folder.path().join("journal.db").display());
        let journal = trigger_journal::open(&address.parse().unwrap()).await.unwrap();
        let inventory = Arc::new(Inventory::new(KnownHosts::NONE));
        let rule = json!({"name": "base", "type": "Image", "image": {"names": ["a", "b"]}});
        let build = json!({
            "metadata": {"namespace": "team-a", "name": "app", "uid": "uid"},
            "spec": {"trigger": {"when": [rule]}},
        });
        inventory.apply(&serde_json::from_value::<trigger_api::shipwright::Build>(build).unwrap());
        inventory.mark_synced();
        ImageTracker::new(inventory, journal, Metrics::default(), Duration::ZERO, Arc::default(), observer())
    }

    async fn observe(tracker: &mut ImageTracker, image: &str, content: &str) -> ObservationOutcome {
        let observation = Observation {
            image: ImageRef::parse(image).unwrap(),
            digest: Digest::of(content.as_bytes()),
            source: ImageSource::Registry,
            since: Timestamp::now(),
            pushed: false,
        };
        let (answer, outcome) = oneshot::channel();
        tracker.observe(vec![PendingObservation { namespace: "team-a".into(), observation, answer }]).await;
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
            ledger.bundle(Timestamp::now(), Duration::ZERO, &[]);
            ledger.open().to_vec()
        };
        let names = [ImageRef::parse("a").unwrap(), ImageRef::parse("b").unwrap()];
        let open = one
            .change(&namespace, |ledger| {
                ledger.bundle(Timestamp::now(), Duration::ZERO, &[&names]);
                ledger.open().to_vec()
            })
            .await;
        assert_eq!(open.len(), 1);
        assert_eq!(deliveries(&one).await, [""; 0]);
        // Killed after it was bundled.
        let one = restart(one, &folder).await;
        one.append(&namespace, &open[0]).await;
        // Killed after the delivery was appended and before the bundle was closed.
        let mut one = restart(one, &folder).await;
        one.bundle_all().await;
        assert_eq!(deliveries(&one).await, ["Image docker.io/library/a:latest"]);
        assert!(one.change(&namespace, bundle).await.is_empty());
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
        let (inventory, journal) = (Arc::clone(&like.inventory), Arc::clone(&like.journal));
        ImageTracker::new(inventory, journal, Metrics::default(), Duration::ZERO, Arc::default(), observer())
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
