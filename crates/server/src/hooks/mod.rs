//! The hook routes: how a delivery is taken in.
//!
//! `body` reads it within its bounds, `intake` finds who could care, verifies and keeps it, `answer` tells
//! the sender. `pace` keeps strangers from spending our API server. `registry` takes in what registries tell.

mod body;
mod failure_limiter;
mod intake;
mod registry;
mod rejections;
mod response;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tracing::{Instrument, Span, field, info_span};
use trigger_journal::Journal;
use trigger_providers::Provider;
use trigger_rules::Inventory;
use trigger_runtime::Secrets;

use self::body::BodyBudget;
use self::intake::{Intake, delivery_id};
pub use self::registry::{RegistryHook, RegistryHooks};
pub use self::rejections::RejectionWriter;
use self::rejections::{Rejected, Rejections, RequestOrigin};
pub(crate) use self::response::HookResponse;
use crate::listener::Peer;
use crate::metrics::{EventName, Metrics};
use crate::recent_failure::RecentFailure;

/// Which provider's deliveries come in by which path.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    /// The path, such as `/hooks/github`.
    pub path: &'a str,
    /// The provider.
    pub provider: &'static dyn Provider,
}

/// What the hook routes allow.
#[derive(Debug, Clone, Copy)]
pub struct HookSettings {
    /// The largest body, in bytes. GitHub sends up to 25 MiB.
    pub largest_body: usize,
    /// All bodies that are being taken in together, in bytes.
    pub bodies_in_flight: usize,
    /// How long a client may take to send a body.
    pub body: Duration,
    /// How long the journal may take to keep a delivery. GitHub waits 10 s for an answer.
    pub keep: Duration,
    /// Whether Builds without any secret accept deliveries that nobody signed.
    pub allow_unsigned: bool,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            largest_body: 25 * 1024 * 1024,
            bodies_in_flight: 128 * 1024 * 1024,
            body: Duration::from_secs(30),
            keep: Duration::from_secs(5),
            allow_unsigned: false,
        }
    }
}

/// The hook routes.
pub struct Hooks {
    intake: Arc<Intake>,
    bodies: BodyBudget,
    rejections: Rejections,
    metrics: Metrics,
}

#[derive(Clone)]
struct Hook {
    hooks: Arc<Hooks>,
    way: HookRoute,
}

/// By which way deliveries come in.
#[derive(Clone)]
struct HookRoute {
    provider: &'static dyn Provider,
    path: Arc<str>,
    /// The first of the provider's paths, by which its deliveries are told apart: what was captured on one
    /// path is no news on another.
    first_path: Arc<str>,
}

impl Hooks {
    /// Hooks that look rules up in `inventory`, verify with `secrets` and keep deliveries in `journal`, saying
    /// in `trouble` when they cannot; and what notes the requests they refuse, to be run beside them. What they
    /// decide at once is counted in `decided`.
    pub fn new(
        settings: HookSettings,
        inventory: Arc<Inventory>,
        secrets: Arc<dyn Secrets>,
        journal: Arc<dyn Journal>,
        trouble: RecentFailure,
        metrics: Metrics,
        decided: trigger_dispatch::Metrics,
    ) -> (Self, RejectionWriter) {
        let (rejections, writer) = Rejections::new(Arc::clone(&journal), metrics.rejections_dropped());
        let hooks = Self {
            intake: Arc::new(Intake::new(settings, inventory, secrets, journal, trouble, decided)),
            bodies: BodyBudget::new(&settings),
            rejections,
            metrics,
        };
        (hooks, writer)
    }

    /// One route per entry of `paths`, and those of the `registries`. Every other path is answered as an
    /// unknown repository is.
    pub fn router(self, paths: &[Route<'_>], registries: RegistryHooks) -> Router {
        let hooks = Arc::new(self);
        let mut router = Router::new();
        for Route { path, provider } in paths {
            let first = paths.iter().find(|other| other.provider.name() == provider.name());
            let first_path = first.map_or(*path, |first| first.path).into();
            let way = HookRoute { provider: *provider, path: (*path).into(), first_path };
            let one = Hook { hooks: Arc::clone(&hooks), way };
            let methods = post(take).fallback(|| async { HookResponse::MethodNotAllowed }).with_state(one);
            router = router.route(path, methods);
        }
        router.merge(registry::routes(&hooks, registries)).fallback(|| async { HookResponse::NotFound })
    }
}

async fn take(State(hook): State<Hook>, request: Request) -> Response {
    let began = Instant::now();
    let mut is_about = EventName::UNREAD;
    let span = span(hook.way.provider, request.headers());
    let answer = hook.take_in(request, &mut is_about).instrument(span.clone()).await;
    let answer = answer.unwrap_or_else(|answer| answer);
    span.record("answer", answer.name());
    let seconds = began.elapsed().as_secs_f64();
    hook.hooks.metrics.answered(hook.way.provider.name(), is_about, &answer, seconds);
    answer.into_response()
}

/// The span of taking a delivery in, for its trace. Whoever sends the request may say in which trace of theirs
/// it was; nobody has signed that, so it is noted and not followed.
fn span(provider: &dyn Provider, headers: &HeaderMap) -> Span {
    let span = info_span!(
        target: "trigger_trace",
        "accept",
        provider = provider.name(),
        delivery = field::Empty,
        first = field::Empty,
        answer = field::Empty,
        link = field::Empty,
    );
    if !span.is_disabled()
        && let Some(link) = headers.get("traceparent").and_then(|link| link.to_str().ok())
    {
        span.record("link", link);
    }
    span
}

impl Hook {
    async fn take_in(
        &self,
        request: Request,
        is_about: &mut EventName,
    ) -> Result<HookResponse, HookResponse> {
        let Hooks { intake, bodies, rejections, .. } = self.hooks.as_ref();
        // Before the body: while nothing is taken in, nothing need be sent.
        let rules = intake.rules()?;
        let (parts, body) = request.into_parts();
        let body = bodies.read(&parts.headers, body).await?;
        let (headers, bytes) = (&parts.headers, body.bytes());
        let taken = intake.take(&self.way, headers, bytes, &rules, is_about).await;
        let Err(Rejected { answer, why }) = taken else { return taken.map_err(|refused| refused.answer) };
        if let Some(why) = why {
            let provider_id = why.provider_id.as_deref();
            let id = delivery_id(&self.way, provider_id, &body.bytes());
            let from = parts.extensions.get::<Peer>().map(|Peer(address)| address.ip().to_string());
            let of = RequestOrigin { source: self.way.provider.name(), path: &self.way.path, from };
            rejections.note(why.into_refusal(&answer, id, of));
        }
        Err(answer)
    }
}
