use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::{Instrument, Span, debug, field, info_span};
use trigger_core::{CredentialError, DeliveryId, ObjectKey};
use trigger_rules::{Inventory, RuleSet};

use super::body::BodyBudget;
use super::decoding::DecodeBudget;
use super::failure_limiter::FailureLimiter;
use super::metrics::{EventName, Metrics};
use super::rejections::{KeyCheck, Rejected, Rejections, RequestContext, RequestOrigin};
use super::response::{AuthFailure, HookResponse, MessageKind, UnavailableReason};

/// The answer before the rules are known.
pub(super) const NOT_READY: HookResponse = HookResponse::Unavailable(UnavailableReason::NotReady);

/// The services that all routes use.
pub(super) struct Pipeline {
    pub(super) bodies: BodyBudget,
    pub(super) decoding: Arc<DecodeBudget>,
    pub(super) failures: FailureLimiter,
    pub(super) inventory: Arc<Inventory>,
    pub(super) rejections: Rejections,
    pub(super) metrics: Metrics,
}

/// A request with its body, of which nothing is verified yet.
pub(super) struct Inbound<'a> {
    /// Its headers.
    pub(super) headers: &'a HeaderMap,
    /// Its body, byte for byte.
    pub(super) body: &'a Bytes,
    /// The key at the end of its path, on a route that takes one there.
    pub(super) key: Option<&'a str>,
}

/// What a route makes of a request before the sender is known.
pub(super) enum Opened<T> {
    /// Nothing has to be verified: this is the answer.
    Answered(HookResponse),
    /// It is about this, and the sender has to prove who it is.
    About(T),
}

/// Why a request is not authenticated.
pub(super) enum Denied {
    /// No key verifies its credential. The answer, and the keys that were tried, each with the result.
    NotVerified { response: HookResponse, reason: String, tried: Vec<(ObjectKey, KeyCheck)> },
    /// It cannot be verified now. The keys that were tried, each with the result.
    Unavailable { reason: UnavailableReason, tried: Vec<(ObjectKey, KeyCheck)> },
}

/// The steps in which routes differ.
///
/// The pipeline calls these in order: [`open`](Self::open), [`credential`](Self::credential),
/// [`authenticate`](Self::authenticate), [`accept`](Self::accept). Between the second and the third it may let the
/// request wait, see [`FailureLimiter`].
pub(super) trait Route: Send + Sync + 'static {
    /// What a request is about.
    type About: Send + Sync;
    /// The credential of a sender.
    type Credential: Send;
    /// The result of verifying it.
    type Verified: Send;

    /// The source in metrics and rejections.
    fn source(&self) -> &'static str;

    /// The path, without a key at its end.
    fn path(&self) -> &str;

    /// The words of its answers.
    fn messages(&self) -> MessageKind;

    /// The largest body that it reads, in bytes.
    fn largest_body(&self) -> usize;

    /// Whether the path may end with a key.
    fn takes_key(&self) -> bool {
        false
    }

    /// Reads what the request is about, before anything is verified. Notes in `context` and `event` what could be read.
    fn open(
        &self,
        inbound: &Inbound<'_>,
        rules: &RuleSet,
        context: &mut RequestContext,
        event: &mut EventName,
    ) -> Result<Opened<Self::About>, Rejected>;

    /// The sender's credential. A request without anything well-formed is rejected before any key is read.
    fn credential(&self, inbound: &Inbound<'_>) -> Result<Self::Credential, CredentialError>;

    /// Takes note that a request about this is rejected because nothing verifies it: after these keys were tried.
    fn unverified(&self, _about: &Self::About, _tried: &[(ObjectKey, KeyCheck)]) {}

    /// The keys that would have been tried, for the record of a request without a well-formed credential.
    fn untried(&self, _about: &Self::About) -> Vec<(ObjectKey, KeyCheck)> {
        Vec::new()
    }

    /// The key under which failures are counted: the repository, or the name of the registry format.
    fn limit_key<'a>(&'a self, about: &'a Self::About) -> &'a str;

    /// Checks the credential against the keys, which are read now.
    fn authenticate<'a>(
        &'a self,
        about: &'a Self::About,
        credential: Self::Credential,
        inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<Self::Verified, Denied>>;

    /// Does what a verified request asks for.
    fn accept<'a>(
        &'a self,
        about: Self::About,
        verified: Self::Verified,
        inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<HookResponse, Rejected>>;

    /// The id that the request would have as a delivery.
    fn delivery_id(&self, provider_id: Option<&str>, body: &[u8]) -> DeliveryId;
}

/// A route of any kind, as the table holds it.
pub(super) trait AnyRoute: Send + Sync {
    /// Whether the path may end with a key.
    fn takes_key(&self) -> bool;

    /// Whether it also answers this request, whose path is none of the table: by the beginning of the path, or by the name
    /// of the host.
    fn takes_other(&self, _uri: &Uri, _headers: &HeaderMap) -> bool {
        false
    }

    /// The answer to a request.
    fn answer<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        key: Option<&'a str>,
        request: Request,
    ) -> BoxFuture<'a, Response>;
}

impl<R: Route> AnyRoute for R {
    fn takes_key(&self) -> bool {
        Route::takes_key(self)
    }

    fn answer<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        key: Option<&'a str>,
        request: Request,
    ) -> BoxFuture<'a, Response> {
        async move {
            if request.method() != Method::POST {
                return HookResponse::MethodNotAllowed.to(self.messages());
            }
            let acceptance = Acceptance::begin(self.source(), request.headers());
            let mut event = EventName::UNREAD;
            let response = pipeline.take(self, key, request, &mut event).instrument(acceptance.span()).await;
            acceptance.end(event, &response, &pipeline.metrics);
            response.to(self.messages())
        }
        .boxed()
    }
}

/// The time from the end of a request's headers to its answer: as a span of its trace, and as it is counted.
pub(super) struct Acceptance {
    source: &'static str,
    began: Instant,
    span: Span,
}

impl Acceptance {
    /// A sender may name the trace that its request belongs to; no signature covers that, so it is recorded as a link and
    /// not followed.
    pub(super) fn begin(source: &'static str, headers: &HeaderMap) -> Self {
        let span = info_span!(
            target: "trigger_trace",
            "accept",
            provider = source,
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
        Self { source, began: Instant::now(), span }
    }

    /// The span, for the work on the request.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Counts the answer. Returns the time that it took, in seconds.
    pub(super) fn end(self, event: EventName, response: &HookResponse, metrics: &Metrics) -> f64 {
        self.span.record("answer", response.name());
        let seconds = self.began.elapsed().as_secs_f64();
        metrics.answered(self.source, event, response, seconds);
        seconds
    }
}

impl Pipeline {
    /// The way of one request. A rejection is recorded for the operator.
    async fn take<R: Route>(
        &self,
        route: &R,
        key: Option<&str>,
        request: Request,
        event: &mut EventName,
    ) -> HookResponse {
        // Before the body: while nothing is accepted, nothing need be sent. Before every owner has been seen, a
        // repository or an image could seem unused that is not.
        if self.inventory.current().is_none() {
            return NOT_READY;
        }
        let (parts, body) = request.into_parts();
        let body = match self.bodies.read(route.largest_body(), &parts.headers, body).await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let bytes = body.bytes();
        let inbound = Inbound { headers: &parts.headers, body: &bytes, key };
        let mut context = RequestContext::default();
        match self.steps(route, &inbound, &mut context, event).await {
            Ok(response) => response,
            Err(rejected) => {
                let id = |context: &RequestContext| route.delivery_id(context.provider_id.as_deref(), &bytes);
                let origin = RequestOrigin::of(route.source(), route.path(), &parts.extensions);
                self.rejections.record(rejected, id, context, origin)
            }
        }
    }

    /// Waits until a request may be verified: see [`FailureLimiter`].
    pub(super) async fn wait_for_turn(&self, source: &str, shared: &str) -> Result<(), Rejected> {
        self.failures.acquire(source, shared).await.map_err(|response| {
            let reason = "too many requests whose signature or key was not accepted wait already";
            Rejected::because(response, reason)
        })
    }

    async fn steps<R: Route>(
        &self,
        route: &R,
        inbound: &Inbound<'_>,
        context: &mut RequestContext,
        event: &mut EventName,
    ) -> Result<HookResponse, Rejected> {
        let opened = {
            let rules = self.inventory.current().ok_or(NOT_READY)?;
            route.open(inbound, &rules, context, event)?
        };
        let about = match opened {
            Opened::Answered(response) => return Ok(response),
            Opened::About(about) => about,
        };
        let credential = route.credential(inbound).map_err(|error| {
            debug!(source = route.source(), error = %error, "rejected before any key was read");
            let failure = match error {
                CredentialError::Missing => AuthFailure::Missing,
                _ => AuthFailure::Unproven,
            };
            let response = HookResponse::Unauthorized(failure);
            let tried = route.untried(&about);
            route.unverified(&about, &tried);
            Rejected::because(response, error.to_string()).after_trying(tried)
        })?;
        let (source, shared) = (route.source(), route.limit_key(&about));
        self.wait_for_turn(source, shared).await?;
        let verified = match route.authenticate(&about, credential, inbound).await {
            Ok(verified) => verified,
            Err(Denied::Unavailable { reason, tried }) if tried.is_empty() => {
                return Err(HookResponse::Unavailable(reason).into());
            }
            Err(Denied::Unavailable { reason, tried }) => {
                let response = HookResponse::Unavailable(reason);
                let reason = "no key verifies the request, and a Secret cannot be read now";
                return Err(Rejected::because(response, reason).after_trying(tried));
            }
            Err(Denied::NotVerified { response, reason, tried }) => {
                debug!(source, reason, "no key verifies the request");
                self.failures.failed(source, shared);
                route.unverified(&about, &tried);
                return Err(Rejected::because(response, reason).after_trying(tried));
            }
        };
        route.accept(about, verified, inbound).await
    }
}
