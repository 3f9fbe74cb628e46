//! Gitea and its fork Forgejo, on servers of one's own and on public ones such as codeberg.org. Gogs, their ancestor,
//! sends pushes and deletions in the same form, and its pull requests in another, which are malformed here.
//!
//! `request.rs` takes the request apart, `credential.rs` reads the signature, `repository.rs`, `event.rs` and
//! `pull_request.rs` read the JSON. `compose.rs` writes requests, for trying a set-up out.
//!
//! A request carries each header several times, under the names of Gitea, Forgejo and Gogs. Every one of these counts,
//! and they have to agree. It carries the headers of GitHub too, which are never read: the route names the provider.
//!
//! The signature covers the JSON, also of a form. So the JSON, and not the form, names the delivery: a captured request
//! is the same delivery in any spelling. No id is stable, since a replay at the server sends the same body under a new
//! one.
//!
//! As with every provider, a field that is read and occurs twice, or has another type than documented, makes the payload
//! malformed; fields that are not read are skipped without recursion.
//!
//! # Test requests
//!
//! A click on *Test delivery* sends a push of the last commit whose `before` is its `after`, which no real push has. It
//! starts nothing. There is no ping.
//!
//! # Deletions
//!
//! A branch that is deleted is the event `delete` alone. A tag that is deleted is a push to no commit, and `delete`
//! beside it; the push counts, and `delete` of a tag is an event that no rule can name. So is `create`, which stands
//! beside the push of every new branch and tag.
//!
//! A repository that is renamed or transferred sends nothing.
//!
//! Sources: <https://docs.gitea.com/usage/webhooks>, <https://forgejo.org/docs/latest/user/webhooks/>.

mod compose;
mod credential;
mod event;
#[cfg(test)]
mod fixtures;
mod pull_request;
mod repository;
mod request;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, DeliveryId, Event, Events, KnownHosts};

use crate::header::kept;
use crate::{
    DeliveryIdentity, EventNames, PayloadError, Provider, RequestPayload, Sample, SampleError, SampleRequest,
    Selector,
};

/// Gitea and Forgejo.
#[derive(Debug, Clone, Copy)]
pub struct Gitea;

const TITLE: &str = "Gitea";
const CONTENT_TYPE: &str = "content-type";
const JSON: &str = "application/json";

/// The header that names the event, as each of the three servers calls it. Forgejo sends all three, Gitea its own and that
/// of Gogs.
const EVENTS: [&str; 3] = ["x-gitea-event", "x-forgejo-event", "x-gogs-event"];
/// The same of the id of the delivery.
const DELIVERIES: [&str; 3] = ["x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"];

/// Beside the headers that are read, those by which people find the hook and the server.
const KEPT_HEADERS: [&str; 10] = [
    CONTENT_TYPE,
    EVENTS[0],
    EVENTS[1],
    EVENTS[2],
    DELIVERIES[0],
    DELIVERIES[1],
    DELIVERIES[2],
    "x-gitea-event-type",
    "x-gitea-hook-installation-target-type",
    "user-agent",
];

impl Provider for Gitea {
    fn name(&self) -> &'static str {
        "gitea"
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn hosts(&self) -> KnownHosts {
        repository::HOSTS.clone()
    }

    fn recognizes(&self, headers: &HeaderMap) -> bool {
        EVENTS.iter().any(|name| headers.contains_key(*name))
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

    fn credentials(&self, headers: &HeaderMap, _now: Timestamp) -> Result<Credentials, CredentialError> {
        credential::from_headers(headers)
    }

    fn events(&self, payload: &RequestPayload<'_>) -> Result<Events, PayloadError> {
        event::read(payload).map(|event| Event::Git(event).into())
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

    /// A form and its JSON are one delivery.
    fn delivery_id(&self, path: &str, provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
        self.delivery_identity().key(path, provider_id, body).id_of_json()
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
        _now: Timestamp,
    ) -> HeaderMap {
        compose::sign(event, delivery, body, key)
    }

    /// A delivery may arrive as a form and as JSON, and the journal may keep the headers of one with the body of the other.
    /// So the kept content type is that under which both are read.
    fn keep(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let mut kept = kept(headers, self.kept_headers());
        for (_, value) in kept.iter_mut().filter(|(name, _)| name == CONTENT_TYPE) {
            JSON.clone_into(value);
        }
        kept
    }
}
