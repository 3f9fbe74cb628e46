use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_journal::{Journal, Record};

use super::error::ApiError;
use super::poller::Poller;

/// How many listen at the same time.
const LISTENERS: usize = 64;
/// How far a listener may fall behind.
const BEHIND: usize = 1024;
/// How often the history is looked at if nothing calls for it.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often at most, however much arrives.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Tells those who listen what changes in the history. One poller serves all of them, and runs only while
/// somebody listens.
pub(super) struct Feed {
    journal: Arc<dyn Journal>,
    changes: broadcast::Sender<Arc<Record>>,
    room: Arc<Semaphore>,
    polls: Mutex<bool>,
    shutdown: CancellationToken,
}

/// Somebody who listens.
pub(super) struct Subscription {
    pub(super) changes: broadcast::Receiver<Arc<Record>>,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    pub(super) fn new(journal: Arc<dyn Journal>, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            journal,
            changes: broadcast::channel(BEHIND).0,
            room: Arc::new(Semaphore::new(LISTENERS)),
            polls: Mutex::new(false),
            shutdown,
        })
    }

    /// Whatever changes after this has returned is told.
    pub(super) async fn subscribe(self: &Arc<Self>) -> Result<Subscription, ApiError> {
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            ApiError::unavailable(format!("{LISTENERS} clients listen already; end one or try again later"))
        })?;
        let mut polls = self.polls.lock().await;
        let changes = self.changes.subscribe();
        if !*polls {
            let poller = Poller::begin(Arc::clone(&self.journal)).await?;
            tokio::spawn(Arc::clone(self).poll(poller));
            *polls = true;
        }
        Ok(Subscription { changes, _permit: permit })
    }

    async fn poll(self: Arc<Self>, mut poller: Poller) {
        let mut arrivals = self.journal.arrivals();
        while self.is_wanted().await {
            match poller.look().await {
                // Nobody may be listening any more; that is found out at the next turn.
                Ok(news) => {
                    for record in news {
                        let _ = self.changes.send(Arc::new(record));
                    }
                }
                Err(error) => warn!(error = %error, "the history cannot be followed; trying again"),
            }
            tokio::time::sleep(LOOK_AT_MOST_EVERY).await;
            let arrival = async {
                if arrivals.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    /// False if nobody listens; whoever comes then starts another poller.
    async fn is_wanted(&self) -> bool {
        let mut polls = self.polls.lock().await;
        *polls = self.changes.receiver_count() > 0 && !self.shutdown.is_cancelled();
        *polls
    }
}
