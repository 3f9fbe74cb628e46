//! The routes without authentication: liveness, readiness and metrics.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tracing::error;
use trigger_journal::{Journal, JournalError};
use trigger_rules::Inventory;

use super::exposition::Exposition;
use super::state_metrics::StateMetrics;

/// A store slower than this cannot store deliveries within a provider's timeout either.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the result of a store check is reused: a check costs a write, and these routes are open.
const CHECK_LIFETIME: Duration = Duration::from_secs(1);

/// How long the size of the journal is reused: summing it up costs a scan.
const USAGE_LIFETIME: Duration = Duration::from_secs(30);

/// Whether deliveries are accepted. `Ok` has the deliveries that are not accepted nevertheless, each kind in a sentence.
/// `Err` is the reason in a sentence.
pub type Readiness = Arc<dyn Fn() -> Result<Vec<String>, String> + Send + Sync>;

/// The routes `/healthz`, `/readyz`, `/metrics`.
#[derive(Clone)]
pub(super) struct Health {
    ready: Readiness,
    journal: Arc<dyn Journal>,
    inventory: Arc<Inventory>,
    /// Our metrics, and those of the process.
    registries: Arc<[Registry; 2]>,
    state: StateMetrics,
    usage_read: Arc<Mutex<Option<Instant>>>,
    checked: Arc<Mutex<Option<Checked>>>,
}

/// The result of a store check, and when it was made.
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
        process: Registry,
    ) -> Self {
        let state = StateMetrics::default();
        state.register(&mut registry);
        let registries = Arc::new([registry, process]);
        Self {
            ready,
            journal,
            inventory,
            registries,
            state,
            usage_read: Arc::default(),
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

    async fn ready(&self) -> Result<Vec<String>, String> {
        let details = (self.ready)()?;
        self.check_store().await?;
        Ok(details)
    }

    /// Updates the gauges. A value that cannot be read stays as it was.
    async fn update(&self) {
        self.state.set_ready(self.ready().await.is_ok());
        if let Ok(stats) = within_timeout(self.journal.stats()).await {
            self.state.set_queue(&stats);
        }
        if let Some(rules) = self.inventory.current() {
            self.state.set_rules(&rules);
        }
        let mut usage_read = self.usage_read.lock().await;
        if usage_read.is_none_or(|at| at.elapsed() >= USAGE_LIFETIME) {
            *usage_read = Some(Instant::now());
            if let Ok(usage) = within_timeout(self.journal.usage()).await {
                self.state.set_usage(&usage);
            }
            if let Ok(shares) = within_timeout(self.journal.shares(None)).await {
                self.state.set_shares(&shares);
            }
        }
    }

    /// Whether a delivery could be stored now. Concurrent callers wait for one check.
    async fn check_store(&self) -> Result<(), String> {
        let mut checked = self.checked.lock().await;
        if let Some(Checked { at, result }) = checked.as_ref()
            && at.elapsed() < CHECK_LIFETIME
        {
            return result.clone();
        }
        let result = within_timeout(self.journal.check()).await;
        *checked = Some(Checked { at: Instant::now(), result: result.clone() });
        result
    }
}

async fn within_timeout<T>(work: impl Future<Output = Result<T, JournalError>>) -> Result<T, String> {
    match tokio::time::timeout(STORE_TIMEOUT, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the journal does not respond".to_owned()),
    }
}

async fn readyz(State(health): State<Health>) -> Response {
    match health.ready().await {
        Ok(details) => {
            let lines = iter::once("ok").chain(details.iter().map(String::as_str));
            lines.flat_map(|line| [line, "\n"]).collect::<String>().into_response()
        }
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}

async fn metrics(State(health): State<Health>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    health.update().await;
    let mut registries = health.registries.iter();
    let encoded = registries.try_for_each(|registry| encode_registry(&mut text, registry));
    if let Err(error) = encoded.and_then(|()| encode_eof(&mut text)) {
        error!(error = %error, "cannot encode the metrics");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let exposition = Exposition::accepted(&headers);
    let headers =
        [(header::CONTENT_TYPE, exposition.media_type()), (header::VARY, HeaderValue::from_static("accept"))];
    (headers, exposition.write(text)).into_response()
}
