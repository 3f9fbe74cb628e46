//! A request to a listener: as it arrives, as the journal keeps it, and as interceptors see it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::{Delivery, DeliveryId, DeliveryKey, ObjectKey, Ordinal, WebhookEvent, event_id};
use trigger_expr::Headers;
use trigger_rules::interceptors::{Body, ReceivedRequest, State};
use trigger_rules::listeners::{credential_headers, event_name, sender_id};

/// The source of deliveries to listeners.
pub const LISTENER: &str = "listener";

/// The path below which listeners are served.
pub const LISTENERS_PATH: &str = "/listeners";

/// The name under which the URL is kept beside the headers. No header can have it.
const URL: &str = ":path";

/// The event of a request that names none.
const UNNAMED: &str = "request";

/// A request to a listener.
pub struct ListenerRequest {
    /// The EventListener.
    pub listener: ObjectKey,
    /// Path and query below the address of the listener, or the whole URL if the request line held it.
    pub url: String,
    /// The headers, without `Host`.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it had arrived.
    pub received_at: Timestamp,
}

impl ListenerRequest {
    /// The path of a listener.
    pub fn path_of(listener: &ObjectKey) -> String {
        format!("{LISTENERS_PATH}/{}/{}", listener.namespace, listener.name)
    }

    /// The id of the request as a delivery.
    ///
    /// A sender that sends a delivery again names it as before. A request without such a name is an event of its own, as
    /// `fresh` is: two equal requests of a clock are no repetition.
    pub fn delivery_id(&self, fresh: &[u8; 16]) -> DeliveryId {
        let path = Self::path_of(&self.listener);
        match sender_id(&self.headers) {
            Some(id) => DeliveryKey { path: &path, provider_id: Some(&id), body: &self.body }.id(),
            None => DeliveryId::derive(&[b"listener request", path.as_bytes(), fresh]),
        }
    }

    /// The id of the request as a delivery to the Triggers of one namespace, of a webhook of a provider that has the id
    /// `webhook`: the webhook is the same delivery for them when it is sent again.
    pub fn id_of_webhook(webhook: &DeliveryId, listener: &ObjectKey) -> DeliveryId {
        let namespace = listener.namespace.as_bytes();
        DeliveryId::derive(&[b"webhook for triggers", webhook.as_str().as_bytes(), namespace])
    }

    /// The event as interceptors see it, under the id of its delivery.
    pub(super) fn state(&self, id: &DeliveryId) -> State {
        let (headers, url) = (Arc::new(self.headers.clone()), self.url.as_str().into());
        state(self.body.clone(), headers, url, id, self.received_at)
    }

    /// The request as it is kept, without headers that present keys themselves: those of known senders, and those called
    /// `presented`.
    pub(super) fn into_delivery(self, id: DeliveryId, presented: &BTreeSet<String>) -> Delivery {
        let credentials = credential_headers();
        let is_kept = |name: &str| !credentials.contains(name) && !presented.contains(name);
        let kept = self.headers.iter().filter(|(name, _)| is_kept(name));
        let kept = kept
            .flat_map(|(name, values)| values.iter().map(|value| (name.to_ascii_lowercase(), value.clone())));
        let path = Self::path_of(&self.listener);
        Delivery {
            id,
            source: LISTENER.into(),
            path: path.into(),
            provider_id: sender_id(&self.headers),
            event: event_name(&self.headers).unwrap_or(UNNAMED).to_owned(),
            repository: None,
            received_at: self.received_at,
            headers: std::iter::once((URL.to_owned(), self.url.clone())).chain(kept).collect(),
            body: self.body,
            replay: None,
        }
    }
}

/// The listener of a delivery; `None` if its path names none.
pub(crate) fn listener_of(delivery: &Delivery) -> Option<ObjectKey> {
    let path = delivery.path.strip_prefix(LISTENERS_PATH)?.strip_prefix('/')?;
    let (namespace, name) = path.split_once('/')?;
    Some(ObjectKey::new(namespace, name))
}

/// The event of a delivery to a listener; `None` if its path names no listener.
pub(crate) fn event(delivery: &Delivery) -> Option<WebhookEvent> {
    let listener = listener_of(delivery)?;
    let (url, headers): (Vec<_>, Vec<_>) =
        delivery.headers.iter().cloned().partition(|(name, _)| name == URL);
    Some(WebhookEvent {
        listener,
        url: url.into_iter().next().map(|(_, url)| url).unwrap_or_default().into(),
        headers,
        body: delivery.body.clone(),
        at: delivery.received_at,
    })
}

/// A kept event as interceptors see it.
pub(super) fn state_of(event: &WebhookEvent, id: &DeliveryId) -> State {
    let mut headers = Headers::new();
    for (name, value) in &event.headers {
        headers.append(name, value.clone());
    }
    state(event.body.clone(), Arc::new(headers), Arc::clone(&event.url), id, event.at)
}

fn state(body: Bytes, headers: Arc<Headers>, url: Arc<str>, id: &DeliveryId, at: Timestamp) -> State {
    let event_id = event_id(id, Ordinal::FIRST).into();
    State::new(ReceivedRequest { body: Body::new(body), headers, url, event_id, at })
}
