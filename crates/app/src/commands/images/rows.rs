//! Table rows of images.

use jiff::Timestamp;
use trigger_core::Digest;
use trigger_server::wire::Image;

use crate::admin_client::{Cell, Column, Width, age, rfc3339};

/// The columns of [`image`].
pub(super) const IMAGE_COLUMNS: &[Column] = &[
    Column::of("IMAGE"),
    Column::of("NAMESPACE"),
    Column::of("DIGEST"),
    Column::of("SINCE"),
    Column::of("CHECKED"),
    Column::of("NEXT"),
    Column::of("BUILDS"),
    Column::of("ERROR"),
];

/// An image as a row.
pub(super) fn image(item: &Image, width: Width) -> Vec<Cell> {
    let is_wide = width == Width::Wide;
    let time = |time: Timestamp| if is_wide { rfc3339(time) } else { relative(time) };
    let digest = item.digest.as_deref().map(|digest| if is_wide { digest.to_owned() } else { short(digest) });
    let checked = match item.checked {
        _ if item.by_object => Some("by Image object".to_owned()),
        checked => checked.map(time),
    };
    let builds = if is_wide { item.builds.join(", ") } else { item.builds.len().to_string() };
    vec![
        Cell::plain(&item.image),
        Cell::plain(item.namespace.as_ref()),
        Cell::or_dash(digest),
        Cell::or_dash(item.since.map(time)),
        Cell::or_dash(checked),
        Cell::or_dash(item.next.map(time)),
        Cell::plain(builds),
        item.error.as_ref().map_or_else(|| Cell::or_dash(None::<String>), |error| Cell::bad(&error.message)),
    ]
}

/// The status of an image, in a line.
pub(super) fn status(item: &Image) -> String {
    let since = item.since.map(|since| format!(" since {}", relative(since))).unwrap_or_default();
    let digest = item.digest.as_deref().map(|digest| format!("{digest}{since}"));
    let status = match (digest, &item.error) {
        (Some(digest), None) => digest,
        (Some(digest), Some(error)) => format!("cannot be resolved: {}; last known: {digest}", error.message),
        (None, Some(error)) => format!("cannot be resolved: {}", error.message),
        (None, None) if item.by_object => "unresolved: its Image object has not imported it yet".to_owned(),
        (None, None) => "not resolved yet".to_owned(),
    };
    match item.checked {
        _ if item.by_object => format!("{status} (from an Image object; the registry is not polled)"),
        Some(checked) => format!("{status} (registry checked {})", relative(checked)),
        None => format!("{status} (registry not checked yet)"),
    }
}

/// The short form of a digest.
fn short(digest: &str) -> String {
    Digest::parse(digest).map_or_else(|_| digest.to_owned(), |digest| digest.short().to_owned())
}

/// A time relative to now, such as `3h ago` or `in 4m`.
fn relative(time: Timestamp) -> String {
    let seconds = time.duration_since(Timestamp::now()).as_secs();
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {}", age(time)),
        _ => format!("{} ago", age(time)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trigger_server::wire::ImageError;

    use super::*;

    fn item() -> Image {
        let now = Timestamp::now();
        Image {
            image: "docker.io/library/node:20".to_owned(),
            namespace: "team-a".into(),
            digest: Some(Digest::of(b"image").to_string()),
            since: Some(now - Duration::from_hours(3)),
            checked: Some(now - Duration::from_secs(30)),
            next: Some(now + Duration::from_secs(270)),
            by_object: false,
            error: None,
            builds: vec!["api".into(), "web".into()],
        }
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        for width in [Width::Usual, Width::Wide] {
            assert_eq!(image(&item(), width).len(), IMAGE_COLUMNS.len());
        }
        let text =
            |item: &Image| image(item, Width::Usual).iter().map(|cell| cell.text().to_owned()).collect();
        let row: Vec<String> = text(&item());
        let digest = Digest::of(b"image");
        assert_eq!(
            row,
            ["docker.io/library/node:20", "team-a", digest.short(), "3h ago", "30s ago", "in 4m", "2", "-"]
        );
        let by_object = Image { by_object: true, checked: None, next: None, ..item() };
        let row: Vec<String> = text(&by_object);
        assert_eq!(row[4..6], ["by Image object", "-"]);
    }

    #[test]
    fn a_status_is_one_line() {
        let digest = Digest::of(b"image");
        let error =
            || Some(ImageError { kind: "unauthorized".to_owned(), message: "give a Secret".to_owned() });
        let unknown = || Image { digest: None, since: None, checked: None, ..item() };
        for (item, expected) in [
            (item(), format!("{digest} since 3h ago (registry checked 30s ago)")),
            (
                Image { error: error(), ..item() },
                format!(
                    "cannot be resolved: give a Secret; last known: {digest} since 3h ago (registry checked 30s ago)"
                ),
            ),
            (
                Image { error: error(), checked: item().checked, ..unknown() },
                "cannot be resolved: give a Secret (registry checked 30s ago)".to_owned(),
            ),
            (unknown(), "not resolved yet (registry not checked yet)".to_owned()),
            (
                Image { by_object: true, checked: None, ..item() },
                format!("{digest} since 3h ago (from an Image object; the registry is not polled)"),
            ),
        ] {
            assert_eq!(status(&item), expected);
        }
        assert!(status(&Image { by_object: true, ..unknown() }).starts_with("unresolved: its Image object"));
    }
}
