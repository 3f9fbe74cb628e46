//! What everybody may ask on the admin port: whether we are alive and ready, and what is counted.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Mutex;
use tracing::error;
use trigger_journal::{Journal, JournalError, Stats};

/// A store that does not answer a question this fast cannot keep deliveries either.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// For how long one check of the store serves: it costs a write, and anybody may ask.
const CHECK_SERVES: Duration = Duration::from_secs(1);

/// Whether deliveries are taken in; `Err` says in a sentence why not.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The routes `/healthz`, `/readyz`, `/metrics`.
#[derive(Clone)]
pub(super) struct Health {
    ready: Readiness,
    journal: Arc<dyn Journal>,
    registry: Arc<Registry>,
    queue: Queue,
    checked: Arc<Mutex<Option<Checked>>>,
}

/// What came of a check of the store, and when.
struct Checked {
    at: Instant,
    result: Result<(), String>,
}

impl Health {
    pub(super) fn new(ready: Readiness, journal: Arc<dyn Journal>, mut registry: Registry) -> Self {
        let queue = Queue::default();
        queue.register(&mut registry);
        Self { ready, journal, registry: Arc::new(registry), queue, checked: Arc::default() }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }

    /// Whether a delivery could be kept now. Those who ask while it is being found out wait for one answer.
    async fn can_keep(&self) -> Result<(), String> {
        let mut checked = self.checked.lock().await;
        if let Some(Checked { at, result }) = checked.as_ref()
            && at.elapsed() < CHECK_SERVES
        {
            return result.clone();
        }
        let result = in_time(self.journal.check()).await;
        *checked = Some(Checked { at: Instant::now(), result: result.clone() });
        result
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, JournalError>>) -> Result<T, String> {
    match tokio::time::timeout(STORE_ANSWERS_WITHIN, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the journal does not answer".to_owned()),
    }
}

async fn readyz(State(health): State<Health>) -> Response {
    let ready = match (health.ready)() {
        Ok(()) => health.can_keep().await,
        not_ready => not_ready,
    };
    match ready {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    let mut text = String::new();
    let stats = in_time(health.journal.stats()).await.unwrap_or_default();
    health.queue.set(&stats);
    if let Err(error) = encode(&mut text, &health.registry) {
        error!(error = %error, "metrics cannot be written");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, open_metrics)], text).into_response()
}

/// What is asked of the journal whenever somebody looks.
#[derive(Clone, Default)]
struct Queue {
    pending: Gauge,
    claimed: Gauge,
    oldest: Gauge<f64, AtomicU64>,
}

impl Queue {
    fn register(&self, registry: &mut Registry) {
        registry.register("deliveries_pending", "Deliveries that wait to be worked on", self.pending.clone());
        registry.register("deliveries_claimed", "Deliveries being worked on", self.claimed.clone());
        registry.register_with_unit(
            "oldest_unsettled_delivery_age",
            "Since the oldest delivery that is not settled was received; 0 if there is none",
            Unit::Seconds,
            self.oldest.clone(),
        );
    }

    fn set(&self, stats: &Stats) {
        self.pending.set(i64::try_from(stats.pending).unwrap_or(i64::MAX));
        self.claimed.set(i64::try_from(stats.claimed).unwrap_or(i64::MAX));
        let age = |since| Timestamp::now().duration_since(since).as_secs_f64();
        self.oldest.set(stats.oldest_unsettled.map_or(0.0, age));
    }
}
