use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::{Credential, Delivery, Event, GitEvent, GitEventKind, RepoId};

use crate::header::{LONGEST_VALUE, single};
use crate::{CredentialError, PayloadError, Sample, SampleRequest};

/// A Git hosting service that sends webhooks.
///
/// The three things a service has to be able to do are those of the interface in SHIP-0031: extract the
/// request payload ([`payload`](Self::payload)), extract the Build selector ([`selector`](Self::selector))
/// and validate the signature ([`claim`](Self::claim), which [`trigger_core::Verifier`] then compares).
/// They are called in this order, before anything is known about the sender. [`event`](Self::event) is
/// called later, from the journal, by way of [`read`](Self::read).
pub trait Provider: Send + Sync + 'static {
    /// The name in paths, in the keys of Secrets and in [`Delivery::source`]: lower case, such as `github`.
    fn name(&self) -> &'static str;

    /// The name as the service writes it, such as `GitHub`.
    fn title(&self) -> &'static str;

    /// Takes a request apart. Reads no JSON yet.
    fn payload<'a>(&self, headers: &'a HeaderMap, body: &'a [u8])
    -> Result<RequestPayload<'a>, PayloadError>;

    /// What finds the rules that could care. Reads no more of the payload than that.
    fn selector(&self, payload: &RequestPayload<'_>) -> Result<Selector, PayloadError>;

    /// What the sender presents to prove who it is.
    fn claim(&self, headers: &HeaderMap) -> Result<Credential, CredentialError>;

    /// What the delivery means.
    fn event(&self, payload: &RequestPayload<'_>) -> Result<Event, PayloadError>;

    /// The headers to keep in the journal, in lower case: all that [`payload`](Self::payload) reads, and what
    /// helps people to find the delivery at the sender's. Never what proves the sender.
    fn kept_headers(&self) -> &'static [&'static str];

    /// Whether the claim covers the body. Then the body alone tells two deliveries apart, see
    /// [`trigger_core::DeliveryKey`].
    fn signs_body(&self) -> bool;

    /// Composes an event as the service would send it, for trying a set-up out.
    fn compose(&self, sample: &Sample) -> SampleRequest;

    /// The headers the service would send with `body`: what kind of `event` it is, under which id, and the
    /// proof of having `key`, if there is one.
    fn sign(&self, event: &str, delivery: &str, body: &[u8], key: Option<&[u8]>) -> HeaderMap;

    /// The keys of a Secret that may hold what the claim is checked with, the first one present counts.
    fn secret_keys(&self) -> Vec<String> {
        let name = self.name();
        vec![format!("{name}-token"), format!("{name}-secret"), "webhook-secret".into(), "secretToken".into()]
    }

    /// The headers of a request that are kept, for [`Delivery::headers`]. One that occurs more than once is not.
    fn keep(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        let kept = |name: &&str| {
            let value = single(headers, name).ok()??;
            let text = value.to_str().ok().filter(|text| text.len() <= LONGEST_VALUE)?;
            Some(((*name).to_owned(), text.to_owned()))
        };
        self.kept_headers().iter().filter_map(kept).collect()
    }

    /// The meaning of a delivery that was kept.
    ///
    /// What [`payload`](Self::payload) and [`event`](Self::event) once made of a request, they make again of
    /// its kept headers and body.
    fn read(&self, delivery: &Delivery) -> Result<Event, PayloadError> {
        let headers: HeaderMap = delivery
            .headers
            .iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        self.event(&self.payload(&headers, &delivery.body)?)
    }
}

/// A request taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPayload<'a> {
    /// The sender's name of the event, such as `push`: at most 64 letters, digits, `_`, `-` and `.`.
    pub event: &'a str,
    /// The sender's id of the delivery, if it is at most 128 visible ASCII characters.
    pub delivery: Option<&'a str>,
    /// The JSON, taken out of the form if the body is one. Not parsed yet.
    pub json: Cow<'a, str>,
}

/// What finds the rules that could care about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Every name the payload gives the repository, the web address first. Empty if the delivery is not
    /// about a repository.
    pub names: Vec<RepoId>,
    /// Whether the sender only checks that the hook works.
    pub is_ping: bool,
}

impl Selector {
    /// That of an event that is understood already.
    pub fn of(event: &GitEvent) -> Self {
        let is_ping = event.kind == GitEventKind::Ping;
        Self { names: event.repository.names.clone(), is_ping }
    }
}
