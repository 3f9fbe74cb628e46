use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, pin_mut};
use jiff::Timestamp;
use kube::runtime::watcher;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::info;
use trigger_api::shipwright::{BuildRun, Push};
use trigger_core::{ImageRef, ImageSource};
use trigger_images::{Images, Observation, Pushed};
use trigger_journal::Notebook;

use crate::client::Connection;
use crate::metrics::Watch;
use crate::watch::{Unread, WatchHealth, events};
use crate::watermarks::Marks;

/// How often the watermark is raised.
const RAISE: Duration = Duration::from_secs(30);
/// Pushes that are stored at the same time. The next event is read when one of them is.
const MAX_REPORTS: usize = 1000;
/// How often the rules are checked for a Build that watches an image.
const CHECK: Duration = Duration::from_millis(500);

/// Follows the pushes of the BuildRuns of one namespace, or of all, once a Build watches an image.
pub(super) struct Pushes {
    namespace: Option<String>,
    images: Images,
    marks: Marks,
    /// Older pushes are ignored.
    horizon: Timestamp,
    /// The time of the newest known push of each image.
    newest: HashMap<(Arc<str>, ImageRef), Timestamp>,
    /// The pushes that are not stored yet. A namespace whose ledger cannot be written holds up no other.
    reports: FuturesUnordered<BoxFuture<'static, ()>>,
    /// The pushes in the list that is being received.
    listed: Vec<(Arc<str>, Push)>,
    watching: bool,
    watch_health: WatchHealth,
}

impl Pushes {
    pub(super) fn new(
        namespace: Option<String>,
        images: Images,
        journal: Arc<dyn Notebook>,
        watch: Watch,
    ) -> Self {
        Self {
            marks: Marks::new("buildruns", namespace.clone(), journal, images.clock().clone()),
            watch_health: WatchHealth::new(
                "BuildRuns",
                namespace.clone(),
                "their pushes are found by polling registries only",
                watch,
            ),
            namespace,
            images,
            horizon: Timestamp::MAX,
            newest: HashMap::new(),
            reports: FuturesUnordered::new(),
            listed: Vec::new(),
            watching: false,
        }
    }

    pub(super) async fn run(mut self, connection: Connection) {
        let mut raise = interval(RAISE);
        raise.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.horizon = self.marks.horizon().await;
        self.wait_for_watchers(&mut raise).await;
        let events = events::<BuildRun>(&connection, self.namespace.as_deref());
        pin_mut!(events);
        loop {
            tokio::select! {
                Some(event) = events.next(), if self.reports.len() < MAX_REPORTS => match event {
                    Ok(event) => self.take(event),
                    Err(error) => {
                        self.watching = false;
                        self.watch_health.failed(&error);
                    }
                },
                Some(()) = self.reports.next() => {}
                // After a restart, the pushes since the mark are read again: it is raised when all are stored.
                _ = raise.tick() => if self.watching && self.reports.is_empty() {
                    self.marks.all_is_seen().await;
                }
            }
        }
    }

    /// Returns when a Build watches an image. Until then BuildRuns are not watched, and their pushes do not matter.
    async fn wait_for_watchers(&mut self, raise: &mut Interval) {
        let mut check = interval(CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.images.is_any_watched() {
            self.horizon = self.marks.this_second();
            tokio::select! {
                _ = check.tick() => {}
                _ = raise.tick() => self.marks.all_is_seen().await,
            }
        }
    }

    fn take(&mut self, event: watcher::Event<Unread<BuildRun>>) {
        self.watching = !matches!(event, watcher::Event::Init | watcher::Event::InitApply(_));
        self.watch_health.received(&event);
        match event {
            watcher::Event::Init => self.listed.clear(),
            // A list has no order of time, and only the last push of an image gives its digest.
            watcher::Event::InitApply(run) => self.listed.extend(push(&run)),
            watcher::Event::InitDone => {
                let mut listed = std::mem::take(&mut self.listed);
                listed.sort_by_key(|(_, push)| std::cmp::Reverse(push.at));
                for (namespace, push) in listed {
                    self.report(namespace, push);
                }
                info!(namespace = self.namespace, "watching BuildRuns for pushes");
            }
            // A run may end and be deleted at the same moment.
            watcher::Event::Apply(run) | watcher::Event::Delete(run) => {
                if let Some((namespace, push)) = push(&run) {
                    self.report(namespace, push);
                }
            }
        }
    }

    fn report(&mut self, namespace: Arc<str>, push: Push) {
        let Push { image, digest, at, counts } = push;
        if at < self.horizon || !self.images.is_watched(&namespace, &image) {
            return;
        }
        let newest = self.newest.entry((Arc::clone(&namespace), image.clone())).or_insert(Timestamp::MIN);
        if at < *newest {
            return;
        }
        *newest = at;
        let pushed = if counts { Pushed::Counts } else { Pushed::StartsNothing };
        let observation = Observation { image, digest, source: ImageSource::BuildRun, since: at, pushed };
        let images = self.images.clone();
        let report = async move {
            images.observe(&namespace, observation).await;
        };
        self.reports.push(report.boxed());
    }
}

fn push(run: &Unread<BuildRun>) -> Option<(Arc<str>, Push)> {
    let run = run.read().ok()?;
    let namespace = run.metadata.namespace.as_deref()?.into();
    Some((namespace, run.push()?))
}
