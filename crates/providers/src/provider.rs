use http::HeaderMap;
use jiff::Timestamp;
use trigger_core::{CredentialError, Credentials, Delivery, DeliveryId, Events, KnownHosts};

use crate::header::{header_map, kept};
use crate::{
    DeliveryIdentity, EventNames, Forge, PayloadError, RequestPayload, Sample, SampleError, SampleRequest,
    Selector,
};

/// A Git hosting service that sends webhooks.
///
/// The interface in SHIP-0031 asks for three things: the request payload ([`payload`](Self::payload)), the Build
/// selector ([`selector`](Self::selector)) and the validation of the signature ([`credentials`](Self::credentials),
/// which a [`trigger_core::Verifier`] compares with keys). Intake calls them in this order, before anything is known
/// about the sender. The dispatcher reads the events later, from the journal, with [`read`](Self::read).
pub trait Provider: Send + Sync + 'static {
    /// The name in paths, in the entries of Secrets and in [`Delivery::source`]: lower case, such as `github`.
    fn name(&self) -> &'static str;

    /// The name as the service writes it, such as `GitHub`.
    fn title(&self) -> &'static str;

    /// The facts about the host names of the provider's public service. Addresses on other hosts are compared
    /// exactly.
    fn hosts(&self) -> KnownHosts;

    /// Whether the service disables a hook after some requests in a row that are rejected. Then a request about a
    /// repository without rules is answered as ignored: a hook for many repositories would be lost for those with rules.
    fn disables_hooks(&self) -> bool {
        false
    }

    /// Whether the headers are those of a webhook of the provider. Nothing verifies them.
    fn recognizes(&self, headers: &HeaderMap) -> bool;

    /// Takes a request apart. Reads no JSON yet. Copies are no longer than the body: intake reserves memory for that.
    fn payload<'a>(&self, headers: &'a HeaderMap, body: &'a [u8])
    -> Result<RequestPayload<'a>, PayloadError>;

    /// The repository, by which the rules that could care are found. Reads no more of the payload than that.
    fn selector(&self, payload: &RequestPayload<'_>) -> Result<Selector, PayloadError>;

    /// The credentials that the sender presents. `now` bounds the age of signatures that carry a timestamp.
    fn credentials(&self, headers: &HeaderMap, now: Timestamp) -> Result<Credentials, CredentialError>;

    /// The meaning of the delivery: its events, in the order of the payload.
    fn events(&self, payload: &RequestPayload<'_>) -> Result<Events, PayloadError>;

    /// The events that rules can name, and that of a test: the header's name of each and the rules' name.
    fn event_names(&self) -> &'static [EventNames];

    /// The headers to keep in the journal, in lower case: all that [`payload`](Self::payload) reads, and those that
    /// help people to find the delivery at the sender's. Never a credential.
    fn kept_headers(&self) -> &'static [&'static str];

    /// The parts of a delivery that make it the same delivery when it arrives again.
    fn delivery_identity(&self) -> DeliveryIdentity;

    /// The id of a delivery that came in by `path` with the sender's id `provider_id`. A provider that signs less than the
    /// body names the delivery by that: any other body with the signed text is the same delivery.
    fn delivery_id(&self, path: &str, provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
        self.delivery_identity().key(path, provider_id, body).id()
    }

    /// Composes an event as the service would send it, for trying a set-up out.
    fn compose(&self, sample: &Sample) -> Result<SampleRequest, SampleError>;

    /// The headers that the service would send with `body` at the time `now`: the kind of `event`, the id `delivery`,
    /// and a credential made with `key`, if there is one.
    fn sign(&self, event: &str, delivery: &str, body: &[u8], key: Option<&[u8]>, now: Timestamp)
    -> HeaderMap;

    /// The API of the service, if it can be asked.
    fn forge(&self) -> Option<&'static dyn Forge> {
        None
    }

    /// The entries of a Secret that may hold the key. The first one present counts.
    fn secret_entries(&self) -> Vec<String> {
        let name = self.name();
        vec![format!("{name}-token"), format!("{name}-secret"), "webhook-secret".into(), "secretToken".into()]
    }

    /// The headers of a request that are kept, for [`Delivery::headers`]. One that occurs more than once is not.
    fn keep(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        kept(headers, self.kept_headers())
    }

    /// The events of a delivery that was kept.
    ///
    /// [`payload`](Self::payload) and [`events`](Self::events) make of its kept headers and body what they made of the
    /// request.
    fn read(&self, delivery: &Delivery) -> Result<Events, PayloadError> {
        self.events(&self.payload(&header_map(&delivery.headers), &delivery.body)?)
    }
}
