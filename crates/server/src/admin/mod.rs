//! The admin port: health, readiness and metrics for everybody, and the admin API for those whom the cluster
//! lets.
//!
//! `routes` is the table of the API, of which both the router and `openapi` are made. `caller` finds out who
//! asks, `sight` what they may see, `describe` puts it in the words of [`crate::wire`].

mod caller;
mod deliveries;
mod error;
mod extract;
mod feed;
mod health;
mod images;
mod log_level;
mod openapi;
mod poller;
mod redact;
mod rejections;
mod replays;
mod routes;
mod stream;
mod visibility;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use trigger_dispatch::Images;
use trigger_journal::Journal;
use trigger_rules::{Inventory, RuleSet};
use trigger_runtime::Runs;

use self::error::ApiError;
use self::feed::Feed;
use self::health::Health;
use self::log_level::LogLevels;

use crate::log_filter::LogFilter;

pub use self::caller::Authenticator;
pub use self::health::Readiness;

/// What the admin port is made of.
pub struct AdminParts {
    /// Whether deliveries are taken in.
    pub ready: Readiness,
    /// What is kept.
    pub journal: Arc<dyn Journal>,
    /// What is counted.
    pub registry: Registry,
    /// Today's rules, for dry runs.
    pub inventory: Arc<Inventory>,
    /// What is known of images, and has their registries asked.
    pub images: Images,
    /// Looks after the runs of a delivery.
    pub runs: Arc<dyn Runs>,
    /// Who lets callers in.
    pub doorkeeper: Authenticator,
    /// What is logged.
    pub log_filter: Arc<dyn LogFilter>,
    /// Ends the streams, which would otherwise hold up the end of the program.
    pub shutdown: CancellationToken,
}

/// The routes of the admin port.
pub struct Admin {
    health: Health,
    api: Api,
}

/// What the handlers of the API share.
#[derive(Clone)]
struct Api {
    journal: Arc<dyn Journal>,
    inventory: Arc<Inventory>,
    images: Images,
    runs: Arc<dyn Runs>,
    doorkeeper: Authenticator,
    feed: Arc<Feed>,
    log_levels: LogLevels,
    shutdown: CancellationToken,
}

impl Admin {
    /// An admin port over these parts.
    pub fn new(parts: AdminParts) -> Self {
        let AdminParts {
            ready,
            journal,
            registry,
            inventory,
            images,
            runs,
            doorkeeper,
            log_filter,
            shutdown,
        } = parts;
        let health = Health::new(ready, Arc::clone(&journal), Arc::clone(&inventory), registry);
        let feed = Feed::new(Arc::clone(&journal), shutdown.clone());
        let log_levels = LogLevels::new(log_filter);
        Self { health, api: Api { journal, inventory, images, runs, doorkeeper, feed, log_levels, shutdown } }
    }

    /// The routes.
    pub fn router(self) -> Router {
        let router = self.health.router().merge(routes::router().with_state(self.api));
        router
            .fallback(error::no_such_path)
            .method_not_allowed_fallback(error::no_such_method)
            .layer(axum::middleware::map_response(not_to_be_stored))
    }
}

impl Api {
    /// Today's rules, once all are known.
    fn rules(&self) -> Result<Arc<RuleSet>, ApiError> {
        self.inventory.current().ok_or_else(|| {
            ApiError::unavailable("the Builds have not all been seen yet; try again when /readyz says ok")
        })
    }
}

/// What is private to its reader, or true for a moment only, is nothing for caches.
async fn not_to_be_stored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
