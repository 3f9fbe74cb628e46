use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, pin_mut};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::watcher;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{info, warn};
use trigger_api::tekton::PipelineRun;
use trigger_core::{Event, Observer};
use trigger_dispatch::{Metrics, PipelineRunChange};
use trigger_journal::{Journal, append_observed};
use trigger_rules::Inventory;

use super::observed::{News, Seen};
use crate::client::Connection;
use crate::feeds::BuildWatch;
use crate::metrics::Watch;
use crate::watch::{Unread, WatchHealth, events};
use crate::watermarks::{AGAIN, Marks};

/// How often the watermark is raised.
const RAISE: Duration = Duration::from_secs(30);
/// How long a change that no rule asks for waits for the rule.
const LATE_RULES: Duration = Duration::from_secs(10);
/// How often the rules are looked at for one about PipelineRuns.
const CHECK: Duration = Duration::from_secs(1);
/// The number of waiting changes; beyond, the oldest are dropped.
const LATE_AT_MOST: usize = 1000;
/// The number of changes that are stored concurrently: the journal takes many in one commit.
const SIDE_BY_SIDE: usize = 64;

/// Follows the PipelineRuns of one namespace, or of all, once there is a rule about PipelineRuns.
pub(super) struct Follower {
    namespace: Option<String>,
    inventory: Arc<Inventory>,
    journal: Arc<dyn Journal>,
    metrics: Metrics,
    observer: Observer,
    seen: Seen,
    /// Older changes are ignored.
    horizon: Timestamp,
    keeping: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Changes that no rule asks for, with the time at which they are dropped.
    late: VecDeque<(Instant, PipelineRunChange)>,
    /// Whether the watch works, so that every change is observed.
    watching: bool,
    watch_health: WatchHealth,
}

impl Follower {
    pub(super) fn new(
        namespace: Option<String>,
        inventory: Arc<Inventory>,
        journal: Arc<dyn Journal>,
        metrics: Metrics,
        observer: Observer,
        watch: Watch,
    ) -> Self {
        Self {
            watch_health: WatchHealth::new(
                "PipelineRuns",
                namespace.clone(),
                "rules of type Pipeline wait",
                watch,
            ),
            namespace,
            inventory,
            journal,
            metrics,
            observer,
            seen: Seen::default(),
            horizon: Timestamp::MAX,
            keeping: FuturesUnordered::new(),
            late: VecDeque::new(),
            watching: false,
        }
    }

    pub(super) async fn run(mut self, connection: Connection, builds: BuildWatch) {
        builds.seen_in(self.namespace.as_deref()).await;
        let marks = Marks::new(
            "pipelineruns",
            self.namespace.clone(),
            Arc::<dyn Journal>::clone(&self.journal),
            connection.clock.clone(),
        );
        self.horizon = marks.horizon().await;
        self.wait_for_rules(&marks).await;
        let events = events::<PipelineRun>(&connection, self.namespace.as_deref());
        pin_mut!(events);
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut raised = Instant::now();
        loop {
            tokio::select! {
                // Observed changes are stored before more events are read.
                Some(()) = self.keeping.next() => {}
                Some(event) = events.next(), if self.keeping.len() < SIDE_BY_SIDE => match event {
                    Ok(event) => self.take(event),
                    Err(error) => {
                        self.watching = false;
                        self.watch_health.failed(&error);
                    }
                },
                _ = second.tick() => {
                    self.look_again();
                    if raised.elapsed() >= RAISE && self.watching && self.keeping.is_empty() {
                        raised = Instant::now();
                        marks.all_is_seen().await;
                    }
                }
            }
        }
    }

    /// Returns when there is a rule about PipelineRuns. Until then they are not watched: a cluster may have many, and they are
    /// large.
    async fn wait_for_rules(&mut self, marks: &Marks) {
        let (mut check, mut raised) = (interval(CHECK), Instant::now());
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.inventory.current().is_some_and(|rules| rules.follows_pipeline_runs()) {
            self.horizon = marks.this_second() - LATE_RULES;
            if raised.elapsed() >= RAISE {
                raised = Instant::now();
                marks.all_is_seen().await;
            }
            check.tick().await;
        }
    }

    fn take(&mut self, event: watcher::Event<Unread<PipelineRun>>) {
        self.watching = !matches!(event, watcher::Event::Init | watcher::Event::InitApply(_));
        self.watch_health.received(&event);
        match event {
            watcher::Event::Init => self.seen.begin_list(),
            watcher::Event::InitApply(run) | watcher::Event::Apply(run) => self.look(&run),
            watcher::Event::Delete(run) => {
                // It may have ended in the same moment.
                self.look(&run);
                self.seen.forget(run.uid().as_deref().unwrap_or_default());
            }
            watcher::Event::InitDone => {
                self.seen.end_list();
                info!(runs = self.seen.len(), namespace = self.namespace, "PipelineRuns are followed");
            }
        }
    }

    fn look(&mut self, run: &Unread<PipelineRun>) {
        let run = &match run.read() {
            Ok(run) => run,
            Err(error) => {
                let (namespace, name) = (run.namespace(), run.name_any());
                return warn!(namespace, name, error = %error, "a PipelineRun cannot be read and is left out");
            }
        };
        let now = Timestamp::now();
        let Some(class) = run.class(now) else { return };
        let uid = run.metadata.uid.as_deref().unwrap_or_default();
        if self.seen.knows(uid, class) {
            return;
        }
        let Some(change) = PipelineRunChange::of(run, &self.observer, now) else { return };
        if self.seen.note(uid, class, change.event.since, self.horizon) == News::Changed {
            self.consider(change);
        }
    }

    /// Stores the change if a rule asks for it.
    fn consider(&mut self, change: PipelineRunChange) {
        if self.is_asked_for(&change) {
            return self.keep(change);
        }
        if self.late.len() == LATE_AT_MOST {
            self.late.pop_front();
        }
        self.late.push_back((Instant::now() + LATE_RULES, change));
    }

    fn is_asked_for(&self, change: &PipelineRunChange) -> bool {
        let event = Event::PipelineRun(change.event.clone());
        self.inventory.current().is_some_and(|rules| rules.applies_to_any(&event))
    }

    fn look_again(&mut self) {
        let now = Instant::now();
        for (until, change) in std::mem::take(&mut self.late) {
            if self.is_asked_for(&change) {
                self.keep(change);
            } else if until > now {
                self.late.push_back((until, change));
            } else {
                self.metrics.observed("unconcerned");
            }
        }
    }

    fn keep(&mut self, change: PipelineRunChange) {
        let (journal, metrics) = (Arc::clone(&self.journal), self.metrics.clone());
        self.keeping.push(keep(journal, change, metrics).boxed());
    }
}

/// Stores a change, and retries until the journal accepts it.
async fn keep(journal: Arc<dyn Journal>, change: PipelineRunChange, metrics: Metrics) {
    let delivery = change.delivery.value();
    let (id, run, class) = (delivery.id.clone(), change.event.run.clone(), change.event.class.name());
    let mut complained = false;
    loop {
        match append_observed(journal.as_ref(), change.delivery.clone()).await {
            Ok(is_new) => {
                metrics.observed(if is_new { "kept" } else { "known" });
                if is_new {
                    info!(delivery = %id, pipelinerun = %run, class, "a PipelineRun has changed");
                }
                return;
            }
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    warn!(pipelinerun = %run, class, error = %error, "a PipelineRun's change cannot be kept yet");
                }
                sleep(AGAIN).await;
            }
        }
    }
}
