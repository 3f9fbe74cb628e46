use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use tokio::runtime::Handle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use trigger_api::shipwright::BuildRun;
use trigger_core::ObjectKey;
use trigger_journal::Journal;
use trigger_runtime::restart_on_panic;

use super::launched::{self, Launched};
use super::owed::{Outcome, OwedConditions, OwedRun};
use crate::client::Connection;
use crate::feeds::Scope;
use crate::metrics::Watched;
use crate::runs::build_runs;
use crate::sentence::words;
use crate::triggered_condition::{Addition, add_condition};
use crate::watch::{Unread, WatchHealth, events};

/// Conditions that are written at the same time.
const SIDE_BY_SIDE: usize = 4;
/// The same while launches are under way or Secrets are slow to read.
const WHILE_BUSY: usize = 1;
/// Launches are under way until none has been for so long: between two of a burst there are pauses.
const SETTLED: Duration = Duration::from_millis(300);
/// How often the runs are looked at for those that are due.
const LOOK: Duration = Duration::from_millis(100);
/// After a write that an API server could not carry out, none is begun for so long.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one write may take.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// Writes the conditions of runs. A leader task.
#[derive(Clone)]
pub struct ConditionWriter {
    /// The watched namespaces.
    pub scope: Scope,
    /// Records what was launched, and why.
    pub journal: Arc<dyn Journal>,
    /// How long a run's controller is waited for.
    pub delay: Duration,
    /// The connection: one of its own, so that its watch holds up no reads of Secrets.
    pub connection: Connection,
    /// The runtime: that of the dispatcher, whose threads have a low priority.
    pub runtime: Handle,
}

type Event = watcher::Event<Unread<BuildRun>>;
type Events = SelectAll<futures::stream::BoxStream<'static, (usize, Result<Event, watcher::Error>)>>;
type Written = (ObjectKey, OwedRun, Outcome);

struct Loop {
    writer: ConditionWriter,
    owed: OwedConditions,
    writes: FuturesUnordered<BoxFuture<'static, Written>>,
    /// The watch of each part of the scope, and the number of its current list.
    parts: Vec<(WatchHealth, u64)>,
    /// When the next write may begin.
    resumes: Instant,
}

impl ConditionWriter {
    /// Writes conditions until `shutdown`. It may be started again.
    pub fn start(&self, tasks: &TaskTracker, shutdown: &CancellationToken) {
        let writer = self.clone();
        let work = restart_on_panic("conditions of runs", move || Loop::new(writer.clone()).run());
        let shutdown = shutdown.clone();
        let work = async move {
            tokio::select! { () = work => {}, () = shutdown.cancelled() => {} }
        };
        tasks.spawn_on(work, &self.runtime);
    }
}

impl Loop {
    fn new(writer: ConditionWriter) -> Self {
        let metrics = &writer.connection.metrics;
        let health = |namespace| {
            let meanwhile = "they get no condition that says why they exist";
            (WatchHealth::new("BuildRuns", namespace, meanwhile, metrics.watch(Watched::BuildRuns)), 0)
        };
        let parts = writer.scope.parts().into_iter().map(health).collect();
        Self {
            owed: OwedConditions::new(writer.delay),
            writer,
            writes: FuturesUnordered::new(),
            parts,
            resumes: Instant::now(),
        }
    }

    async fn run(mut self) {
        loop {
            let mut events = self.events();
            self.follow(&mut events).await;
            info!("runs had no room in memory for their conditions; listing them again");
        }
    }

    /// The events of all parts of the scope.
    fn events(&self) -> Events {
        let parts = self.writer.scope.parts().into_iter().enumerate();
        let watches = parts.map(|(part, namespace)| {
            let events = events::<BuildRun>(&self.writer.connection, namespace.as_deref());
            events.map(move |event| (part, event)).boxed()
        });
        futures::stream::select_all(watches)
    }

    /// Returns when the runs have to be listed again.
    async fn follow(&mut self, events: &mut Events) {
        self.owed.begin();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.owed.wants_list() {
            tokio::select! {
                Some((part, event)) = events.next() => self.take(part, event),
                Some((key, wrote, outcome)) = self.writes.next() => {
                    if self.owed.written(&key, &wrote, outcome, Instant::now()) {
                        warn!(run = %key, "the API server refuses the condition of the run; it is given up");
                        self.writer.connection.metrics.condition("refused");
                    }
                    if outcome == Outcome::Retry {
                        self.resumes = Instant::now() + PAUSE;
                    }
                    self.start_writes();
                }
                _ = look.tick(), if self.owed.len() > 0 => {
                    self.owed.find_due(self.is_busy(), Instant::now());
                    self.start_writes();
                }
            }
            self.writer.connection.metrics.conditions_owed(self.owed.len());
        }
    }

    fn take(&mut self, part: usize, event: Result<Event, watcher::Error>) {
        let Some((health, list)) = self.parts.get_mut(part) else { return };
        let event = match event {
            Ok(event) => event,
            Err(error) => return health.failed(&error),
        };
        health.received(&event);
        let now = Instant::now();
        match event {
            watcher::Event::Init => *list += 1,
            watcher::Event::InitDone => self.owed.listed((part, *list)),
            watcher::Event::InitApply(run) | watcher::Event::Apply(run) => {
                // A run that cannot be read is none of ours.
                if let Ok(run) = run.read() {
                    self.owed.observe(&run, (part, *list), now);
                }
            }
            watcher::Event::Delete(run) => {
                let (namespace, name) = (run.namespace().unwrap_or_default(), run.name_any());
                self.owed.remove(&ObjectKey::new(namespace, name));
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.writer.connection.gate.is_busy(SETTLED)
    }

    fn start_writes(&mut self) {
        if Instant::now() < self.resumes {
            return;
        }
        let is_busy = self.is_busy();
        let room = if is_busy { WHILE_BUSY } else { SIDE_BY_SIDE };
        while self.writes.len() < room {
            let Some((key, owed)) = self.owed.next(is_busy, Instant::now()) else { return };
            self.writes.push(write(self.writer.clone(), key, owed).boxed());
        }
    }
}

async fn write(writer: ConditionWriter, key: ObjectKey, owed: OwedRun) -> Written {
    let outcome = timeout(WRITE_WITHIN, add(&writer, &key, &owed)).await.unwrap_or(Outcome::Retry);
    (key, owed, outcome)
}

async fn add(writer: &ConditionWriter, key: &ObjectKey, owed: &OwedRun) -> Outcome {
    let metrics = &writer.connection.metrics;
    let condition = match launched::find(writer.journal.as_ref(), &owed.delivery, key, &owed.uid).await {
        Ok(Launched::Owed(condition)) => condition,
        Ok(Launched::NotYet) => return Outcome::NotRecorded,
        Ok(Launched::Never) => return Outcome::Done,
        Err(error) => {
            debug!(run = %key, %error, "the launch of the run cannot be looked up");
            return Outcome::Retry;
        }
    };
    let runs: kube::Api<DynamicObject> =
        kube::Api::namespaced_with(writer.connection.client.clone(), &key.namespace, &build_runs());
    let (outcome, label) = match add_condition(&runs, &key.name, &owed.seen, &condition).await {
        Ok(Addition::Added) => (Outcome::Done, "written"),
        Ok(Addition::Gone) => return Outcome::Done,
        Ok(Addition::Changed) => (Outcome::Changed, "conflict"),
        Ok(Addition::Refused(reason)) => {
            // The run exists and is what matters; trying again would not help.
            warn!(run = %key, reason, "the condition of the run cannot be set");
            (Outcome::Done, "refused")
        }
        Err(error) => {
            debug!(run = %key, error = words(&error), "the condition of the run cannot be set yet");
            (Outcome::Retry, "retryable")
        }
    };
    metrics.condition(label);
    outcome
}
