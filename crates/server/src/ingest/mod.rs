//! Ingest: the path of a request from its bytes to the journal or to a hint.
//!
//! - `table`: which route answers under which path; routes come and go while requests are served.
//! - `pipeline`: the steps that all routes share, and [`Route`](pipeline::Route), what is particular about one.
//! - `routes/`: webhooks of providers, push notifications of registries, requests to listeners.
//! - `verification`: reads the Secrets of the candidate rules in turns, and tries their keys.
//! - `body`: reads bodies within their bounds, and counts the memory of bodies and their copies. `chunks`: the memory of
//!   large ones, which the oldest gets first. `decoding`: the memory of bodies that are read as JSON as a whole.
//! - `failure_limiter`: keeps strangers from spending our API server. `open_budget`: keeps them from filling the disk
//!   through listeners that let everybody in.
//! - `interceptor`: the interceptor `git` over HTTP, on a port of its own.
//! - `storing`: waits for the journal, as long as a sender may wait; stores deliveries for triggers of Tekton.
//! - `response`, `rejections`, `metrics`: the answer for the sender, the record and the counters for the operator.
//!   `sink_metrics`: counters under the names of Tekton's listeners.

mod body;
mod chunks;
mod decoding;
mod failure_limiter;
mod interceptor;
mod metrics;
mod open_budget;
mod pipeline;
mod rejections;
mod response;
mod routes;
mod sink_metrics;
mod storing;
mod table;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use trigger_core::ListenerGate;
use trigger_dispatch::{CloudEvents, DecideAgain, KeyWarnings};
use trigger_images::ImageNotifier;
use trigger_journal::Journal;
use trigger_providers::Provider;
use trigger_registries::notifications::IdTokens;
use trigger_rules::Inventory;
use trigger_rules::listeners::ListenerInventory;
use trigger_runtime::Secrets;

use self::body::BodyBudget;
pub(crate) use self::body::{SMALL_BODY, WORK};
pub(crate) use self::decoding::{ALL_LARGE_DECODED, ALL_SMALL_DECODED, DECODED_OF_NAMESPACE, SMALL_DECODED};
use self::failure_limiter::FailureLimiter;
pub(crate) use self::failure_limiter::MAX_WAITING;
pub use self::metrics::Metrics;
pub(crate) use self::open_budget::SHARES;
use self::pipeline::{AnyRoute, Pipeline};
pub use self::rejections::RejectionWriter;
use self::rejections::Rejections;
pub(crate) use self::response::HookResponse;
use self::response::MessageKind;
pub(crate) use self::routes::LARGEST_NOTIFICATION;
pub use self::routes::RegistryHook;
use self::routes::{HookTriggers, ListenerRoute, ProviderRoute, RegistryRoute, RegistryShared};
pub(crate) use self::table::MAX_LISTED;
pub use self::table::RouteTable;
pub(crate) use self::verification::{MOST_WAITING, READ_WITHIN};
use crate::recent_failure::RecentFailure;

/// The limits of ingest.
#[derive(Debug, Clone, Copy)]
pub struct IngestSettings {
    /// The largest body, in bytes. GitHub sends up to 25 MiB.
    pub largest_body: usize,
    /// All bodies that are being read or worked on together, in bytes: half of it for the first 64 KiB of each body, the
    /// other half for the rest while it is received. Large bodies that are worked on, with their copies, take up to four
    /// times the largest body on top.
    pub bodies_in_flight: usize,
    /// How long a client may take to send a body.
    pub body: Duration,
    /// How long the journal may take to store a delivery. GitHub waits 10 s for an answer.
    pub store: Duration,
    /// Whether rules without any secret accept deliveries without a signature.
    pub allow_unsigned: bool,
    /// Which settled deliveries are decided again when their provider sends them again.
    pub decide_again: DecideAgain,
    /// How much is kept in a day of requests to listeners whose sender no key verifies, in bytes. One namespace may use a
    /// quarter of it. It is counted since the start of the program.
    pub open_listener_budget: usize,
}

impl IngestSettings {
    /// The defaults of the options.
    pub const DEFAULT: Self = Self {
        largest_body: 25 * 1024 * 1024,
        bodies_in_flight: 64 * 1024 * 1024,
        body: Duration::from_secs(30),
        store: Duration::from_secs(5),
        allow_unsigned: false,
        decide_again: DecideAgain::Never,
        open_listener_budget: 256 * 1024 * 1024,
    };
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The services that ingest needs.
pub struct IngestParts {
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Reads the Secrets that verify deliveries.
    pub secrets: Arc<dyn Secrets>,
    /// Warns people whose Builds have no key.
    pub key_warnings: Arc<KeyWarnings>,
    /// Stores deliveries.
    pub journal: Arc<dyn Journal>,
    /// Records that deliveries could not be stored.
    pub failure: RecentFailure,
    /// Counts requests.
    pub metrics: Metrics,
    /// Counts the decisions that are made at once.
    pub decisions: trigger_dispatch::Metrics,
}

/// Accepts deliveries and notifications.
pub struct Ingest {
    settings: IngestSettings,
    parts: Arc<IngestParts>,
    pipeline: Arc<Pipeline>,
    routes: RouteTable,
    hook_triggers: Option<Arc<HookTriggers>>,
}

impl Ingest {
    /// Ingest without any route; and the task that writes rejections, to be run beside it.
    pub fn new(settings: IngestSettings, parts: IngestParts) -> (Self, RejectionWriter) {
        let journal = Arc::clone(&parts.journal);
        let (rejections, writer) = Rejections::new(journal, parts.metrics.rejections_dropped());
        let pipeline = Pipeline {
            bodies: BodyBudget::new(&settings),
            decoding: Arc::default(),
            failures: FailureLimiter::new(),
            inventory: Arc::clone(&parts.inventory),
            rejections,
            metrics: parts.metrics.clone(),
        };
        let ingest = Self {
            settings,
            parts: Arc::new(parts),
            pipeline: Arc::new(pipeline),
            routes: RouteTable::default(),
            hook_triggers: None,
        };
        (ingest, writer)
    }

    /// The routes, to be changed at any time.
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// Accepts the webhooks of a provider under `path`. A provider that has several paths knows its deliveries by the
    /// first: a delivery that was captured on one path is known on the others.
    pub fn add_provider(&self, path: &str, first_path: &str, provider: &'static dyn Provider) {
        let (triggers, parts) = (self.hook_triggers.clone(), Arc::clone(&self.parts));
        let route = ProviderRoute::new(path, first_path, provider, triggers, self.settings, parts);
        self.routes.insert(path, Arc::new(route));
    }

    /// Accepts the push notifications of registries, for images that `notifier` watches; `id_tokens` checks the tokens of
    /// formats that have them.
    pub fn add_registries(
        &self,
        hooks: Vec<RegistryHook>,
        notifier: &Arc<dyn ImageNotifier>,
        id_tokens: &Arc<IdTokens>,
    ) {
        let shared = Arc::new(RegistryShared::new(Arc::clone(notifier), Arc::clone(id_tokens)));
        for hook in hooks {
            let route = Arc::new(RegistryRoute::new(hook, Arc::clone(&shared)));
            self.routes.insert(route.own_path(), Arc::clone(&route) as Arc<dyn AnyRoute>);
        }
    }

    /// Accepts requests to the listeners of `inventory`, under their paths and under the names of their Services; and, on
    /// the paths of providers that are added later, webhooks for its Triggers with the interceptor `git`. `gate` is the
    /// right to accept what their own interceptors verify. `cloud_events` tells receivers of what is settled or refused
    /// here.
    pub fn add_listeners(
        &mut self,
        inventory: Arc<ListenerInventory>,
        gate: ListenerGate,
        cloud_events: CloudEvents,
    ) {
        self.hook_triggers = Some(Arc::new(HookTriggers::new(
            Arc::clone(&inventory),
            gate.clone(),
            Arc::clone(&self.pipeline.decoding),
        )));
        let route = ListenerRoute::new(inventory, gate, cloud_events, self.settings, Arc::clone(&self.parts));
        self.routes.insert(ListenerRoute::PATHS, Arc::new(route));
    }

    /// The HTTP service of the interceptor `git`, for listeners that Tekton runs.
    pub fn interceptor_router(&self) -> Router {
        interceptor::router(Arc::clone(&self.pipeline), Arc::clone(&self.parts), self.settings)
    }

    /// The HTTP service. A path without a route is answered with the paths that have one: senders know theirs, and others
    /// can try them all.
    pub fn router(&self) -> Router {
        let state = (self.routes.clone(), Arc::clone(&self.pipeline));
        Router::new().fallback(answer).with_state(state)
    }
}

async fn answer(State((routes, pipeline)): State<(RouteTable, Arc<Pipeline>)>, request: Request) -> Response {
    if let Some((route, key)) = routes.find(request.uri().path()) {
        return route.answer(&pipeline, key.as_deref(), request).await;
    }
    if let Some(route) = routes.find_other(request.uri(), request.headers()) {
        return route.answer(&pipeline, None, request).await;
    }
    let message = format!("there is no such path; requests are accepted at {}", routes.paths().join(", "));
    HookResponse::UnknownPath(message).to(MessageKind::Delivery)
}
