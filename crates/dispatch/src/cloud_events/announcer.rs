use jiff::Timestamp;
use trigger_core::{Delivery, DeliveryId, ObjectKey};
use trigger_expr::Headers;
use trigger_rules::interceptors::Address;
use trigger_rules::listeners::{Lifecycle, ListenerSettings, Moment};

use super::queue::{CloudEvents, Outgoing};

/// Announces the moments of one delivery to the receiver that its listener names.
pub struct Announcer {
    queue: CloudEvents,
    listener: ObjectKey,
    delivery: DeliveryId,
    to: Address,
    lifecycle: Lifecycle,
}

impl CloudEvents {
    /// The announcer of a delivery; `None` if its listener names no receiver, or if it is such a CloudEvent itself.
    pub fn about(&self, listener: &ListenerSettings, delivery: &Delivery) -> Option<Announcer> {
        let headers = delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.announcer(listener, &delivery.id, headers)
    }

    /// Announces that a request was refused, which would be this delivery.
    pub fn refused(&self, listener: &ListenerSettings, delivery: &DeliveryId, headers: &Headers) {
        let headers = headers.iter();
        let headers =
            headers.flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())));
        if let Some(announcer) = self.announcer(listener, delivery, headers) {
            announcer.announce(Moment::Failed);
        }
    }

    /// The announcer of a request with these headers, whose delivery is, or would be, this one.
    pub(super) fn announcer<'h>(
        &self,
        listener: &ListenerSettings,
        delivery: &DeliveryId,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
    ) -> Option<Announcer> {
        let Some(Ok(to)) = &listener.cloud_event_uri else { return None };
        let lifecycle = Lifecycle::of(&listener.key, delivery, headers)?;
        Some(Announcer {
            queue: self.clone(),
            listener: listener.key.clone(),
            delivery: delivery.clone(),
            to: to.clone(),
            lifecycle,
        })
    }
}

impl Announcer {
    /// Sends the CloudEvent about a moment soon. Does not wait.
    pub fn announce(&self, moment: Moment<'_>) {
        let event = self.lifecycle.event(moment, Timestamp::now());
        let (listener, delivery, to) = (self.listener.clone(), self.delivery.clone(), self.to.clone());
        // Strangers cause refusals, as many as they like.
        let is_spare = moment == Moment::Failed;
        self.queue.push(Outgoing { listener, delivery, to, event, is_spare });
    }
}
