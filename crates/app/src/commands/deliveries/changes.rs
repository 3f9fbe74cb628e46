//! Deliveries of image changes. Each function returns `None` for another delivery.

use trigger_core::ImageSource;
use trigger_images::IMAGES;
use trigger_server::wire::{Delivery, DeliveryDetail, ImageChange};

use crate::admin_client::{age, rfc3339};

/// The event without the image, and the image with its namespace, for a row of the list.
pub(super) fn event_and_image(item: &Delivery) -> Option<(String, String)> {
    let first = item.object.as_ref().filter(|_| item.source == IMAGES)?;
    let event = item.event.replacen(&format!(" {}", first.name), "", 1);
    Some((event, format!("{} ({})", first.name, first.namespace)))
}

/// The source of the digest.
pub(super) fn source(delivery: &DeliveryDetail) -> Option<String> {
    let request = &delivery.request;
    if request.source != IMAGES {
        return None;
    }
    let sources = [ImageSource::Registry, ImageSource::Image, ImageSource::BuildRun];
    let source = sources.into_iter().find(|source| source.name() == request.path);
    Some(source.map_or_else(|| request.path.clone(), |source| source.to_string()))
}

/// The statement that stands in place of a verified signature.
pub(super) fn verification(delivery: &DeliveryDetail) -> Option<String> {
    let object = delivery.verification.observed.as_ref().filter(|_| delivery.request.source == IMAGES)?;
    Some(format!("observed for Builds in the namespace {}", object.namespace))
}

/// The change, as lines with their labels.
pub(super) fn lines(change: &ImageChange) -> [(&'static str, String); 3] {
    let source = ImageSource::from(change.source);
    let since = change.since;
    [
        ("image", change.image.clone()),
        ("was", change.from.clone().unwrap_or_else(|| "unknown".to_owned())),
        (
            "is",
            format!("{}, according to {source}, since {} ({} ago)", change.to, rfc3339(since), age(since)),
        ),
    ]
}
