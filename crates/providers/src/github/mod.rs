//! GitHub, on github.com and on GitHub Enterprise.
//!
//! `request.rs` takes the request apart, `credential.rs` reads the signature, `repository.rs`, `event.rs` and
//! `moved.rs` read the JSON. `forge.rs` asks the REST API. `compose.rs` writes requests, for trying a set-up out. Hosts are taken from the payload,
//! so an Enterprise server works like github.com.
//!
//! Two readers must not understand one payload differently. So a field that is read and occurs twice, or has another
//! type than documented, makes the payload malformed. Fields that are not read are skipped without recursion, however
//! deep they are.
//!
//! Sources: <https://docs.github.com/en/webhooks/webhook-events-and-payloads> and
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.

mod compose;
mod credential;
mod event;
#[cfg(test)]
mod fixtures;
mod forge;
mod moved;
mod repository;
mod request;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use trigger_core::{CredentialError, Credentials, Event, Events, KnownHosts};

use self::repository::RepositoryBody;
use crate::json::parse;
use crate::{
    DeliveryIdentity, EventNames, Forge, PayloadError, Provider, RequestPayload, Sample, SampleError,
    SampleRequest, Selector,
};

/// GitHub, on github.com and on GitHub Enterprise.
#[derive(Debug, Clone, Copy)]
pub struct GitHub;

const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";
const CONTENT_TYPE: &str = "content-type";

/// Beside the three headers that are read, those by which people find the hook and the server.
const KEPT_HEADERS: [&str; 9] = [
    CONTENT_TYPE,
    EVENT,
    DELIVERY,
    "x-github-hook-id",
    "x-github-hook-installation-target-type",
    "x-github-hook-installation-target-id",
    "x-github-enterprise-host",
    "x-github-enterprise-version",
    "user-agent",
];

impl Provider for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn title(&self) -> &'static str {
        "GitHub"
    }

    fn hosts(&self) -> KnownHosts {
        repository::HOSTS.clone()
    }

    fn recognizes(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(EVENT)
    }

    fn payload<'a>(
        &self,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Result<RequestPayload<'a>, PayloadError> {
        request::take_apart(headers, body)
    }

    fn selector(&self, payload: &RequestPayload<'_>) -> Result<Selector, PayloadError> {
        if payload.event == moved::REPOSITORY {
            // The rules still name the address that it had.
            let body: moved::RepositoryEventBody<'_> = parse(&payload.json)?;
            return Ok(Selector { names: body.names().0, is_ping: false });
        }
        let body: SelectorBody<'_> = parse(&payload.json)?;
        let names = body.repository.map(|repository| repository.names()).unwrap_or_default();
        if names.is_empty() && event::needs_repository(payload.event) {
            return Err(PayloadError::NoRepository);
        }
        Ok(Selector { names, is_ping: payload.event == event::PING })
    }

    fn credentials(&self, headers: &HeaderMap, _now: Timestamp) -> Result<Credentials, CredentialError> {
        credential::from_headers(headers)
    }

    fn events(&self, payload: &RequestPayload<'_>) -> Result<Events, PayloadError> {
        let event = match payload.event {
            moved::REPOSITORY => moved::read(&parse(&payload.json)?),
            name => event::read(name, &payload.json)?,
        };
        Ok(Event::Git(event).into())
    }

    fn event_names(&self) -> &'static [EventNames] {
        event::NAMES
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &KEPT_HEADERS
    }

    fn delivery_identity(&self) -> DeliveryIdentity {
        DeliveryIdentity::Body
    }

    fn forge(&self) -> Option<&'static dyn Forge> {
        Some(&forge::GitHubForge)
    }

    fn compose(&self, sample: &Sample) -> Result<SampleRequest, SampleError> {
        Ok(compose::compose(sample))
    }

    fn sign(
        &self,
        event: &str,
        delivery: &str,
        body: &[u8],
        key: Option<&[u8]>,
        _now: Timestamp,
    ) -> HeaderMap {
        compose::sign(event, delivery, body, key)
    }
}

#[derive(Deserialize)]
struct SelectorBody<'a> {
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
}
