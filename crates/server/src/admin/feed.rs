use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_journal::{Journal, Record};

use super::error::ApiError;
use super::poller::Poller;

/// How many streams are open at the same time. Each costs a connection and a copy of every change.
const MAX_SUBSCRIBERS: usize = 64;
/// How many changes a subscriber may fall behind before it is disconnected.
const CHANNEL_CAPACITY: usize = 1024;
/// The pause between two polls if no delivery arrives at this replica.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The shortest pause between two polls. It bounds the load at any rate of deliveries.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Publishes changes of the delivery history to subscribers. One poller serves all of them, and runs only while
/// there is a subscriber.
pub(super) struct Feed {
    journal: Arc<dyn Journal>,
    changes: broadcast::Sender<Arc<Record>>,
    slots: Arc<Semaphore>,
    is_polling: Mutex<bool>,
    shutdown: CancellationToken,
}

/// A subscriber's end of the feed. Dropping it frees its slot.
pub(super) struct Subscription {
    pub(super) changes: broadcast::Receiver<Arc<Record>>,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    pub(super) fn new(journal: Arc<dyn Journal>, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            journal,
            changes: broadcast::channel(CHANNEL_CAPACITY).0,
            slots: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)),
            is_polling: Mutex::new(false),
            shutdown,
        })
    }

    /// Subscribes to all changes after this call. Fails if all slots are in use or the journal cannot be read.
    pub(super) async fn subscribe(self: &Arc<Self>) -> Result<Subscription, ApiError> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| {
            ApiError::unavailable(format!(
                "all {MAX_SUBSCRIBERS} streams are in use; close one or try again later"
            ))
        })?;
        let mut is_polling = self.is_polling.lock().await;
        let changes = self.changes.subscribe();
        if !*is_polling {
            let poller = Poller::start(Arc::clone(&self.journal)).await?;
            tokio::spawn(Arc::clone(self).poll(poller));
            *is_polling = true;
        }
        Ok(Subscription { changes, _permit: permit })
    }

    async fn poll(self: Arc<Self>, mut poller: Poller) {
        let mut arrivals = self.journal.arrivals();
        while self.is_wanted().await {
            match poller.poll().await {
                Ok(changed) => {
                    for record in changed {
                        // An error means that the last subscriber has left; the next iteration ends the task.
                        let _ = self.changes.send(Arc::new(record));
                    }
                }
                Err(error) => warn!(error = %error, "cannot poll the delivery history; retrying"),
            }
            tokio::time::sleep(MIN_POLL_INTERVAL).await;
            let arrival = async {
                if arrivals.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    /// Whether there is a subscriber. If not, the next subscriber starts a new poller.
    async fn is_wanted(&self) -> bool {
        let mut is_polling = self.is_polling.lock().await;
        *is_polling = self.changes.receiver_count() > 0 && !self.shutdown.is_cancelled();
        *is_polling
    }
}
