use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_journal::Journal;
use trigger_runtime::KeyedSemaphore;

use super::error::ApiError;
use super::listed::Listed;
use super::poller::Poller;

/// How many streams are open at the same time. Each costs a connection and a copy of every change.
pub(crate) const MAX_SUBSCRIBERS: usize = 64;
/// How many of them one account may have open: a few pages, each with a stream. One account cannot take all.
pub(crate) const SUBSCRIBERS_PER_ACCOUNT: usize = 8;
/// How many of them are left to callers who may see all namespaces: tenants together cannot shut the operator out.
pub(crate) const RESERVED_SUBSCRIBERS: usize = 8;
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
    changes: broadcast::Sender<Arc<Listed>>,
    slots: Arc<Semaphore>,
    limited_slots: Arc<Semaphore>,
    account_slots: KeyedSemaphore<Box<str>>,
    is_polling: Mutex<bool>,
    shutdown: CancellationToken,
}

/// A subscriber's end of the feed. Dropping it frees its slots.
pub(super) struct Subscription {
    pub(super) changes: broadcast::Receiver<Arc<Listed>>,
    _slots: Slots,
}

/// The slots of a subscriber: of its account, of those for limited callers if it is one, and of all.
struct Slots {
    _account: OwnedSemaphorePermit,
    _limited: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Feed {
    pub(super) fn new(journal: Arc<dyn Journal>, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            journal,
            changes: broadcast::channel(CHANNEL_CAPACITY).0,
            slots: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)),
            limited_slots: Arc::new(Semaphore::new(MAX_SUBSCRIBERS - RESERVED_SUBSCRIBERS)),
            account_slots: KeyedSemaphore::new(SUBSCRIBERS_PER_ACCOUNT),
            is_polling: Mutex::new(false),
            shutdown,
        })
    }

    /// Subscribes an account to all changes after this call. `is_cluster_wide`: whether it may see all namespaces. Fails if
    /// the slots are in use or the journal cannot be read.
    pub(super) async fn subscribe(
        self: &Arc<Self>,
        account: &str,
        is_cluster_wide: bool,
    ) -> Result<Subscription, ApiError> {
        let slots = self.slots(account, is_cluster_wide)?;
        let mut is_polling = self.is_polling.lock().await;
        let changes = self.changes.subscribe();
        if !*is_polling {
            let poller = Poller::start(Arc::<dyn Journal>::clone(&self.journal)).await?;
            tokio::spawn(Arc::clone(self).poll(poller));
            *is_polling = true;
        }
        Ok(Subscription { changes, _slots: slots })
    }

    fn slots(&self, account: &str, is_cluster_wide: bool) -> Result<Slots, ApiError> {
        let of_account = self.account_slots.try_acquire(account.into()).ok_or_else(|| {
            ApiError::unavailable(format!(
                "you have {SUBSCRIBERS_PER_ACCOUNT} streams open, the most for one user; close one"
            ))
        })?;
        let taken =
            |_| ApiError::unavailable("all streams for users are in use; close one or try again later");
        let limited = if is_cluster_wide {
            None
        } else {
            Some(Arc::clone(&self.limited_slots).try_acquire_owned().map_err(taken)?)
        };
        let all = Arc::clone(&self.slots).try_acquire_owned().map_err(taken)?;
        Ok(Slots { _account: of_account, _limited: limited, _all: all })
    }

    async fn poll(self: Arc<Self>, mut poller: Poller) {
        let mut arrivals = self.journal.arrivals();
        while self.is_wanted().await {
            match poller.poll().await {
                Ok(changed) => {
                    for listed in changed {
                        // An error means that the last subscriber has left; the next iteration ends the task.
                        let _ = self.changes.send(Arc::new(listed));
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
