use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{debug, error, info, warn};
use trigger_core::{ImageChange, ImageRef};
use trigger_journal::{Entry, Journal, JournalError};
use trigger_rules::Inventory;

use super::delivery;
use super::ledger::{Ledger, Observation, ObservationOutcome};
use super::status::ImageStatusCache;
use crate::metrics::Metrics;

/// How long to wait before the journal is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often changes are looked through whose time may have come.
const LOOK: Duration = Duration::from_millis(200);
/// How often the ledgers are read again: another replica may have left something undone.
const READ_AGAIN: Duration = Duration::from_secs(20);
/// What nobody waits for any more is forgotten after twice this time: a Build may be on its way back.
const FORGET: Duration = Duration::from_mins(30);
/// Sightings that are taken in together, with one write.
const TOGETHER: usize = 512;

/// Takes in what was seen of images, and makes deliveries of what has changed.
///
/// There is a [`Ledger`] for each namespace, a entry in the journal. Every step replaces the entry whole, and only
/// if nobody else has in the meantime, so replicas that see the same make one delivery of it.
pub(super) struct ImageTracker {
    inventory: Arc<Inventory>,
    journal: Arc<dyn Journal>,
    metrics: Metrics,
    window: Duration,
    board: Arc<ImageStatusCache>,
    /// The ledgers as they were last read or written.
    ledgers: HashMap<Arc<str>, CachedLedger>,
    /// What nobody waited for when that was last looked at.
    unwanted: HashSet<(Arc<str>, ImageRef)>,
}

/// Something seen in a namespace, and who wants to know what it comes to.
pub(super) struct ObservedImages {
    pub(super) namespace: Arc<str>,
    pub(super) sighting: Observation,
    pub(super) answer: oneshot::Sender<ObservationOutcome>,
}

/// A ledger and the revision of its entry.
#[derive(Default)]
struct CachedLedger {
    revision: u64,
    ledger: Ledger,
}

impl ImageTracker {
    pub(super) fn new(
        inventory: Arc<Inventory>,
        journal: Arc<dyn Journal>,
        metrics: Metrics,
        window: Duration,
        board: Arc<ImageStatusCache>,
    ) -> Self {
        let (ledgers, unwanted) = (HashMap::new(), HashSet::new());
        Self { inventory, journal, metrics, window, board, ledgers, unwanted }
    }

    pub(super) async fn run(mut self, mut seen: mpsc::Receiver<ObservedImages>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut read, mut swept) = (None::<Instant>, Instant::now());
        let mut together = Vec::new();
        loop {
            tokio::select! {
                count = seen.recv_many(&mut together, TOGETHER) => {
                    if count == 0 {
                        return;
                    }
                    self.take_in(std::mem::take(&mut together)).await;
                }
                _ = look.tick() => {
                    if read.is_none_or(|read| read.elapsed() >= READ_AGAIN) {
                        read = Some(Instant::now());
                        self.read_all().await;
                    }
                    self.bundle_all().await;
                    if swept.elapsed() >= FORGET {
                        swept = Instant::now();
                        self.forget().await;
                    }
                }
            }
        }
    }

    async fn take_in(&mut self, seen: Vec<ObservedImages>) {
        let mut by_namespace = BTreeMap::<Arc<str>, Vec<ObservedImages>>::new();
        for one in seen {
            by_namespace.entry(Arc::clone(&one.namespace)).or_default().push(one);
        }
        for (namespace, seen) in by_namespace {
            let now = Timestamp::now();
            let news = self.change(&namespace, |ledger| {
                seen.iter().map(|one| ledger.note(&one.sighting, now)).collect::<Vec<_>>()
            });
            let news = news.await;
            for (one, news) in seen.into_iter().zip(news) {
                let Observation { image, digest, source, .. } = &one.sighting;
                match news {
                    ObservationOutcome::Same => {}
                    ObservationOutcome::First => {
                        debug!(namespace = %namespace, %image, %digest, %source, "an image is known now");
                    }
                    ObservationOutcome::Changed => {
                        info!(namespace = %namespace, %image, %digest, %source, "an image has changed");
                    }
                }
                self.metrics.image_seen(news);
                // Whoever saw it may have gone in the meantime.
                let _ = one.answer.send(news);
            }
        }
    }

    /// Changes a ledger, however long that takes; `how` may be asked several times.
    async fn change<T>(&mut self, namespace: &Arc<str>, how: impl Fn(&mut Ledger) -> T) -> T {
        let mut complained = false;
        loop {
            match self.try_change(namespace, &how).await {
                Ok(Some(done)) => return done,
                // Another replica was faster: once more on what it wrote.
                Ok(None) => {}
                Err(error) => {
                    if !std::mem::replace(&mut complained, true) {
                        warn!(namespace = %namespace, error = %error, "what was seen of images cannot be kept yet");
                    }
                    sleep(AGAIN).await;
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
            let held = self.read(namespace).await?;
            self.board.show(namespace, &held.ledger);
            self.ledgers.insert(Arc::clone(namespace), held);
        }
        let held = self.ledgers.entry(Arc::clone(namespace)).or_default();
        let mut changed = held.ledger.clone();
        let done = how(&mut changed);
        if changed == held.ledger {
            return Ok(Some(done));
        }
        // References, digests and times, which can always be written.
        let text = serde_json::to_string(&changed).unwrap_or_default();
        if !self.journal.compare_and_swap(&entry(namespace), held.revision, text).await? {
            return Ok(None);
        }
        *held = CachedLedger { revision: held.revision + 1, ledger: changed };
        self.board.show(namespace, &held.ledger);
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
                "what is known of images makes no sense and is learnt anew; a change in between may be missed"
            );
            Ledger::default()
        });
        Ok(CachedLedger { revision, ledger })
    }

    /// Reads the ledgers of all namespaces whose Builds wait for images.
    async fn read_all(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let wanted: HashSet<_> =
            rules.waiting_for_images().map(|rules| Arc::clone(&rules.target.key.namespace)).collect();
        for namespace in wanted {
            match self.read(&namespace).await {
                Ok(held) => {
                    self.board.show(&namespace, &held.ledger);
                    self.ledgers.insert(namespace, held);
                }
                Err(error) => {
                    return warn!(namespace = %namespace, error = %error, "what is known of images cannot be read");
                }
            }
        }
    }

    /// Makes deliveries of the changes whose time has come.
    async fn bundle_all(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let now = Timestamp::now();
        let due = |held: &CachedLedger| {
            !held.ledger.open().is_empty() || held.ledger.next(Duration::ZERO).is_some()
        };
        let due: Vec<_> =
            self.ledgers.iter().filter(|(_, held)| due(held)).map(|(name, _)| Arc::clone(name)).collect();
        for namespace in due {
            let here = rules.waiting_for_images().filter(|rules| rules.target.key.namespace == namespace);
            let builds: Vec<&[ImageRef]> = here
                .filter_map(|rules| rules.images.as_deref())
                .map(|images| images.names.as_ref())
                .collect();
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
                self.keep(&namespace, changes).await;
            }
            self.change(&namespace, |ledger| ledger.close(&open)).await;
        }
    }

    /// Puts a bundle into the journal, however long that takes.
    async fn keep(&self, namespace: &Arc<str>, changes: &[ImageChange]) {
        let mut complained = false;
        loop {
            let Some(delivery) = delivery::of(namespace, changes, Timestamp::now()) else { return };
            let id = delivery.value().id.clone();
            let event = delivery.value().event.clone();
            match crate::observed::append(self.journal.as_ref(), delivery).await {
                Ok(true) => return info!(delivery = %id, namespace = %namespace, event, "delivery kept"),
                Ok(false) => return,
                Err(error) => {
                    if !std::mem::replace(&mut complained, true) {
                        warn!(namespace = %namespace, event, error = %error, "a change cannot be kept yet");
                    }
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// Forgets what nobody waits for, and did not half an hour ago.
    async fn forget(&mut self) {
        let Some(rules) = self.inventory.current() else { return };
        let mut wanted = HashSet::new();
        for rules in rules.waiting_for_images() {
            let names = rules.images.iter().flat_map(|images| &images.names);
            wanted.extend(names.map(|name| (Arc::clone(&rules.target.key.namespace), name.clone())));
        }
        let all = self.ledgers.iter().flat_map(|(namespace, held)| {
            held.ledger.images().map(|image| (Arc::clone(namespace), image.clone()))
        });
        let unwanted: HashSet<_> = all.filter(|one| !wanted.contains(one)).collect();
        let gone: Vec<_> = unwanted.intersection(&self.unwanted).cloned().collect();
        self.unwanted = unwanted;
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
    use trigger_core::{Digest, ImageSource};
    use trigger_journal::Query;

    use super::*;

    /// A program over a journal: a Build in team-a waits for two images.
    async fn keeper(folder: &TempDir) -> ImageTracker {
        let address = format!("sqlite:{}", folder.path().join("journal.db").display());
        let journal = trigger_journal::open(&address.parse().unwrap()).await.unwrap();
        let inventory = Arc::new(Inventory::new());
        let rule = json!({"name": "base", "type": "Image", "image": {"names": ["a", "b"]}});
        let build = json!({
            "metadata": {"namespace": "team-a", "name": "app", "uid": "uid"},
            "spec": {"trigger": {"when": [rule]}},
        });
        inventory.apply(&serde_json::from_value(build).unwrap());
        inventory.mark_synced();
        ImageTracker::new(inventory, journal, Metrics::default(), Duration::ZERO, Arc::default())
    }

    async fn sees(keeper: &mut ImageTracker, image: &str, content: &str) -> ObservationOutcome {
        let sighting = Observation {
            image: ImageRef::parse(image).unwrap(),
            digest: Digest::of(content.as_bytes()),
            source: ImageSource::Registry,
            since: Timestamp::now(),
            pushed: false,
        };
        let (answer, news) = oneshot::channel();
        keeper.take_in(vec![ObservedImages { namespace: "team-a".into(), sighting, answer }]).await;
        news.await.unwrap()
    }

    async fn deliveries(keeper: &ImageTracker) -> Vec<String> {
        let page = keeper.journal.history(Query::default()).await.unwrap();
        page.records.into_iter().map(|record| record.delivery.event).collect()
    }

    /// Ends as if killed: what was not written is forgotten.
    async fn begin_again(keeper: ImageTracker, folder: &TempDir) -> ImageTracker {
        keeper.journal.close().await;
        let mut keeper = self::keeper(folder).await;
        keeper.read_all().await;
        keeper
    }

    #[tokio::test]
    async fn a_step_that_was_interrupted_is_repeated_with_the_same_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let namespace: Arc<str> = "team-a".into();
        let mut one = keeper(&folder).await;
        assert_eq!(sees(&mut one, "a", "1").await, ObservationOutcome::First);
        assert_eq!(sees(&mut one, "a", "2").await, ObservationOutcome::Changed);
        // Killed after the change was noted.
        let mut one = begin_again(one, &folder).await;
        assert_eq!(sees(&mut one, "a", "2").await, ObservationOutcome::Same);
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
        let one = begin_again(one, &folder).await;
        one.keep(&namespace, &open[0]).await;
        // Killed after the delivery was kept, and before that was noted.
        let mut one = begin_again(one, &folder).await;
        one.bundle_all().await;
        assert_eq!(deliveries(&one).await, ["Image docker.io/library/a:latest"]);
        assert!(one.change(&namespace, bundle).await.is_empty());
        // And once more with all of it done.
        let mut one = begin_again(one, &folder).await;
        one.bundle_all().await;
        assert_eq!(deliveries(&one).await.len(), 1);
    }

    #[tokio::test]
    async fn two_who_see_the_same_make_one_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = keeper(&folder).await;
        let mut other = beside(&one);
        sees(&mut one, "a", "1").await;
        for content in ["2", "3", "2"] {
            assert_eq!(sees(&mut one, "a", content).await, ObservationOutcome::Changed);
            assert_eq!(
                sees(&mut other, "a", content).await,
                ObservationOutcome::Same,
                "what the other wrote is read"
            );
            tokio::join!(one.bundle_all(), other.bundle_all());
        }
        assert_eq!(deliveries(&one).await.len(), 3);
    }

    /// Another replica over the same journal.
    fn beside(like: &ImageTracker) -> ImageTracker {
        let (inventory, journal) = (Arc::clone(&like.inventory), Arc::clone(&like.journal));
        ImageTracker::new(inventory, journal, Metrics::default(), Duration::ZERO, Arc::default())
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_learnt_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = keeper(&folder).await;
        assert!(one.journal.compare_and_swap("images/team-a", 0, "{".to_owned()).await.unwrap());
        assert_eq!(sees(&mut one, "a", "1").await, ObservationOutcome::First);
        assert_eq!(sees(&mut one, "a", "2").await, ObservationOutcome::Changed);
    }
}
