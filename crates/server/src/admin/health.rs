//! What everybody may ask on the admin port: whether we are alive and ready, and what is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tracing::error;
use trigger_journal::{Journal, JournalError};
use trigger_rules::Inventory;

use crate::metrics::Standing;

/// A store that does not answer a question this fast cannot keep deliveries either.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// For how long one check of the store serves: it costs a write, and anybody may ask.
const CHECK_SERVES: Duration = Duration::from_secs(1);

/// How old what is known of the size of the journal may be: to add it up takes longer than to read a gauge.
const SIZE_SERVES: Duration = Duration::from_secs(30);

/// Whether deliveries are taken in; `Err` says in a sentence why not.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The routes `/healthz`, `/readyz`, `/metrics`.
#[derive(Clone)]
pub(super) struct Health {
    ready: Readiness,
    journal: Arc<dyn Journal>,
    inventory: Arc<Inventory>,
    registry: Arc<Registry>,
    standing: Standing,
    measured: Arc<Mutex<Option<Instant>>>,
    checked: Arc<Mutex<Option<Checked>>>,
}

/// What came of a check of the store, and when.
struct Checked {
    at: Instant,
    result: Result<(), String>,
}

impl Health {
    pub(super) fn new(
        ready: Readiness,
        journal: Arc<dyn Journal>,
        inventory: Arc<Inventory>,
        mut registry: Registry,
    ) -> Self {
        let standing = Standing::default();
        standing.register(&mut registry);
        let registry = Arc::new(registry);
        Self {
            ready,
            journal,
            inventory,
            registry,
            standing,
            measured: Arc::default(),
            checked: Arc::default(),
        }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }

    async fn ready(&self) -> Result<(), String> {
        (self.ready)()?;
        self.can_keep().await
    }

    /// Looks how things stand. What cannot be found out stays as it was.
    async fn look(&self) {
        self.standing.set_ready(self.ready().await.is_ok());
        if let Ok(stats) = in_time(self.journal.stats()).await {
            self.standing.set_queue(&stats);
        }
        if let Some(rules) = self.inventory.current() {
            self.standing.set_rules(&rules);
        }
        let mut measured = self.measured.lock().await;
        if measured.is_none_or(|at| at.elapsed() >= SIZE_SERVES) {
            *measured = Some(Instant::now());
            if let Ok(usage) = in_time(self.journal.usage()).await {
                self.standing.set_usage(&usage);
            }
        }
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
    match health.ready().await {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    let mut text = String::new();
    health.look().await;
    if let Err(error) = encode(&mut text, &health.registry) {
        error!(error = %error, "metrics cannot be written");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, open_metrics)], text).into_response()
}
