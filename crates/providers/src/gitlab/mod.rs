//! GitLab, on gitlab.com and on servers of one's own: hooks of projects, of groups, and system hooks.
//!
//! `request.rs` takes the request apart, `credential.rs` reads the token or the signature, `kind.rs`,
//! `event.rs`, `merge_request.rs`, `moved.rs` and `repository.rs` read the JSON. `compose.rs` writes requests, for trying a set-up
//! out. Hosts are taken from the payload, so a self-managed server works like gitlab.com.
//!
//! The header names the event, and so does the body. Both have to agree: only the body can be signed. As with every
//! provider, a field that is read and occurs twice, or has another type than documented, makes the payload malformed;
//! fields that are not read are skipped without recursion.
//!
//! # Test requests
//!
//! A click on *Test* at a hook sends events that are made from the project as it is: a push of the last three commits
//! to the default branch, or the opening of the newest merge request. Nothing in them differs from real ones, so they
//! are real ones: they start the Builds that such an event would start, under a delivery id of their own. Two samples of
//! older versions can be told apart and start nothing: that of a tag, which is a push, and that of a merge request,
//! which names no action. There is no ping.
//!
//! Sources: <https://docs.gitlab.com/user/project/integrations/webhooks/>,
//! <https://docs.gitlab.com/user/project/integrations/webhook_events/>,
//! <https://docs.gitlab.com/administration/system_hooks/>.

mod compose;
mod credential;
mod event;
#[cfg(test)]
mod fixtures;
mod kind;
mod merge_request;
mod moved;
mod repository;
mod request;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, Event, Events, KnownHosts};

use crate::{
    DeliveryIdentity, EventNames, PayloadError, Provider, RequestPayload, Sample, SampleError, SampleRequest,
    Selector,
};

/// GitLab, on gitlab.com and on servers of one's own.
#[derive(Debug, Clone, Copy)]
pub struct GitLab;

const TITLE: &str = "GitLab";
const CONTENT_TYPE: &str = "content-type";
const EVENT: &str = "x-gitlab-event";
/// The address of the server, from GitLab 15.5 on.
const INSTANCE: &str = "x-gitlab-instance";

/// The id of a delivery, which resending keeps. `webhook-id` counts first: it is the one that a signature covers, so a
/// captured request cannot be sent again under another. `Idempotency-Key` is the same id in an unsigned request, from
/// GitLab 17.4 on; before that there is only the id of the event.
const IDS: [&str; 3] = [credential::ID, "idempotency-key", "x-gitlab-event-uuid"];

/// Beside the headers that are read, those by which people find the hook and the server.
const KEPT_HEADERS: [&str; 8] =
    [CONTENT_TYPE, EVENT, IDS[0], IDS[1], IDS[2], "x-gitlab-webhook-uuid", INSTANCE, "user-agent"];

impl Provider for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn hosts(&self) -> KnownHosts {
        repository::HOSTS.clone()
    }

    /// After four failed requests in a row for a time that grows, after forty for good. Source:
    /// <https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks>.
    fn disables_hooks(&self) -> bool {
        true
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
        event::names(payload).map(|names| Selector { names, is_ping: false })
    }

    fn credentials(&self, headers: &HeaderMap, now: Timestamp) -> Result<Credentials, CredentialError> {
        credential::from_headers(headers, now)
    }

    fn events(&self, payload: &RequestPayload<'_>) -> Result<Events, PayloadError> {
        event::read(payload).map(|event| Event::Git(event).into())
    }

    fn event_names(&self) -> &'static [EventNames] {
        kind::NAMES
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &KEPT_HEADERS
    }

    /// A signature covers the id; a plain token covers nothing.
    fn delivery_identity(&self) -> DeliveryIdentity {
        DeliveryIdentity::BodyAndId
    }

    fn compose(&self, sample: &Sample) -> Result<SampleRequest, SampleError> {
        compose::compose(sample)
    }

    fn sign(
        &self,
        event: &str,
        delivery: &str,
        body: &[u8],
        key: Option<&[u8]>,
        now: Timestamp,
    ) -> HeaderMap {
        compose::sign(event, delivery, body, key, now)
    }
}
