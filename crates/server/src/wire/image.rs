use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_images::ImageStatus;

use super::DateTime;

/// Selects images. All given conditions must hold; an absent condition always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageQuery {
    /// Only images in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Only this image, in any spelling of its reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Only images whose current digest is unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failing: bool,
}

/// The images that Builds have rules for, sorted by reference and namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The images.
    pub items: Vec<Image>,
    /// The replica that polls the registries, if it is not the one that answers. Then `checked`, `next` and
    /// `error` cover only the digests that this replica resolved itself, after a push or a request. All replicas
    /// share the digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_by: Option<Arc<str>>,
}

/// An image in a namespace whose Builds have rules for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The reference with registry and tag, such as `docker.io/library/node:20`.
    pub image: String,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The digest that the tag points to, if known.
    pub digest: Option<String>,
    /// Since when the tag points to that digest, if known.
    #[schemars(with = "Option<DateTime>")]
    pub since: Option<Timestamp>,
    /// When the tag was last resolved at its registry.
    #[schemars(with = "Option<DateTime>")]
    pub checked: Option<Timestamp>,
    /// When the tag is resolved next.
    #[schemars(with = "Option<DateTime>")]
    pub next: Option<Timestamp>,
    /// Whether an Image object in the namespace provides the digest. Then the registry is not polled.
    pub by_object: bool,
    /// Why the current digest is unknown. `digest` is then the last known one.
    pub error: Option<ImageError>,
    /// The names of the Builds in the namespace with rules for the image.
    pub builds: Vec<Arc<str>>,
}

/// Why the current digest of an image is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageError {
    /// The machine name, such as `unauthorized`.
    pub kind: String,
    /// The error and its remedy, in a sentence.
    pub message: String,
}

/// A request to resolve a tag at its registry now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageCheckRequest {
    /// The image, in any spelling of its reference.
    pub image: String,
}

/// The outcome of resolving a tag now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageCheckOutcome {
    /// Whether the tag was resolved, or failed to resolve, for every namespace. If not, the registry is slow or
    /// rate limited, and the request continues in the background.
    pub complete: bool,
    /// The image, one item per namespace.
    pub items: Vec<Image>,
}

/// A tag that points to another digest than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageChange {
    /// The reference with registry and tag.
    pub image: String,
    /// The digest before; absent if unknown.
    pub from: Option<String>,
    /// The digest since the change.
    pub to: String,
    /// The source of the new digest.
    pub source: ImageSource,
    /// When the tag changed, as far as is known.
    #[schemars(with = "DateTime")]
    pub since: Timestamp,
}

/// The source of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// The registry.
    Registry,
    /// An Image object of Shipwright.
    Image,
    /// A BuildRun that pushed the image.
    BuildRun,
}

impl From<ImageStatus> for Image {
    fn from(status: ImageStatus) -> Self {
        let ImageStatus { namespace, image, digest, since, checked, next, by_object, error, builds } = status;
        Self {
            image: image.to_string(),
            namespace,
            digest: digest.map(|digest| digest.to_string()),
            since,
            checked,
            next,
            by_object,
            error: error.map(|error| ImageError { kind: error.kind.to_owned(), message: error.message }),
            builds: builds.into_iter().map(|build| build.name).collect(),
        }
    }
}

impl From<&trigger_core::ImageChange> for ImageChange {
    fn from(change: &trigger_core::ImageChange) -> Self {
        Self {
            image: change.image.to_string(),
            from: change.from.as_ref().map(ToString::to_string),
            to: change.to.to_string(),
            source: change.source.into(),
            since: change.since,
        }
    }
}

impl From<trigger_core::ImageSource> for ImageSource {
    fn from(source: trigger_core::ImageSource) -> Self {
        use trigger_core::ImageSource as Observed;
        match source {
            Observed::Registry => Self::Registry,
            Observed::Image => Self::Image,
            Observed::BuildRun => Self::BuildRun,
        }
    }
}

impl From<ImageSource> for trigger_core::ImageSource {
    fn from(source: ImageSource) -> Self {
        match source {
            ImageSource::Registry => Self::Registry,
            ImageSource::Image => Self::Image,
            ImageSource::BuildRun => Self::BuildRun,
        }
    }
}

impl Image {
    /// Whether the current digest is known.
    pub fn is_known(&self) -> bool {
        self.digest.is_some() && self.error.is_none()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_core::{Digest, ImageRef, ObjectKey};

    use super::*;

    fn status() -> ImageStatus {
        ImageStatus {
            namespace: "team-a".into(),
            image: ImageRef::parse("node:20").unwrap(),
            digest: Some(Digest::of(b"image")),
            since: Some(Timestamp::UNIX_EPOCH),
            checked: None,
            next: None,
            by_object: false,
            error: None,
            builds: vec![ObjectKey::new("team-a", "api"), ObjectKey::new("team-a", "web")],
        }
    }

    #[test]
    fn an_image_is_written_with_the_field_names_of_the_api() {
        let written = serde_json::to_value(Image::from(status())).unwrap();
        let expected = json!({
            "image": "docker.io/library/node:20",
            "namespace": "team-a",
            "digest": Digest::of(b"image").as_str(),
            "since": "1970-01-01T00:00:00Z",
            "checked": null,
            "next": null,
            "byObject": false,
            "error": null,
            "builds": ["api", "web"],
        });
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Image>(written).unwrap(), Image::from(status()));
    }

    #[test]
    fn a_digest_with_an_error_is_not_the_current_one() {
        let error = || Some(ImageError { kind: "unauthorized".to_owned(), message: "no".to_owned() });
        let digest = Image::from(status()).digest;
        for (digest, error, known) in [
            (digest.clone(), None, true),
            (digest, error(), false),
            (None, None, false),
            (None, error(), false),
        ] {
            assert_eq!(Image { digest, error, ..Image::from(status()) }.is_known(), known);
        }
    }

    #[test]
    fn sources_are_written_with_the_names_that_the_journal_stores() {
        use trigger_core::ImageSource as Observed;
        for observed in [Observed::Registry, Observed::Image, Observed::BuildRun] {
            let source = ImageSource::from(observed);
            assert_eq!(serde_json::to_value(source).unwrap(), observed.name());
            assert_eq!(Observed::from(source), observed);
        }
    }

    #[test]
    fn a_query_omits_absent_conditions_and_rejects_unknown_ones() {
        let query = ImageQuery { failing: true, ..ImageQuery::default() };
        assert_eq!(serde_json::to_value(&query).unwrap(), json!({"failing": true}));
        assert_eq!(serde_json::to_value(ImageQuery::default()).unwrap(), json!({}));
        assert!(serde_json::from_value::<ImageQuery>(json!({"colour": "red"})).is_err());
    }
}
