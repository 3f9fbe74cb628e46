//! Images, a line each.

use jiff::Timestamp;
use trigger_core::Digest;
use trigger_server::wire::Image;

use crate::admin_client::{Cell, Column, Width, age, whole_seconds};

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
    let moment = |moment: Timestamp| if is_wide { whole_seconds(moment) } else { around(moment) };
    let digest = item.digest.as_deref().map(|digest| if is_wide { digest.to_owned() } else { short(digest) });
    let checked = match item.checked {
        _ if item.by_object => Some("by Image object".to_owned()),
        checked => checked.map(moment),
    };
    let builds = if is_wide { item.builds.join(", ") } else { item.builds.len().to_string() };
    vec![
        Cell::plain(&item.image),
        Cell::plain(item.namespace.as_ref()),
        Cell::or_dash(digest),
        Cell::or_dash(item.since.map(moment)),
        Cell::or_dash(checked),
        Cell::or_dash(item.next.map(moment)),
        Cell::plain(builds),
        item.error.as_ref().map_or_else(|| Cell::or_dash(None::<String>), |error| Cell::bad(&error.message)),
    ]
}

/// How an image stands, in a line.
pub(super) fn standing(item: &Image) -> String {
    let since = item.since.map(|since| format!(" since {}", around(since))).unwrap_or_default();
    let known = item.digest.as_deref().map(|digest| format!("{digest}{since}"));
    let stands = match (known, &item.error) {
        (Some(known), None) => known,
        (Some(known), Some(error)) => format!("not known now: {}; it was {known}", error.message),
        (None, Some(error)) => format!("not known: {}", error.message),
        (None, None) if item.by_object => "not known: its Image object has not imported it yet".to_owned(),
        (None, None) => "not known yet".to_owned(),
    };
    match item.checked {
        _ if item.by_object => format!("{stands} (an Image object says so; the registry is not asked)"),
        Some(checked) => format!("{stands} (the registry was asked {})", around(checked)),
        None => format!("{stands} (the registry was not asked yet)"),
    }
}

/// The beginning of a digest, if it is one.
fn short(digest: &str) -> String {
    Digest::parse(digest).map_or_else(|_| digest.to_owned(), |digest| digest.short().to_owned())
}

/// When a moment is, seen from now.
fn around(moment: Timestamp) -> String {
    let seconds = moment.duration_since(Timestamp::now()).as_secs();
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {}", age(moment)),
        _ => format!("{} ago", age(moment)),
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
    fn a_standing_is_one_line() {
        let digest = Digest::of(b"image");
        let error =
            || Some(ImageError { kind: "unauthorized".to_owned(), message: "give a Secret".to_owned() });
        let unknown = || Image { digest: None, since: None, checked: None, ..item() };
        for (item, expected) in [
            (item(), format!("{digest} since 3h ago (the registry was asked 30s ago)")),
            (
                Image { error: error(), ..item() },
                format!(
                    "not known now: give a Secret; it was {digest} since 3h ago (the registry was asked 30s ago)"
                ),
            ),
            (
                Image { error: error(), checked: item().checked, ..unknown() },
                "not known: give a Secret (the registry was asked 30s ago)".to_owned(),
            ),
            (unknown(), "not known yet (the registry was not asked yet)".to_owned()),
            (
                Image { by_object: true, checked: None, ..item() },
                format!("{digest} since 3h ago (an Image object says so; the registry is not asked)"),
            ),
        ] {
            assert_eq!(standing(&item), expected);
        }
        assert!(standing(&Image { by_object: true, ..unknown() }).starts_with("not known: its Image object"));
    }
}
