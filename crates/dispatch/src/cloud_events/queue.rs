use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use trigger_core::{DeliveryId, ObjectKey};
use trigger_rules::interceptors::Address;
use trigger_rules::listeners::CloudEvent;
use trigger_runtime::ExpiringMap;

use crate::metrics::Metrics;

/// CloudEvents of a namespace that wait. One delivery can have a CloudEvent for each of some hundred triggers.
pub(crate) const MOST_WAITING: usize = 512;
/// CloudEvents of a namespace that are sent at a time.
pub(crate) const MOST_OF_NAMESPACE: usize = 4;
/// CloudEvents that are sent at a time. Each may wait for a receiver for some 25 seconds.
pub(crate) const MOST_SENT: usize = 128;
/// The pause between two log lines about lost CloudEvents of a listener.
pub(crate) const WARN_AGAIN: Duration = Duration::from_mins(10);
/// Listeners that are remembered for that. A further one is logged earlier than that.
const MOST_REMEMBERED: usize = 1024;

/// Sends CloudEvents to their receivers.
pub trait CloudEventSender: Send + Sync + 'static {
    /// Sends a CloudEvent, with all tries, within a bounded time. The error is a sentence without secrets.
    fn send<'a>(&'a self, event: &'a CloudEvent, to: &'a Address) -> BoxFuture<'a, Result<(), String>>;
}

/// The CloudEvents on their way to receivers. Clones share it.
#[derive(Clone)]
pub struct CloudEvents(Arc<Queue>);

/// A CloudEvent that waits.
pub(super) struct Outgoing {
    pub(super) listener: ObjectKey,
    pub(super) delivery: DeliveryId,
    pub(super) to: Address,
    pub(super) event: CloudEvent,
    /// Whether it leaves half of the room to others.
    pub(super) is_spare: bool,
}

struct Queue {
    sender: Arc<dyn CloudEventSender>,
    metrics: Metrics,
    threads: Handle,
    tasks: TaskTracker,
    turns: Semaphore,
    namespaces: Mutex<HashMap<Arc<str>, Waiting>>,
    warned: ExpiringMap<ObjectKey, ()>,
}

/// The CloudEvents of one namespace.
#[derive(Default)]
struct Waiting {
    events: VecDeque<Outgoing>,
    /// The tasks that send them.
    workers: usize,
}

impl CloudEvents {
    /// CloudEvents that are sent by tasks on these threads.
    pub fn new(sender: Arc<dyn CloudEventSender>, metrics: Metrics, threads: Handle) -> Self {
        Self(Arc::new(Queue {
            sender,
            metrics,
            threads,
            tasks: TaskTracker::new(),
            turns: Semaphore::new(MOST_SENT),
            namespaces: Mutex::default(),
            warned: ExpiringMap::new(MOST_REMEMBERED),
        }))
    }

    /// Returns when every CloudEvent is sent or given up.
    pub async fn ended(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Sends a CloudEvent soon, unless too many of its namespace wait.
    pub(super) fn push(&self, event: Outgoing) {
        let queue = &self.0;
        let namespace = Arc::clone(&event.listener.namespace);
        let most = if event.is_spare { MOST_WAITING / 2 } else { MOST_WAITING };
        let mut namespaces = queue.namespaces();
        let own = namespaces.entry(Arc::clone(&namespace)).or_default();
        if own.events.len() >= most {
            drop(namespaces);
            return queue.lost("dropped", &event, "too many CloudEvents of the namespace wait");
        }
        own.events.push_back(event);
        if own.workers < MOST_OF_NAMESPACE {
            own.workers += 1;
            drop(namespaces);
            queue.tasks.spawn_on(Arc::clone(queue).work(namespace), &queue.threads);
        }
    }

    #[cfg(test)]
    pub(super) fn warns(&self, listener: &ObjectKey) -> bool {
        self.0.warns(listener)
    }
}

impl Queue {
    /// Sends CloudEvents of a namespace until none waits.
    async fn work(self: Arc<Self>, namespace: Arc<str>) {
        while let Some(event) = self.next(&namespace) {
            // It is never closed.
            let _turn = self.turns.acquire().await.ok();
            let sent = AssertUnwindSafe(self.sender.send(&event.event, &event.to)).catch_unwind().await;
            match sent {
                Ok(Ok(())) => self.metrics.cloud_event("sent"),
                Ok(Err(error)) => self.lost("failed", &event, &error),
                Err(_) => {
                    self.lost("failed", &event, "the program panicked, which is a bug: please report it");
                }
            }
        }
    }

    /// The next CloudEvent of a namespace; `None` if the worker that asks has to end.
    fn next(&self, namespace: &str) -> Option<Outgoing> {
        let mut namespaces = self.namespaces();
        let own = namespaces.get_mut(namespace)?;
        let next = own.events.pop_front();
        if next.is_none() {
            own.workers = own.workers.saturating_sub(1);
            if own.workers == 0 {
                namespaces.remove(namespace);
            }
        }
        next
    }

    fn lost(&self, outcome: &'static str, Outgoing { listener, delivery, .. }: &Outgoing, error: &str) {
        self.metrics.cloud_event(outcome);
        if self.warns(listener) {
            warn!(
                %listener, %delivery, error, again = ?WARN_AGAIN,
                "a CloudEvent is lost; see `spec.cloudEventURI` of the listener"
            );
        } else {
            debug!(%listener, %delivery, error, "a CloudEvent is lost");
        }
    }

    /// Whether a lost CloudEvent of a listener is to be logged for the operator, which is then noted.
    fn warns(&self, listener: &ObjectKey) -> bool {
        let now = Instant::now();
        let is_due = self.warned.get(listener, now).is_none();
        if is_due {
            self.warned.insert(listener.clone(), (), WARN_AGAIN, now);
        }
        is_due
    }

    fn namespaces(&self) -> MutexGuard<'_, HashMap<Arc<str>, Waiting>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
