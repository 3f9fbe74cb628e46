use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use trigger_core::{ImageRef, Observer, PushHint};
use trigger_journal::Journal;
use trigger_registries::Registries;
use trigger_rules::Inventory;
use trigger_runtime::{ClusterClock, CriticalTasks, Leadership, Secrets};

use crate::followed::{is_any_named, is_named};
use crate::hint::ImageNotifier;
use crate::ledger::{Observation, ObservationOutcome};
use crate::metrics::Metrics;
use crate::poller::{PendingHint, PollPlan, Poller};
use crate::resolver::Resolver;
use crate::schedule::Schedule;
use crate::status::{ImageStatus, ImageStatusCache};
use crate::tracker::{ImageTracker, PendingObservation};
use crate::warnings::ImageWarnings;

/// Observations that wait to be written to the journal. When the queue is full, their sources wait.
pub(crate) const MAX_OBSERVATIONS: usize = 1024;
/// Hints that wait for the poller, which takes them in microseconds. A push hint that finds the queue full is dropped:
/// the next poll finds the change.
pub(crate) const MAX_HINTS: usize = 256;

/// The dependencies of [`Images`].
pub struct ImageParts {
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Stores ledgers and deliveries.
    pub journal: Arc<dyn Journal>,
    /// Reads the credentials for registries.
    pub secrets: Arc<dyn Secrets>,
    /// The client for registries.
    pub registries: Registries,
    /// Warns on Builds about images that do not resolve.
    pub warnings: Arc<dyn ImageWarnings>,
    /// Counters.
    pub metrics: Metrics,
    /// Polling and bundling.
    pub settings: ImageSettings,
    /// Only the leader polls. Every replica follows the push hints that reach it.
    pub leadership: Leadership,
    /// The right to observe registries, Image objects and BuildRuns.
    pub observer: Observer,
    /// Ages of images and of Builds are compared.
    pub clock: ClusterClock,
}

/// How images are polled, and how their changes are bundled.
#[derive(Debug, Clone, Copy)]
pub struct ImageSettings {
    /// The polling interval of images whose Builds set none. `None`: one poll at first, then only after push
    /// hints.
    pub interval: Option<Duration>,
    /// How long a changed image waits for changes of the other images that a Build watches.
    pub window: Duration,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self { interval: Some(Duration::from_mins(5)), window: Duration::from_secs(10) }
    }
}

/// Follows images. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    inventory: Arc<Inventory>,
    observations: mpsc::Sender<PendingObservation>,
    hints: mpsc::Sender<PendingHint>,
    status: Arc<ImageStatusCache>,
    leadership: Leadership,
    clock: ClusterClock,
}

impl Images {
    /// Follows the images that rules watch, from the moment `synced` says that all rules are known until
    /// `shutdown`.
    pub fn start(
        parts: ImageParts,
        mut synced: watch::Receiver<bool>,
        tasks: &CriticalTasks,
        shutdown: &CancellationToken,
    ) -> Self {
        let ImageParts {
            inventory,
            journal,
            secrets,
            registries,
            warnings,
            metrics,
            settings,
            leadership,
            observer,
            clock,
        } = parts;
        let (observations, observed) = mpsc::channel(MAX_OBSERVATIONS);
        let (hints, hinted) = mpsc::channel(MAX_HINTS);
        let status = Arc::new(ImageStatusCache::default());
        let tracker =
            ImageTracker::new(journal, metrics.clone(), settings.window, Arc::clone(&status), observer);
        let poller = Poller {
            inventory: Arc::clone(&inventory),
            resolver: Arc::new(Resolver::new(registries, secrets)),
            observations: observations.clone(),
            status: Arc::clone(&status),
            warnings,
            metrics,
            interval: settings.interval,
            leadership: leadership.clone(),
            schedule: Schedule::new(),
            plan: PollPlan::default(),
            clock: clock.clone(),
        };
        let shutdown = shutdown.clone();
        tasks.spawn("images", async move {
            let work = async {
                if synced.wait_for(|synced| *synced).await.is_ok() {
                    tokio::join!(tracker.run(observed), poller.run(hinted));
                }
            };
            tokio::select! { () = work => {}, () = shutdown.cancelled() => {} }
        });
        Self { inventory, observations, hints, status, leadership, clock }
    }

    /// The clock by which observations have their times.
    pub fn clock(&self) -> &ClusterClock {
        &self.clock
    }

    /// Takes an observation in a namespace. Returns its outcome once the journal has it, or `None` if the program
    /// ends before that.
    pub async fn observe(
        &self,
        namespace: &Arc<str>,
        observation: Observation,
    ) -> Option<ObservationOutcome> {
        let (answer, outcome) = oneshot::channel();
        let pending = PendingObservation { namespace: Arc::clone(namespace), observation, answer };
        self.observations.send(pending).await.ok()?;
        outcome.await.ok()
    }

    /// Whether a Build of the namespace watches the image, and the image is followed.
    pub fn is_watched(&self, namespace: &str, image: &ImageRef) -> bool {
        // The rules may be newer than the plan, which knows only the images that are too many.
        self.inventory.current().is_some_and(|rules| is_named(&rules, namespace, image))
            && !self.status.followed().leaves_out(namespace, image)
    }

    /// Whether any Build watches any image.
    pub fn is_any_watched(&self) -> bool {
        self.inventory.current().is_some_and(|rules| is_any_named(&rules))
    }

    /// Stores whether an Image object of the namespace reports the digest of an image. If so, its registry is not
    /// polled.
    pub fn set_object(&self, namespace: &Arc<str>, image: &ImageRef, exists: bool) {
        self.status.set_object(namespace, image, exists);
    }

    /// The identity of the replica that polls registries, if it is another one: only that replica knows when it
    /// polled, and which errors there were.
    pub fn polled_by(&self) -> Option<Arc<str>> {
        let lead = self.leadership.lead();
        lead.leader.filter(|_| !lead.ours)
    }

    /// The state of every image that Builds watch.
    pub fn statuses(&self) -> Vec<ImageStatus> {
        self.status.statuses()
    }

    /// Asks the registry of an image now. Returns when that is done, at the latest after `timeout`; the outcome is
    /// in [`Self::statuses`].
    pub async fn check(&self, image: &ImageRef, timeout: Duration) {
        let (done, answer) = oneshot::channel();
        let check = async {
            let hint = PendingHint { images: vec![image.clone()], done: Some(done) };
            if self.hints.send(hint).await.is_ok() {
                let _ = answer.await;
            }
        };
        let _ = tokio::time::timeout(timeout, check).await;
    }
}

impl ImageNotifier for Images {
    fn notify(&self, hint: &PushHint) -> usize {
        let images = self.status.matching(hint);
        let count = images.len();
        if count > 0
            && let Err(error) = self.hints.try_send(PendingHint { images, done: None })
        {
            debug!(error = %error, "a push hint is dropped; the next poll finds the change");
        }
        count
    }
}
