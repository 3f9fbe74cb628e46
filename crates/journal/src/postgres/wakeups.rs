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

use super::Store;
use super::config::ConnectionConfig;
use super::session;
use crate::JournalError;

/// Other replicas are told so often at most: PostgreSQL commits what notifies one after the other, so it is
/// not part of the commits of deliveries, and one notification stands for many.
const TELL: Duration = Duration::from_millis(20);

/// How long after trouble it is tried again, at first and at last.
const SOON: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_secs(5);

/// So often the listening connection is asked whether the server still takes writes: a connection that only
/// listens would not notice that the server became a standby, or that it is gone without a word.
const PULSE: Duration = Duration::from_secs(15);

const CHANNEL: &str = "shipwright_trigger";

/// Tells those who wait in this process and in others that something may have become claimable.
pub(super) struct Arrivals {
    local: watch::Sender<u64>,
    /// Tells our own notifications from those of others.
    origin: String,
    /// Whether others are still to be told.
    untold: AtomicBool,
    wake: Notify,
}

/// The connection that hears what others tell.
pub(super) struct Listener {
    config: Config,
    tls: MakeRustlsConnect,
    setup: String,
    patience: Duration,
}

/// A connection that listens. Notifications come out of the task that drives it, which ends with it.
pub(super) struct NotifyListener {
    client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        let origin = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Self { local: watch::Sender::new(0), origin, untold: AtomicBool::new(false), wake: Notify::new() }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.local.subscribe()
    }

    /// Something may have become claimable.
    pub(super) fn announce(&self) {
        self.bump();
        self.untold.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Tells those in this process only.
    pub(super) fn bump(&self) {
        self.local.send_modify(|count| *count += 1);
    }
}

/// Tells other replicas, for ever.
pub(super) async fn tell(store: Arc<Store>) {
    let mut pause = SOON;
    loop {
        store.arrivals.wake.notified().await;
        while store.arrivals.untold.load(Ordering::SeqCst) {
            match tell_now(&store).await {
                Ok(()) => pause = TELL,
                Err(error) => {
                    debug!(%error, "other replicas cannot be told of arrivals yet");
                    pause = (pause * 2).clamp(SOON, LATE);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Tells other replicas what they have not been told.
pub(super) async fn tell_now(store: &Store) -> Result<(), JournalError> {
    let arrivals = &store.arrivals;
    if !arrivals.untold.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let told = store.sessions.attempt(async {
        let session = store.sessions.get().await?;
        session.query("SELECT pg_notify($1, $2)", &[&CHANNEL, &arrivals.origin]).await?;
        session.keep();
        Ok(())
    });
    let told = told.await;
    if told.is_err() {
        arrivals.untold.store(true, Ordering::SeqCst);
    }
    told
}

impl Listener {
    pub(super) fn new(place: &ConnectionConfig, tls: MakeRustlsConnect, patience: Duration) -> Self {
        Self { config: place.config.clone(), tls, setup: session::setup(patience), patience }
    }

    /// Begins to listen. What others tell from now on is heard.
    pub(super) async fn connect(
        &self,
        arrivals: &Arc<Arrivals>,
    ) -> Result<NotifyListener, tokio_postgres::Error> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let arrivals = Arc::clone(arrivals);
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(told) = message
                    && told.payload() != arrivals.origin
                {
                    arrivals.bump();
                }
            }
        });
        let ear = NotifyListener { client, driver };
        ear.client.batch_execute(&format!("{}; LISTEN {CHANNEL}", self.setup)).await?;
        Ok(ear)
    }

    /// Listens for ever, with one connection after the other.
    pub(super) async fn run(self, mut ear: NotifyListener, arrivals: Arc<Arrivals>) {
        loop {
            self.hear(&mut ear).await;
            debug!("the connection that listens for other replicas is lost");
            ear = self.reconnect(&arrivals).await;
            info!("listening for other replicas again");
            // What was told meanwhile was not heard.
            arrivals.bump();
        }
    }

    /// Returns when the connection is of no use any more.
    async fn hear(&self, ear: &mut NotifyListener) {
        loop {
            let pause = pin!(tokio::time::sleep(PULSE));
            if let Either::Left(_) = select(&mut ear.driver, pause).await {
                return;
            }
            let asked = ear.client.query_one("SELECT current_setting('transaction_read_only')", &[]);
            let answer = tokio::time::timeout(self.patience, asked).await;
            let writable = answer
                .is_ok_and(|row| row.and_then(|row| row.try_get::<_, String>(0)).is_ok_and(|on| on == "off"));
            if !writable {
                return;
            }
        }
    }

    async fn reconnect(&self, arrivals: &Arc<Arrivals>) -> NotifyListener {
        let mut pause = SOON;
        loop {
            if let Ok(Ok(ear)) = tokio::time::timeout(self.patience, self.connect(arrivals)).await {
                return ear;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LATE);
        }
    }
}

impl Drop for NotifyListener {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
