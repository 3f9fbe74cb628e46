//! Images that change: what is seen of them becomes deliveries.
//!
//! Three sources say what a tag stands for: registries, which `poller` asks when `schedule` says so; Image
//! objects and BuildRuns, which are watched elsewhere and told of by [`Images::saw`]. `keeper` takes all of it
//! in, by way of a `ledger` for each namespace, and makes a delivery of what has changed. `board` is what people
//! see of it, `complaints` what they are told on their Builds.

mod delivery;
mod ledger;
mod poller;
mod resolver;
mod schedule;
mod status;
mod tracker;
mod warnings;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use trigger_core::{ImageRef, PushHint};
use trigger_journal::Journal;
use trigger_registries::Registries;
use trigger_rules::Inventory;
use trigger_runtime::{CriticalTasks, Leadership, Secrets};

pub(crate) use self::delivery::read;
pub use self::delivery::{IMAGES, image_changes};
pub use self::ledger::{Observation, ObservationOutcome};
use self::poller::{PendingHint, Poller};
use self::resolver::Resolver;
use self::schedule::Schedule;
use self::status::ImageStatusCache;
pub use self::status::{ImageError, ImageStatus};
use self::tracker::{ImageTracker, ObservedImages};
pub use self::warnings::ImageWarnings;
use self::warnings::WarningWindows;
use crate::hint::ImageNotifier;
use crate::metrics::Metrics;

/// Sightings that wait to be kept; more have their sources wait.
const WAITING: usize = 1024;

/// What following images needs of the rest.
pub struct ImageParts {
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Where what is seen is kept.
    pub journal: Arc<dyn Journal>,
    /// Reads the credentials for registries.
    pub secrets: Arc<dyn Secrets>,
    /// Asks registries.
    pub registries: Registries,
    /// Tells people on their Builds what is wrong.
    pub complaints: Arc<dyn ImageWarnings>,
    /// Counts.
    pub metrics: Metrics,
    /// How.
    pub settings: ImageSettings,
    /// Whether it is up to this process to ask from time to time. Hints are followed by whomever they reach.
    pub leadership: Leadership,
}

/// How images are followed.
#[derive(Debug, Clone, Copy)]
pub struct ImageSettings {
    /// How often the registry of an image is asked, unless its Builds want it otherwise. `None`: once at first,
    /// and then when something hints at a change.
    pub interval: Option<Duration>,
    /// How many requests a second one registry gets at most.
    pub rate: f64,
    /// How long an image that has changed waits for others that a Build waits for as well.
    pub window: Duration,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self { interval: Some(Duration::from_mins(5)), rate: 10.0, window: Duration::from_secs(10) }
    }
}

/// Follows images. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    inventory: Arc<Inventory>,
    seen: mpsc::Sender<ObservedImages>,
    hints: mpsc::UnboundedSender<PendingHint>,
    board: Arc<ImageStatusCache>,
    leadership: Leadership,
}

impl Images {
    /// Begins to follow the images that rules wait for, once `synced` tells that all rules are known, until
    /// `shutdown`.
    pub fn start(
        parts: ImageParts,
        mut synced: watch::Receiver<bool>,
        tasks: &CriticalTasks,
        shutdown: &CancellationToken,
    ) -> Self {
        let ImageParts { inventory, journal, secrets, registries, complaints, metrics, settings, leadership } =
            parts;
        let (seen, sightings) = mpsc::channel(WAITING);
        let (hints, hinted) = mpsc::unbounded_channel();
        let board = Arc::new(ImageStatusCache::default());
        let (rules, shown) = (Arc::clone(&inventory), Arc::clone(&board));
        let keeper = ImageTracker::new(rules, journal, metrics.clone(), settings.window, shown);
        let poller = Poller {
            inventory: Arc::clone(&inventory),
            asking: Arc::new(Resolver::new(registries, secrets)),
            seen: seen.clone(),
            board: Arc::clone(&board),
            complaints,
            metrics,
            interval: settings.interval,
            schedule: Schedule::new(settings.rate),
            cued: HashSet::new(),
            plan: HashMap::new(),
            planned_for: None,
            episodes: WarningWindows::default(),
            waiting: HashMap::new(),
            leadership: leadership.clone(),
        };
        let shutdown = shutdown.clone();
        tasks.spawn("images", async move {
            let work = async {
                if synced.wait_for(|synced| *synced).await.is_ok() {
                    tokio::join!(keeper.run(sightings), poller.run(hinted));
                }
            };
            tokio::select! { () = work => {}, () = shutdown.cancelled() => {} }
        });
        Self { inventory, seen, hints, board, leadership }
    }

    /// Takes in what was seen in a namespace, and returns what that comes to, once it is kept. `None` if the
    /// program ends before that.
    pub async fn saw(&self, namespace: &Arc<str>, sighting: Observation) -> Option<ObservationOutcome> {
        let (answer, news) = oneshot::channel();
        let seen = ObservedImages { namespace: Arc::clone(namespace), sighting, answer };
        self.seen.send(seen).await.ok()?;
        news.await.ok()
    }

    /// Whether Builds of a namespace wait for an image.
    pub fn are_waited_for(&self, namespace: &Arc<str>, image: &ImageRef) -> bool {
        self.inventory.current().is_some_and(|rules| rules.waits_for_image(namespace, image))
    }

    /// Whether any Build waits for any image.
    pub fn any_are_waited_for(&self) -> bool {
        self.inventory.current().is_some_and(|rules| rules.waiting_for_images().next().is_some())
    }

    /// Notes that an object of the namespace says what an image stands for, so that its registry need not be
    /// asked; or that there is none any more.
    pub fn has_object(&self, namespace: &Arc<str>, image: &ImageRef, there: bool) {
        self.board.has_object(namespace, image, there);
    }

    /// Who asks registries from time to time, if it is another process: only that one knows when it has asked,
    /// and what was wrong then.
    pub fn asked_by(&self) -> Option<Arc<str>> {
        let lead = self.leadership.lead();
        lead.leader.filter(|_| !lead.ours)
    }

    /// How every image stands that Builds wait for.
    pub fn standings(&self) -> Vec<ImageStatus> {
        self.inventory.current().map(|rules| self.board.standings(&rules)).unwrap_or_default()
    }

    /// Asks the registry of an image now, and returns when that is done; at the latest after `patience`.
    pub async fn check(&self, image: &ImageRef, patience: Duration) {
        let (done, answer) = oneshot::channel();
        if self.hints.send(PendingHint { images: vec![image.clone()], done: Some(done) }).is_ok() {
            // However it ends, the standing tells.
            let _ = tokio::time::timeout(patience, answer).await;
        }
    }
}

impl ImageNotifier for Images {
    fn cue(&self, cue: &PushHint) -> usize {
        let images = self.board.concerned(cue);
        let count = images.len();
        if count > 0 {
            let _ = self.hints.send(PendingHint { images, done: None });
        }
        count
    }
}
