use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::info;
use trigger_api::shipwright::{BuildRun, Push};
use trigger_core::{ImageRef, ImageSource};
use trigger_images::{Images, Observation};
use trigger_journal::Journal;

use crate::metrics::Watch;
use crate::watch_backoff::{Complaint, WatchBackoff};
use crate::watermarks::{Marks, this_second};

/// How often the watermark is raised.
const RAISE: Duration = Duration::from_secs(30);
/// How often to look whether anybody waits for an image.
const LOOK: Duration = Duration::from_millis(500);

/// Follows what the BuildRuns of one namespace, or of all, have pushed, from when on a Build waits for an image.
pub(super) struct Pushes {
    namespace: Option<String>,
    images: Images,
    marks: Marks,
    /// What is older is over.
    horizon: Timestamp,
    /// When the newest push of an image was that is known.
    newest: HashMap<(Arc<str>, ImageRef), Timestamp>,
    /// What the list that is coming in has held so far.
    listed: Vec<(Arc<str>, Push)>,
    watching: bool,
    complaint: Complaint,
}

impl Pushes {
    pub(super) fn new(
        namespace: Option<String>,
        images: Images,
        journal: Arc<dyn Journal>,
        watch: Watch,
    ) -> Self {
        Self {
            marks: Marks::new("buildruns", namespace.clone(), journal),
            namespace,
            images,
            horizon: Timestamp::MAX,
            newest: HashMap::new(),
            listed: Vec::new(),
            watching: false,
            complaint: Complaint::new("BuildRuns", "what they push is learnt from registries only", watch),
        }
    }

    pub(super) async fn run(mut self, client: Client) {
        let mut raise = interval(RAISE);
        raise.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.horizon = self.marks.horizon().await;
        self.somebody_waits(&mut raise).await;
        let runs: Api<DeserializeGuard<BuildRun>> = match &self.namespace {
            None => Api::all(client),
            Some(namespace) => Api::namespaced(client, namespace),
        };
        let events = watcher(runs, watcher::Config::default()).backoff(WatchBackoff::default());
        pin_mut!(events);
        loop {
            tokio::select! {
                // What is seen is kept before more is read.
                Some(event) = events.next() => match event {
                    Ok(event) => self.take(event).await,
                    Err(error) => {
                        self.watching = false;
                        self.complaint.begins(self.namespace.as_deref(), &error);
                    }
                },
                _ = raise.tick() => if self.watching {
                    self.marks.all_is_seen().await;
                }
            }
        }
    }

    /// Returns when a Build waits for an image. Before, nobody need hear of every run of the cluster: what they have
    /// pushed by then concerned nobody, and is over.
    async fn somebody_waits(&mut self, raise: &mut Interval) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.images.is_any_watched() {
            self.horizon = this_second();
            tokio::select! {
                _ = look.tick() => {}
                _ = raise.tick() => self.marks.all_is_seen().await,
            }
        }
    }

    async fn take(&mut self, event: watcher::Event<DeserializeGuard<BuildRun>>) {
        self.watching = !matches!(event, watcher::Event::Init | watcher::Event::InitApply(_));
        self.complaint.ends();
        match event {
            watcher::Event::Init => self.listed.clear(),
            // A list is in no order of time, and only the last push of an image tells what it stands for.
            watcher::Event::InitApply(run) => self.listed.extend(push(run)),
            watcher::Event::InitDone => {
                let mut listed = std::mem::take(&mut self.listed);
                listed.sort_by_key(|(_, push)| std::cmp::Reverse(push.at));
                for (namespace, push) in listed {
                    self.look(&namespace, push).await;
                }
                info!(namespace = self.namespace, "what BuildRuns push is followed");
            }
            // It may have ended in the moment in which it was deleted.
            watcher::Event::Apply(run) | watcher::Event::Delete(run) => {
                if let Some((namespace, push)) = push(run) {
                    self.look(&namespace, push).await;
                }
            }
        }
    }

    async fn look(&mut self, namespace: &Arc<str>, push: Push) {
        let Push { image, digest, at } = push;
        if at < self.horizon || !self.images.is_watched(namespace, &image) {
            return;
        }
        let newest = self.newest.entry((Arc::clone(namespace), image.clone())).or_insert(Timestamp::MIN);
        if at < *newest {
            return;
        }
        *newest = at;
        let observation =
            Observation { image, digest, source: ImageSource::BuildRun, since: at, pushed: true };
        self.images.observe(namespace, observation).await;
    }
}

fn push(run: DeserializeGuard<BuildRun>) -> Option<(Arc<str>, Push)> {
    let run = run.0.ok()?;
    let namespace = run.metadata.namespace.as_deref()?.into();
    Some((namespace, run.push()?))
}
