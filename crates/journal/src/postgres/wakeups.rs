use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::{Notify, watch};
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::{debug, info};
use trigger_runtime::Backoff;

use super::Store;
use super::config::ConnectionConfig;
use super::session;
use crate::JournalError;

/// The shortest time between two notifications of other replicas. PostgreSQL commits notifying transactions one after
/// the other, so a notification is not part of the commits of deliveries, and stands for many.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(20);

/// The pauses after errors of the server.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// How often the listening connection asks whether the server still accepts writes. A connection that only listens
/// would not notice that the server became a standby or disappeared.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);

const CHANNEL: &str = "shipwright_trigger";

/// Wakes the dispatchers of this process and of other replicas when a delivery may have become claimable.
pub(super) struct Wakeups {
    local: watch::Sender<u64>,
    /// Distinguishes this replica's notifications from those of others.
    origin: String,
    /// Whether other replicas have still to be notified.
    pending: AtomicBool,
    wake: Notify,
}

/// Makes connections that listen for notifications of other replicas.
pub(super) struct NotifyConnector {
    config: Config,
    tls: MakeRustlsConnect,
    setup: String,
    timeout: Duration,
}

/// A connection that listens. The task that drives it receives the notifications, and ends with it.
pub(super) struct NotifyListener {
    client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Wakeups {
    pub(super) fn new() -> Self {
        let origin = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Self { local: watch::Sender::new(0), origin, pending: AtomicBool::new(false), wake: Notify::new() }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.local.subscribe()
    }

    /// Wakes this process, and other replicas soon.
    pub(super) fn announce(&self) {
        self.wake_local();
        self.pending.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Wakes this process only.
    pub(super) fn wake_local(&self) {
        self.local.send_modify(|count| *count += 1);
    }
}

/// Notifies other replicas. Never returns.
pub(super) async fn run_notifier(store: Arc<Store>) {
    let mut failures = 0_u32;
    loop {
        store.wakeups.wake.notified().await;
        while store.wakeups.pending.load(Ordering::SeqCst) {
            let pause = match notify(&store).await {
                Ok(()) => {
                    failures = 0;
                    NOTIFY_INTERVAL
                }
                Err(error) => {
                    debug!(%error, "other replicas cannot be notified yet");
                    failures = failures.saturating_add(1);
                    BACKOFF.pause(failures)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Notifies other replicas if that is pending.
pub(super) async fn notify(store: &Store) -> Result<(), JournalError> {
    let wakeups = &store.wakeups;
    if !wakeups.pending.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let notified = store.sessions.attempt(async {
        let session = store.sessions.get().await?;
        session.query("SELECT pg_notify($1, $2)", &[&CHANNEL, &wakeups.origin]).await?;
        session.keep();
        Ok(())
    });
    let notified = notified.await;
    if notified.is_err() {
        wakeups.pending.store(true, Ordering::SeqCst);
    }
    notified
}

impl NotifyConnector {
    pub(super) fn new(config: &ConnectionConfig, tls: MakeRustlsConnect, timeout: Duration) -> Self {
        Self { config: config.config.clone(), tls, setup: session::setup(timeout), timeout }
    }

    /// Begins to listen. Receives every notification that is sent from now on.
    pub(super) async fn connect(
        &self,
        wakeups: &Arc<Wakeups>,
    ) -> Result<NotifyListener, tokio_postgres::Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let wakeups = Arc::clone(wakeups);
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message
                    && notification.payload() != wakeups.origin
                {
                    wakeups.wake_local();
                }
            }
        });
        let listener = NotifyListener { client, driver };
        listener.client.batch_execute(&format!("{}; LISTEN {CHANNEL}", self.setup)).await?;
        Ok(listener)
    }

    /// Listens, and connects again whenever the connection is lost. Never returns.
    pub(super) async fn run(self, mut listener: NotifyListener, wakeups: Arc<Wakeups>) {
        loop {
            listener.until_lost(self.timeout).await;
            debug!("the connection that listens for other replicas is lost");
            listener = self.reconnect(&wakeups).await;
            info!("listening for other replicas again");
            // Notifications in between were missed.
            wakeups.wake_local();
        }
    }

    async fn reconnect(&self, wakeups: &Arc<Wakeups>) -> NotifyListener {
        let mut failures = 0_u32;
        loop {
            if let Ok(Ok(listener)) = tokio::time::timeout(self.timeout, self.connect(wakeups)).await {
                return listener;
            }
            failures = failures.saturating_add(1);
            tokio::time::sleep(BACKOFF.pause(failures)).await;
        }
    }
}

impl NotifyListener {
    /// Returns when the connection is lost, or leads to a server that accepts no writes.
    async fn until_lost(&mut self, timeout: Duration) {
        loop {
            let pause = pin!(tokio::time::sleep(PROBE_INTERVAL));
            if let Either::Left(_) = select(&mut self.driver, pause).await {
                return;
            }
            let probe = self.client.query_one("SELECT current_setting('transaction_read_only')", &[]);
            let answer = tokio::time::timeout(timeout, probe).await;
            let writable = answer
                .is_ok_and(|row| row.and_then(|row| row.try_get::<_, String>(0)).is_ok_and(|on| on == "off"));
            if !writable {
                return;
            }
        }
    }
}

impl Drop for NotifyListener {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
