//! The admin port: health, readiness and metrics without authentication, and the admin API for users of the cluster.
//!
//! `routes` is the table of the API; the router and `openapi` are built from it. `caller` authenticates,
//! `visibility` decides per namespace, and `redact` converts records of the journal to the types of
//! [`crate::wire`] without the parts that the caller may not see.

mod budget;
mod caller;
mod cursor;
mod deliveries;
mod error;
mod exposition;
mod extract;
mod feed;
mod health;
mod images;
mod listed;
mod log_level;
mod openapi;
mod poller;
mod redact;
mod rejections;
mod replays;
mod routes;
mod state_metrics;
mod status;
mod stream;
mod visibility;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use trigger_core::Delivery;
use trigger_dispatch::LISTENER;
use trigger_images::Images;
use trigger_journal::Journal;
use trigger_rules::listeners::{ListenerInventory, ListenerSet};
use trigger_rules::{Inventory, RuleSet};
use trigger_runtime::Runs;

use self::budget::Budget;
use self::cursor::Cursors;
use self::error::ApiError;
use self::feed::Feed;
use self::health::Health;
use self::log_level::LogLevels;

use crate::log_filter::LogFilter;

pub(crate) use self::budget::{
    CONCURRENT_PAGES, CONCURRENT_RECORDS, DOWNLOAD_TIMEOUT, DOWNLOADS, REQUESTS_PER_ACCOUNT, TURN_TIMEOUT,
};
pub use self::caller::Authenticator;
pub(crate) use self::deliveries::{EXAMINE_WITHIN, PAGE_BYTES};
pub(crate) use self::extract::MAX_BODY;
pub(crate) use self::feed::{MAX_SUBSCRIBERS, RESERVED_SUBSCRIBERS, SUBSCRIBERS_PER_ACCOUNT};
pub use self::health::Readiness;

/// The parts of the admin port.
pub struct AdminParts {
    /// Whether deliveries are accepted.
    pub ready: Readiness,
    /// The stored deliveries and rejections.
    pub journal: Arc<dyn Journal>,
    /// The metrics of this program.
    pub registry: Registry,
    /// The metrics of the process, whose names have no prefix.
    pub process: Registry,
    /// Today's rules, for dry runs.
    pub inventory: Arc<Inventory>,
    /// Today's listeners, for the same.
    pub listeners: Arc<ListenerInventory>,
    /// The status of images, and resolving them on request.
    pub images: Images,
    /// Reads the current state of runs.
    pub runs: Arc<dyn Runs>,
    /// Authenticates and authorizes callers of the API.
    pub authenticator: Authenticator,
    /// The log filter of this process.
    pub log_filter: Arc<dyn LogFilter>,
    /// Ends the streams, which would otherwise delay the shutdown.
    pub shutdown: CancellationToken,
}

/// The routes of the admin port.
pub struct Admin {
    health: Health,
    api: Api,
}

/// The state of the handlers.
#[derive(Clone)]
struct Api {
    journal: Arc<dyn Journal>,
    inventory: Arc<Inventory>,
    listeners: Arc<ListenerInventory>,
    images: Images,
    runs: Arc<dyn Runs>,
    authenticator: Authenticator,
    feed: Arc<Feed>,
    log_levels: LogLevels,
    budget: Arc<Budget>,
    cursors: Arc<Cursors>,
    shutdown: CancellationToken,
}

impl Admin {
    /// An admin port of these parts.
    pub fn new(parts: AdminParts) -> Self {
        let AdminParts {
            ready,
            journal,
            registry,
            process,
            inventory,
            listeners,
            images,
            runs,
            authenticator,
            log_filter,
            shutdown,
        } = parts;
        let health = Health::new(ready, Arc::clone(&journal), Arc::clone(&inventory), registry, process);
        let feed = Feed::new(Arc::clone(&journal), shutdown.clone());
        let log_levels = LogLevels::new(log_filter);
        let cursors = Arc::new(Cursors::new(Arc::<dyn Journal>::clone(&journal)));
        let budget = Arc::new(Budget::new());
        let api = Api {
            journal,
            inventory,
            listeners,
            images,
            runs,
            authenticator,
            feed,
            log_levels,
            budget,
            cursors,
            shutdown,
        };
        Self { health, api }
    }

    /// The routes.
    pub fn router(self) -> Router {
        let router = self.health.router().merge(routes::router().with_state(self.api));
        router
            .fallback(error::no_such_path)
            .method_not_allowed_fallback(error::no_such_method)
            .layer(axum::middleware::map_response(forbid_caching))
    }
}

impl Api {
    /// The current rules; 503 until the Builds are synced.
    fn rules(&self) -> Result<Arc<RuleSet>, ApiError> {
        self.inventory
            .current()
            .ok_or_else(|| ApiError::unavailable("Builds are not synced yet; retry once /readyz returns 200"))
    }

    /// The current listeners, as far as a delivery concerns them; 503 for one to a listener until they are synced.
    fn listeners_for(&self, delivery: &Delivery) -> Result<Arc<ListenerSet>, ApiError> {
        let current = self.listeners.current();
        if current.is_none() && *delivery.source == *LISTENER {
            let detail = "listeners are not served (`--listeners off`), or not synced yet; retry once /readyz returns 200";
            return Err(ApiError::unavailable(detail));
        }
        Ok(current.unwrap_or_default())
    }
}

/// Responses depend on the caller and on the current state, so no cache may store them.
async fn forbid_caching(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
