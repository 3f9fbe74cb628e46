//! A request read as a webhook of a Git provider, for the interceptor `git`.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, Event, GitEvent, RepoId};
use trigger_expr::Headers;
use trigger_providers::Provider;

use super::state::ReceivedRequest;

/// A webhook of a Git provider.
pub(crate) struct GitWebhook {
    /// Its sender, by the headers.
    pub(super) provider: &'static dyn Provider,
    /// Its events of repositories, in the order of the payload.
    pub(super) events: Vec<GitEvent>,
}

/// The body of the placeholder for a credential.
const NO_BODY: &[u8] = b"";

impl GitWebhook {
    /// Reads a request as it was received. The error is the reason why it is no webhook, without its content.
    pub(super) fn read(request: &ReceivedRequest) -> Result<Self, String> {
        let headers = header_map(&request.headers);
        let provider = sender(&headers)?;
        let payload = provider.payload(&headers, request.body.bytes());
        let events = payload.and_then(|payload| provider.events(&payload));
        let events =
            events.map_err(|error| format!("the webhook of {} has an error: {error}", provider.title()))?;
        let of_repository = |event: &Event| match event {
            Event::Git(event) => Some(event.clone()),
            Event::PipelineRun(_) | Event::Image(_) | Event::Webhook(_) => None,
        };
        Ok(Self { provider, events: events.iter().filter_map(|(_, event)| of_repository(event)).collect() })
    }

    /// The names of the repositories that it is about.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = &RepoId> {
        self.events.iter().flat_map(|event| &event.repository.names)
    }
}

/// The credentials that the sender of a webhook presents, received at `at`.
pub(super) fn credentials(headers: &Headers, at: Timestamp) -> Result<Credentials, CredentialError> {
    let headers = header_map(headers);
    sender(&headers).map_err(|_| CredentialError::Missing)?.credentials(&headers, at)
}

/// Headers that present an invented credential at `at`, as the sender of a webhook with these headers would.
pub(super) fn placeholder(headers: &Headers, at: Timestamp) -> Vec<(String, String)> {
    let Ok(provider) = sender(&header_map(headers)) else { return Vec::new() };
    let signed = provider.sign("push", "", NO_BODY, Some(b"placeholder"), at);
    // Only credentials are never kept.
    let kept = provider.kept_headers();
    let presented = signed.iter().filter(|(name, _)| !kept.contains(&name.as_str()));
    presented.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect()
}

fn sender(headers: &HeaderMap) -> Result<&'static dyn Provider, String> {
    trigger_providers::sender(headers).ok_or_else(|| {
        let known: Vec<_> = trigger_providers::ALL.iter().map(|provider| provider.title()).collect();
        format!(
            "the request is no webhook of a Git provider: its headers are of none of {}",
            known.join(", ")
        )
    })
}

fn header_map(headers: &Headers) -> HeaderMap {
    let pairs = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let header = |(name, value): (&str, &String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.filter_map(header) {
        map.append(name, value);
    }
    map
}
