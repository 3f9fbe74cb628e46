//! Requests to listeners, whose own interceptors verify senders.
//!
//! - `address`: the listener that a request is for, by its path or by the name of its host.
//! - `reply`: the answer, in Tekton's words where Tekton has an answer.

mod address;
mod reply;

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, error, field, info, info_span};
use trigger_core::{DeliveryKey, ListenerGate, ObjectKey, Ordinal, event_id};
use trigger_dispatch::{
    AcceptedRequest, CloudEvents, InlineDecision, LISTENER, ListenerRequest, Screened, TriedKey, screen,
};
use trigger_expr::Headers;
use trigger_journal::AppendOutcome;
use trigger_rules::interceptors::{SecretAnswer, go_text};
use trigger_rules::listeners::{
    Answer, Arrival, Examined, ListenerInventory, ListenerSettings, Moment, event_name, sender_id,
};
use trigger_runtime::SecretError;

use self::address::Address;
use self::reply::Reply;
use crate::ingest::body::NO_MEMORY;
use crate::ingest::metrics::EventName;
use crate::ingest::open_budget::{OpenBudget, kept_size};
use crate::ingest::pipeline::{Acceptance, AnyRoute, NOT_READY, Pipeline};
use crate::ingest::rejections::{KeyCheck, Rejected, RequestContext, RequestOrigin};
use crate::ingest::response::{AuthFailure, HookResponse, MessageKind, UnavailableReason};
use crate::ingest::storing::store_request;
use crate::ingest::verification::READ_WITHIN;
use crate::ingest::{IngestParts, IngestSettings};

/// Accepts the events of all listeners.
pub(crate) struct ListenerRoute {
    inventory: Arc<ListenerInventory>,
    gate: ListenerGate,
    cloud_events: CloudEvents,
    budget: OpenBudget,
    settings: IngestSettings,
    parts: Arc<IngestParts>,
}

/// A request that is not kept: the rejection, and the answer if Tekton has one for it.
struct Refused {
    rejected: Rejected,
    answer: Option<Box<Answer>>,
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        Self { rejected, answer: None }
    }
}

impl From<HookResponse> for Refused {
    fn from(response: HookResponse) -> Self {
        Rejected::from(response).into()
    }
}

impl ListenerRoute {
    /// The paths of listeners, for people.
    pub(crate) const PATHS: &str = "/listeners/<namespace>/<name>";

    /// The listeners of `inventory`.
    pub(crate) fn new(
        inventory: Arc<ListenerInventory>,
        gate: ListenerGate,
        cloud_events: CloudEvents,
        settings: IngestSettings,
        parts: Arc<IngestParts>,
    ) -> Self {
        let budget = OpenBudget::new(settings.open_listener_budget);
        Self { inventory, gate, cloud_events, budget, settings, parts }
    }

    /// The way of one request. A rejection is recorded for the operator.
    async fn take(
        &self,
        pipeline: &Pipeline,
        address: Address,
        request: Request,
        event: &mut EventName,
    ) -> Reply {
        let (parts, body) = request.into_parts();
        let headers = headers_of(&parts.headers);
        let context = context_of(&headers);
        // Before the body: while nothing is accepted, nothing need be sent.
        if let Err(rejected) = self.find(&address.listener) {
            return refusal(record(pipeline, rejected, &address, context, &Bytes::new(), &parts));
        }
        let body = match pipeline.bodies.read(self.settings.largest_body, &parts.headers, body).await {
            Ok(body) => body,
            Err(response) => return refusal(response),
        };
        let bytes = body.bytes();
        match self.steps(pipeline, &address, headers, &bytes, event).await {
            Ok(reply) => reply,
            Err(Refused { rejected, answer }) => {
                let response = record(pipeline, rejected, &address, context, &bytes, &parts);
                Reply { answer: answer.map(|answer| *answer), ..refusal(response) }
            }
        }
    }

    async fn steps(
        &self,
        pipeline: &Pipeline,
        address: &Address,
        headers: Headers,
        body: &Bytes,
        event: &mut EventName,
    ) -> Result<Reply, Refused> {
        let listener = self.find(&address.listener)?;
        let answering = listener.answering();
        let arrival = Arrival { target: &address.target, headers: &headers, body };
        let url = match answering.examine(arrival, &address.prefix) {
            Examined::Event { request_url } => request_url,
            Examined::Answered(answer) => {
                if answer.status == StatusCode::BAD_REQUEST.as_u16() {
                    self.announce_refusal(&listener, headers, body);
                }
                return no_event(answer);
            }
        };
        *event = EventName::REQUEST;
        let received_at = Timestamp::now();
        let request =
            ListenerRequest { listener: listener.key.clone(), url, headers, body: body.clone(), received_at };
        let id = request.delivery_id(&fresh()?);
        let answer = answering.accepted(&request.headers, &event_id(&id, Ordinal::FIRST));
        let shared = listener.key.to_string();
        pipeline.wait_for_turn(LISTENER, &shared).await?;
        let (memory, secrets) = (&*pipeline.decoding, self.parts.secrets.as_ref());
        let screened = screen(&self.inventory, request, id, memory, secrets, Instant::now() + READ_WITHIN);
        let screened = screened.instrument(info_span!(target: "trigger_trace", "verify")).await;
        match screened {
            Screened::Absent => Err(absent(&listener.key).into()),
            Screened::NoMemory => Err(NO_MEMORY.into()),
            Screened::Accepted(accepted) => {
                // The answers of Secrets are all that is known yet: these were asked, and none of them verifies it.
                if accepted.is_open && !accepted.facts.is_empty() {
                    pipeline.failures.failed(LISTENER, &shared);
                }
                self.keep(&listener, *accepted, answer).await
            }
            Screened::Unauthenticated { tried } => {
                debug!(listener = shared, "no key verifies the request");
                // Without a key that was tried, no Secret was read.
                if !tried.is_empty() {
                    pipeline.failures.failed(LISTENER, &shared);
                }
                Err(unauthenticated(tried).into())
            }
            Screened::Unavailable { tried, .. } => {
                let response = HookResponse::Unavailable(UnavailableReason::NoSecret);
                let reason = "no key verifies the request, and a Secret cannot be read now";
                Err(Rejected::because(response, reason).after_trying(checks(tried)).into())
            }
        }
    }

    /// The settings of the listener of an address.
    fn find(&self, key: &ObjectKey) -> Result<Arc<ListenerSettings>, Rejected> {
        let listeners = self.inventory.current().ok_or(NOT_READY)?;
        if let Some(listener) = listeners.listener(&key.namespace, &key.name) {
            return Ok(Arc::clone(&listener.settings));
        }
        if let Some(why) = listeners.unseen(&key.namespace) {
            let response = HookResponse::Unavailable(UnavailableReason::ListenersUnknown);
            let reason = format!("the EventListener {key} is not known, nor whether it exists: {why}");
            return Err(Rejected::because(response, reason));
        }
        Err(absent(key))
    }

    /// Tells the receiver of the listener that a request was refused, which is no event.
    fn announce_refusal(&self, listener: &ListenerSettings, headers: Headers, body: &Bytes) {
        // The id costs a hash of the body.
        if listener.cloud_event_uri.is_none() {
            return;
        }
        let Ok(fresh) = fresh() else { return };
        let (url, received_at) = (String::new(), Timestamp::now());
        let request =
            ListenerRequest { listener: listener.key.clone(), url, headers, body: body.clone(), received_at };
        self.cloud_events.refused(listener, &request.delivery_id(&fresh), &request.headers);
    }

    /// Stores a request, unless it may not be kept.
    async fn keep(
        &self,
        listener: &ListenerSettings,
        request: AcceptedRequest,
        answer: Answer,
    ) -> Result<Reply, Refused> {
        let AcceptedRequest { delivery, facts, decided, is_open } = request;
        let (id, event) = (delivery.id.clone(), delivery.event.clone());
        let key = &listener.key;
        let reply = |response| Reply { response, answer: Some(answer), is_verified: !is_open };
        let size = if is_open { kept_size(&delivery, decided.as_ref()) } else { 0 };
        if is_open && !self.budget.take(&key.namespace, size, Instant::now()) {
            if decided.is_none() {
                let response = HookResponse::Unavailable(UnavailableReason::OpenBudget);
                return Err(Rejected::because(response, BUDGET_USED_UP).into());
            }
            // Senders disable hooks that fail, and nothing is lost that would have run.
            debug!(listener = %key, event, size, "a request that starts nothing is not kept: {BUDGET_USED_UP}");
            self.parts.metrics.open_not_kept();
            return Ok(reply(HookResponse::Ignored));
        }
        let why = decided.as_ref().map(InlineDecision::why);
        let rules = decided.as_ref().map(|decided| decided.counts.rules());
        // The dispatcher announces the others.
        let announcer = decided.as_ref().and_then(|_| self.cloud_events.about(listener, &delivery));
        let delivery = self.gate.accepted(delivery, key.clone());
        let outcome = store_request(delivery, facts, decided, &self.settings, &self.parts).await?;
        let is_first = outcome == AppendOutcome::New;
        // One of several arrivals begins the trace.
        Span::current().record("delivery", field::display(&id)).record("first", is_first);
        if rules.is_some() && is_first {
            if let Some(announcer) = announcer {
                announcer.announce(Moment::Started);
                announcer.announce(Moment::Done);
            }
            info!(listener = %key, event, delivery = %id, rules, why, "delivery stored; no rule fired");
        } else {
            info!(listener = %key, event, delivery = %id, outcome = ?outcome, "delivery stored");
        }
        Ok(reply(match outcome {
            AppendOutcome::Settled | AppendOutcome::Failed => HookResponse::Duplicate(id),
            AppendOutcome::New | AppendOutcome::InProgress | AppendOutcome::Reopened => {
                HookResponse::Accepted(id)
            }
        }))
    }
}

impl AnyRoute for ListenerRoute {
    fn takes_key(&self) -> bool {
        false
    }

    fn takes_other(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        Address::of(uri, headers).is_some()
    }

    fn answer<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        _key: Option<&'a str>,
        request: Request,
    ) -> BoxFuture<'a, Response> {
        async move {
            let method = request.method().clone();
            let Some(address) = Address::of(request.uri(), request.headers()) else {
                return HookResponse::NotFound.to(MessageKind::ListenerRequest);
            };
            let acceptance = Acceptance::begin(LISTENER, request.headers());
            let mut event = EventName::UNREAD;
            let taken = self.take(pipeline, address, request, &mut event);
            let reply = taken.instrument(acceptance.span()).await;
            let seconds = acceptance.end(event, &reply.response, &pipeline.metrics);
            // Tekton's listener counts neither probes nor unclean paths, and does not exist where there is none.
            match reply.status() {
                StatusCode::OK | StatusCode::TEMPORARY_REDIRECT | StatusCode::NOT_FOUND => {}
                status => pipeline.metrics.sink().answered(status == StatusCode::ACCEPTED, seconds),
            }
            reply.into_http(&method)
        }
        .boxed()
    }
}

const BUDGET_USED_UP: &str = "no key verifies the sender, and the budget for such requests is used up for the listener's \
                              namespace or for all: set --open-listener-budget, or give every trigger of the listener a \
                              `secretRef`";

fn refusal(response: HookResponse) -> Reply {
    Reply { response, answer: None, is_verified: false }
}

fn absent(key: &ObjectKey) -> Rejected {
    // Every stranger can cause this line as often as it likes.
    debug!(listener = %key, "there is no such listener");
    Rejected::because(HookResponse::NotFound, format!("there is no EventListener {key}"))
}

/// Records a rejection, if there is a detail to record. Requests with one body are one to the record, unless their sender
/// names them.
fn record(
    pipeline: &Pipeline,
    rejected: Rejected,
    address: &Address,
    context: RequestContext,
    body: &Bytes,
    parts: &Parts,
) -> HookResponse {
    let path = ListenerRequest::path_of(&address.listener);
    let id = |context: &RequestContext| {
        DeliveryKey { path: &path, provider_id: context.provider_id.as_deref(), body }.id()
    };
    pipeline.rejections.record(rejected, id, context, RequestOrigin::of(LISTENER, &path, &parts.extensions))
}

/// The part of a request that is recorded if it is rejected.
fn context_of(headers: &Headers) -> RequestContext {
    let event = event_name(headers).unwrap_or_default().to_owned();
    RequestContext { event, provider_id: sender_id(headers), repository: None }
}

/// The headers as interceptors see them: all but `Host`, as text.
pub(super) fn headers_of(sent: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in sent.iter().filter(|(name, _)| *name != header::HOST) {
        headers.append(name.as_str(), go_text(value.as_bytes()).into_owned());
    }
    headers
}

/// The end of a request that is no event.
fn no_event(answer: Answer) -> Result<Reply, Refused> {
    if answer.status == StatusCode::BAD_REQUEST.as_u16() {
        let reason = "the payload is no JSON object, which the listener requires; its annotation \
                      `tekton.dev/payload-validation: \"false\"` lets other payloads in";
        let rejected = Rejected::because(HookResponse::Malformed, reason);
        return Err(Refused { rejected, answer: Some(Box::new(answer)) });
    }
    let is_probe = answer.status == StatusCode::OK.as_u16();
    let response = if is_probe { HookResponse::Ping } else { HookResponse::Ignored };
    Ok(Reply { answer: Some(answer), ..refusal(response) })
}

/// Random bytes that name a request whose sender does not name it.
fn fresh() -> Result<[u8; 16], HookResponse> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
        error!("there is no randomness to name a request");
        HookResponse::Unavailable(UnavailableReason::NotReady)
    })?;
    Ok(bytes)
}

fn unauthenticated(tried: Vec<TriedKey>) -> Rejected {
    let is_refused = |(_, answer): &TriedKey| *answer == Ok(SecretAnswer::Refused);
    let (failure, reason) = if tried.is_empty() {
        (AuthFailure::Unproven, "the request carries no credential that its triggers could check")
    } else if tried.iter().any(is_refused) {
        (AuthFailure::NotVerified, "the signature or token matches none of the Secrets of the triggers")
    } else {
        (AuthFailure::NoKey, "no Secret of the triggers that the request concerns holds a key")
    };
    Rejected::because(HookResponse::Unauthorized(failure), reason).after_trying(checks(tried))
}

/// The Secrets that were tried, each once.
pub(super) fn checks(tried: Vec<TriedKey>) -> Vec<(ObjectKey, KeyCheck)> {
    let mut seen = HashSet::new();
    let once = tried.into_iter().filter(|(secret, _)| seen.insert(secret.clone()));
    let check = |(secret, answer): TriedKey| {
        let check = match answer {
            // A request that a key verifies is not rejected.
            Ok(SecretAnswer::Refused | SecretAnswer::Verified) => KeyCheck::Differs(1),
            Ok(SecretAnswer::NoEntry) => KeyCheck::NoKey,
            Ok(SecretAnswer::NoSecret) => KeyCheck::Error(SecretError::Missing(secret.clone())),
            Err(error) => KeyCheck::Error(error),
        };
        (secret, check)
    };
    once.map(check).collect()
}
