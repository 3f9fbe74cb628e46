//! Deliveries about images that have changed.

use trigger_core::ImageSource;
use trigger_images::IMAGES;
use trigger_server::wire::{Delivery, DeliveryDetail, ImageChange};

use crate::admin_client::{age, whole_seconds};

/// What such a delivery of a list is about, and its event without that; `None` of any other.
pub(super) fn about(item: &Delivery) -> Option<(String, String)> {
    let first = item.object.as_ref().filter(|_| item.source == IMAGES)?;
    let event = item.event.replacen(&format!(" {}", first.name), "", 1);
    Some((event, format!("{} ({})", first.name, first.namespace)))
}

/// How such a delivery came in; `None` of any other.
pub(super) fn way(delivery: &DeliveryDetail) -> Option<String> {
    let request = &delivery.request;
    if request.source != IMAGES {
        return None;
    }
    let sources = [ImageSource::Registry, ImageSource::Image, ImageSource::BuildRun];
    let source = sources.into_iter().find(|source| source.name() == request.path);
    Some(source.map_or_else(|| request.path.clone(), |source| source.to_string()))
}

/// Where such a change was seen; `None` of any other delivery.
pub(super) fn place(delivery: &DeliveryDetail) -> Option<String> {
    let object = delivery.verification.observed.as_ref().filter(|_| delivery.request.source == IMAGES)?;
    Some(format!("it was seen for the Builds of the namespace {}", object.namespace))
}

/// What has changed, as lines with their titles.
pub(super) fn lines(change: &ImageChange) -> [(&'static str, String); 3] {
    let source = ImageSource::from(change.source);
    let since = change.since;
    [
        ("image", change.image.clone()),
        ("was", change.from.clone().unwrap_or_else(|| "not known".to_owned())),
        ("is", format!("{}, says {source}, since {} ({} ago)", change.to, whole_seconds(since), age(since))),
    ]
}
