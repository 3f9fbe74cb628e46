//! Requests to interceptors outside this process.

use std::time::Duration;

use http::header::{LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::timeout;
use trigger_egress::{
    Egress, EgressError, EgressErrorKind, EgressSettingsError, HttpRequest, HttpResponse, Permission, Url,
};
use trigger_expr::Headers;
use trigger_rules::interceptors::{Answer, WireRequest, WireResponse};

use crate::cluster_names::ClusterNames;
use crate::hop::{Hop, MOST_REDIRECTS, RedirectError};
use crate::tries::Tries;
use crate::trusting::TrustingClients;

/// The longest time for one try of a call. A longer time that it asks for does not count.
pub(crate) const LONGEST_TRY: Duration = Duration::from_mins(1);
/// The headers of a response, in bytes. They are stored with the delivery.
pub(crate) const LARGEST_HEADERS: usize = 32 << 10;

/// Calls interceptors.
#[derive(Debug)]
pub(crate) struct InterceptorClient {
    clients: TrustingClients,
    names: ClusterNames,
}

/// There is no response.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the `caBundle` of the interceptor: {0}")]
    Bundle(#[from] EgressSettingsError),
    #[error("the address of the interceptor is no URL; correct it")]
    NoUrl,
    #[error("{0}")]
    Request(#[from] EgressError),
    #[error(
        "the interceptor at `{host}` has not answered within {timeout:?}; see why it is slow, or give it more time"
    )]
    TimedOut { host: String, timeout: Duration },
    #[error("a redirect of the interceptor at `{host}` is not followed: {error}; correct its address")]
    Redirect { host: String, error: RedirectError },
    #[error("the answer of the interceptor at `{host}` has more than {LARGEST_HEADERS} bytes of headers")]
    LargeHeaders { host: String },
}

/// The response of a try, and the pause that the server asks for.
struct Tried {
    response: WireResponse,
    asked: Option<Duration>,
}

impl InterceptorClient {
    pub(crate) fn new(egress: Egress, names: ClusterNames) -> Self {
        Self { clients: TrustingClients::new(egress), names }
    }

    /// The response to a request, after as many tries as it wants.
    pub(crate) async fn call(&self, request: &WireRequest) -> Answer {
        let mut tries = Tries::new(request.retries);
        loop {
            let outcome = self.try_once(request).await;
            let asked = match &outcome {
                Ok(Tried { response, asked }) if is_temporary(response.status) => *asked,
                Err(error) if error.may_pass() => None,
                _ => return answer(outcome, &tries),
            };
            if !tries.again(asked).await {
                return answer(outcome, &tries);
            }
        }
    }

    async fn try_once(&self, request: &WireRequest) -> Result<Tried, CallError> {
        let first = first(request)?;
        let time = request.timeout.min(LONGEST_TRY);
        let host = first.url.host_str().unwrap_or_default().to_owned();
        let elapsed = |_| CallError::TimedOut { host, timeout: time };
        timeout(time, self.follow(request, first)).await.map_err(elapsed)?
    }

    /// Sends a request and those that it is redirected to.
    async fn follow(&self, request: &WireRequest, first: Hop) -> Result<Tried, CallError> {
        let egress = self.clients.client(request.address.ca_bundle().map(AsRef::as_ref))?;
        let refused = |host: &Url, error| CallError::Redirect {
            host: host.host_str().unwrap_or_default().to_owned(),
            error,
        };
        let (first, mut hop) = (first.url.clone(), first);
        for _ in 0..=MOST_REDIRECTS {
            let response = egress.send(self.sent(request, &first, &hop)).await?;
            let location = response.headers().get(LOCATION);
            let next = hop.next(&first, response.status(), location, request.redirects);
            match next.map_err(|error| refused(&hop.url, error))? {
                None => return read(response, &hop.url, request.largest_answer).await,
                Some(next) => hop = next,
            }
        }
        Err(refused(&first, RedirectError::TooMany))
    }

    fn sent(&self, request: &WireRequest, first: &Url, hop: &Hop) -> HttpRequest {
        let reach = self.names.reach(&hop.url, first, request.address.origin());
        let Hop { method, url, headers, body } = hop.clone();
        // The author of the address chose its scheme.
        let permission = Permission { plain_http: true, reach };
        HttpRequest { headers, body, permission, ..HttpRequest::new(method, url) }
    }
}

impl CallError {
    /// Whether a further try may have a response.
    fn may_pass(&self) -> bool {
        match self {
            Self::Request(error) => error.kind != EgressErrorKind::Refused,
            Self::TimedOut { .. } => true,
            Self::Bundle(_) | Self::NoUrl | Self::Redirect { .. } | Self::LargeHeaders { .. } => false,
        }
    }
}

fn answer(outcome: Result<Tried, CallError>, tries: &Tries) -> Answer {
    match outcome {
        Ok(Tried { response, .. }) => Answer::Response(response),
        Err(error) => Answer::Unknown(format!("{error}{}", tries.words())),
    }
}

/// Whether a response with this status may be another one soon.
fn is_temporary(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

fn first(request: &WireRequest) -> Result<Hop, CallError> {
    let url = Url::parse(request.address.url()).map_err(|_| CallError::NoUrl)?;
    let mut headers = HeaderMap::new();
    for (name, values) in request.headers.iter() {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            // Deliveries have fewer headers than a map can hold.
            let _ = headers.try_append(name.clone(), value);
        }
    }
    let body = (!request.body.is_empty()).then(|| request.body.clone());
    Ok(Hop { method: Method::POST, url, headers, body })
}

async fn read(response: HttpResponse, url: &Url, largest: usize) -> Result<Tried, CallError> {
    let (status, asked) = (response.status(), response.retry_after());
    let size: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > LARGEST_HEADERS {
        return Err(CallError::LargeHeaders { host: url.host_str().unwrap_or_default().to_owned() });
    }
    let mut headers = Headers::new();
    // The body is no longer in chunks.
    for (name, value) in response.headers().iter().filter(|(name, _)| *name != TRANSFER_ENCODING) {
        headers.append(name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let body = response.body_prefix(largest.saturating_add(1)).await?;
    let reason = status.canonical_reason().unwrap_or_default();
    Ok(Tried { response: WireResponse::new(status.as_u16(), reason, headers, &body), asked })
}
