//! GitHub, on github.com and on GitHub Enterprise.
//!
//! `request.rs` takes the request apart, `claim.rs` reads the signature, `repository.rs` and `event.rs` read
//! the JSON; `compose.rs` writes both, for trying a set-up out. Hosts are taken from the payload, so that an Enterprise server works like github.com.
//!
//! Where the JSON leaves room for two opinions, we have none: a field we read that occurs twice, or that
//! has another type than documented, makes the payload malformed. Fields we do not read are skipped
//! without recursion, however deep they are.
//!
//! Sources: <https://docs.github.com/en/webhooks/webhook-events-and-payloads> and
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.

mod claim;
mod compose;
mod event;
#[cfg(test)]
mod fixtures;
mod repository;
mod request;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use serde::Deserialize;
use trigger_core::{Credential, Event};

use self::repository::RepositoryBody;
use crate::{CredentialError, PayloadError, Provider, RequestPayload, Sample, SampleRequest, Selector};

/// GitHub, on github.com and on GitHub Enterprise.
#[derive(Debug, Clone, Copy)]
pub struct GitHub;

const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";
const CONTENT_TYPE: &str = "content-type";

/// What is kept beside the three headers we read tells people which hook of which server it was.
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

    fn payload<'a>(
        &self,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Result<RequestPayload<'a>, PayloadError> {
        request::take_apart(headers, body)
    }

    fn selector(&self, payload: &RequestPayload<'_>) -> Result<Selector, PayloadError> {
        let body: SelectorBody<'_> = parse(&payload.json)?;
        let names = body.repository.map(|repository| repository.names()).unwrap_or_default();
        if names.is_empty() && event::needs_repository(payload.event) {
            return Err(PayloadError::NoRepository);
        }
        Ok(Selector { names, is_ping: payload.event == event::PING })
    }

    fn claim(&self, headers: &HeaderMap) -> Result<Credential, CredentialError> {
        claim::from_headers(headers)
    }

    fn event(&self, payload: &RequestPayload<'_>) -> Result<Event, PayloadError> {
        event::read(payload.event, &payload.json).map(Event::Git)
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &KEPT_HEADERS
    }

    fn signs_body(&self) -> bool {
        true
    }

    fn compose(&self, sample: &Sample) -> SampleRequest {
        compose::compose(sample)
    }

    fn sign(&self, event: &str, delivery: &str, body: &[u8], key: Option<&[u8]>) -> HeaderMap {
        compose::sign(event, delivery, body, key)
    }
}

#[derive(Deserialize)]
struct SelectorBody<'a> {
    #[serde(borrow)]
    repository: Option<RepositoryBody<'a>>,
}

/// Reads a payload, which is always an object. (`serde` would also fill a struct from an array.)
fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, PayloadError> {
    if json.trim_start().starts_with('[') {
        return Err(PayloadError::UnexpectedJson { line: 1, column: 1 });
    }
    Ok(serde_json::from_str(json)?)
}
