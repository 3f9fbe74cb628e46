//! Deliveries of image changes: their body, and how to read it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trigger_core::{
    Delivery, DeliveryId, Digest, Event, ImageChange, ImageEvent, ObjectKey, Observer, Verified,
};

/// The source of these deliveries, beside the names of providers.
pub const IMAGES: &str = "images";

/// The body of such a delivery, as JSON. Stored in journals: fields must not be renamed.
#[derive(Serialize, Deserialize)]
struct Body {
    namespace: Arc<str>,
    changes: Vec<ImageChange>,
}

/// The delivery of changes that were bundled. Its id is derived from the images, their old and new digests and the
/// times, so every replica that bundles the same changes makes the same delivery.
///
/// `None` if there are no changes.
pub(crate) fn of(
    namespace: &Arc<str>,
    changes: &[ImageChange],
    observer: &Observer,
    now: Timestamp,
) -> Option<Verified<Delivery>> {
    let first = changes.first()?;
    let mut key = vec![b"image".to_vec(), namespace.as_bytes().to_vec()];
    for change in changes {
        let from = change.from.as_ref().map_or("", Digest::as_str);
        let since = change.since.as_nanosecond().to_be_bytes();
        key.extend([change.image.as_str().as_bytes(), from.as_bytes()].map(<[u8]>::to_vec));
        key.extend([change.to.as_str().as_bytes(), &since[..]].map(<[u8]>::to_vec));
    }
    let key: Vec<_> = key.iter().map(Vec::as_slice).collect();
    let event = match changes.len() {
        1 => format!("Image {}", first.image),
        count => format!("Image {} and {} more", first.image, count - 1),
    };
    let body = Body { namespace: Arc::clone(namespace), changes: changes.to_vec() };
    let delivery = Delivery {
        id: DeliveryId::derive(&key),
        source: IMAGES.into(),
        path: first.source.name().into(),
        provider_id: Some(first.to.to_string()),
        event,
        repository: None,
        received_at: now,
        headers: Vec::new(),
        // References, digests and times always serialize.
        body: serde_json::to_vec(&body).ok()?.into(),
        replay: None,
    };
    let subject = ObjectKey::new(Arc::clone(namespace), first.image.as_str());
    Some(observer.observed(delivery, subject))
}

/// The event of a delivery from the source [`IMAGES`]; `None` if its body has no changes.
pub fn read(delivery: &Delivery) -> Option<Event> {
    let Body { namespace, changes } = body(delivery)?;
    (!changes.is_empty()).then_some(Event::Image(ImageEvent { namespace, changes }))
}

/// The changes in a delivery. Empty if it has another source, or if its body was pruned.
pub fn image_changes(delivery: &Delivery) -> Vec<ImageChange> {
    body(delivery).map(|body| body.changes).unwrap_or_default()
}

fn body(delivery: &Delivery) -> Option<Body> {
    (*delivery.source == *IMAGES).then(|| serde_json::from_slice(&delivery.body).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use trigger_core::{ImageRef, ImageSource};

    use super::*;

    /// See `golden_names.rs` of `trigger-core`.
    const TABLE: &str = include_str!("../../core/tests/golden/names.tsv");

    fn change(image: &str, from: Option<&str>, to: &str, second: i64) -> ImageChange {
        ImageChange {
            image: ImageRef::parse(image).unwrap(),
            from: from.map(|from| Digest::of(from.as_bytes())),
            to: Digest::of(to.as_bytes()),
            source: ImageSource::Registry,
            since: Timestamp::from_second(second).unwrap(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test observes what it likes")]
    fn observer() -> Observer {
        Observer::new()
    }

    fn made(namespace: &str, changes: &[ImageChange]) -> Delivery {
        of(&namespace.into(), changes, &observer(), Timestamp::UNIX_EPOCH).unwrap().into_parts().0
    }

    #[test]
    fn the_event_read_from_a_delivery_has_the_changes_that_made_it() {
        let changes = [change("node:20", Some("1"), "2", 5), change("tools", None, "3", 6)];
        let delivery = made("team-a", &changes);
        assert_eq!(delivery.event, "Image docker.io/library/node:20 and 1 more");
        let expected = ImageEvent { namespace: "team-a".into(), changes: changes.to_vec() };
        assert_eq!(read(&delivery), Some(Event::Image(expected)));
        assert_eq!(image_changes(&delivery), changes);
        assert_eq!(image_changes(&Delivery { source: "github".into(), ..delivery.clone() }), []);
        assert_eq!(read(&Delivery { body: "{}".into(), ..delivery.clone() }), None);
        assert_eq!(read(&Delivery { body: r#"{"namespace":"a","changes":[]}"#.into(), ..delivery }), None);
        assert!(of(&"team-a".into(), &[], &observer(), Timestamp::UNIX_EPOCH).is_none());
    }

    #[test]
    fn the_id_and_the_event_are_those_of_commit_356220d() {
        let mut count = 0;
        for line in TABLE.lines().filter(|line| line.starts_with("image\t")) {
            let cells: Vec<_> = line.split('\t').collect();
            let [_, namespace, images, from, to, since, event, id] = cells.as_slice() else {
                panic!("{line}")
            };
            let values = images.split(',').zip(from.split(',')).zip(to.split(',')).zip(since.split(','));
            let changes = values.map(|(((image, from), to), since)| ImageChange {
                image: ImageRef::parse(image).unwrap(),
                from: (from != "-").then(|| from.parse().unwrap()),
                to: to.parse().unwrap(),
                source: ImageSource::Registry,
                since: since.parse().unwrap(),
            });
            let delivery = made(namespace, &changes.collect::<Vec<_>>());
            assert_eq!((delivery.event.as_str(), delivery.id.as_str()), (*event, *id), "{line}");
            count += 1;
        }
        assert_eq!(count, 6);
    }

    #[test]
    fn the_id_is_derived_from_the_change() {
        let id = |namespace: &str, change: ImageChange| made(namespace, &[change]).id;
        let usual = id("team-a", change("node:20", Some("1"), "2", 5));
        assert_eq!(usual, id("team-a", change("docker.io/node:20", Some("1"), "2", 5)));
        for other in [
            id("team-b", change("node:20", Some("1"), "2", 5)),
            id("team-a", change("node:21", Some("1"), "2", 5)),
            id("team-a", change("node:20", Some("2"), "1", 5)),
            id("team-a", change("node:20", None, "2", 5)),
            id("team-a", change("node:20", Some("1"), "2", 6)),
        ] {
            assert_ne!(usual, other);
        }
    }
}
