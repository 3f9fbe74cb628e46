use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_core::ImageSource;
use trigger_dispatch::ImageStatus;

use super::Moment;

/// Which images are wanted. Conditions that are absent let everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageQuery {
    /// Only as they stand in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Only this image, in any spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Only those of which it is not known what they stand for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failing: bool,
}

/// Images that Builds wait for, by reference and namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// How each stands.
    pub items: Vec<Image>,
    /// The replica that asks registries from time to time, if it is another than the one that answers. Then
    /// `checked`, `next` and `fault` tell of what this one has asked because something hinted at a change; the
    /// digests are known to both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Arc<str>>,
}

/// How an image stands in a namespace whose Builds wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The image, with registry and tag, such as `docker.io/library/node:20`.
    pub image: String,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The digest of what it stands for, as far as is known.
    pub digest: Option<String>,
    /// Since when, as far as is known.
    #[schemars(with = "Option<Moment>")]
    pub since: Option<Timestamp>,
    /// When its registry was last asked.
    #[schemars(with = "Option<Moment>")]
    pub checked: Option<Timestamp>,
    /// When its registry is asked next.
    #[schemars(with = "Option<Moment>")]
    pub next: Option<Timestamp>,
    /// Whether an Image object in the namespace says what it stands for. Then its registry is not asked.
    pub by_object: bool,
    /// Why it is not known what it stands for now. The digest, if there is one, is what it stood for before.
    pub fault: Option<ImageError>,
    /// The Builds in the namespace that wait for it, by name.
    pub builds: Vec<Arc<str>>,
}

/// Why it is not known what an image stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageError {
    /// The machine name of its kind, such as `unauthorized`.
    pub kind: String,
    /// In one sentence, with what to do.
    pub message: String,
}

/// Asks for the registry of an image to be asked now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageCheck {
    /// The image, in any spelling.
    pub image: String,
}

/// How an image stands after its registry was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageChecked {
    /// Whether it was asked in time for every namespace in which it is to be asked. If not (it is slow, or has had
    /// too many requests), it is asked a little later.
    pub asked: bool,
    /// How it stands, by namespace.
    pub items: Vec<Image>,
}

/// A tag that stands for another image than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageChange {
    /// The image, with registry and tag.
    pub image: String,
    /// The digest of what it stood for; absent if that was not known.
    pub from: Option<String>,
    /// The digest of what it stands for since.
    pub to: String,
    /// Who told us.
    pub source: ImageTeller,
    /// When it changed, as far as is known.
    #[schemars(with = "Moment")]
    pub since: Timestamp,
}

/// Who tells what an image stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageTeller {
    /// The registry, asked by us.
    Registry,
    /// An Image object of Shipwright.
    Image,
    /// A BuildRun that has pushed it.
    BuildRun,
}

impl From<ImageStatus> for Image {
    fn from(standing: ImageStatus) -> Self {
        let ImageStatus { namespace, image, digest, since, checked, next, by_object, fault, builds } =
            standing;
        Self {
            image: image.to_string(),
            namespace,
            digest: digest.map(|digest| digest.to_string()),
            since,
            checked,
            next,
            by_object,
            fault: fault.map(|fault| ImageError { kind: fault.kind.to_owned(), message: fault.message }),
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

impl From<ImageSource> for ImageTeller {
    fn from(source: ImageSource) -> Self {
        match source {
            ImageSource::Registry => Self::Registry,
            ImageSource::Image => Self::Image,
            ImageSource::BuildRun => Self::BuildRun,
        }
    }
}

impl From<ImageTeller> for ImageSource {
    fn from(teller: ImageTeller) -> Self {
        match teller {
            ImageTeller::Registry => Self::Registry,
            ImageTeller::Image => Self::Image,
            ImageTeller::BuildRun => Self::BuildRun,
        }
    }
}

impl Image {
    /// Whether it is known what the image stands for now.
    pub fn is_known(&self) -> bool {
        self.digest.is_some() && self.fault.is_none()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_core::{Digest, ImageRef, ObjectKey};

    use super::*;

    fn standing() -> ImageStatus {
        ImageStatus {
            namespace: "team-a".into(),
            image: ImageRef::parse("node:20").unwrap(),
            digest: Some(Digest::of(b"image")),
            since: Some(Timestamp::UNIX_EPOCH),
            checked: None,
            next: None,
            by_object: false,
            fault: None,
            builds: vec![ObjectKey::new("team-a", "api"), ObjectKey::new("team-a", "web")],
        }
    }

    #[test]
    fn a_standing_is_told_in_the_words_of_the_api() {
        let told = serde_json::to_value(Image::from(standing())).unwrap();
        let expected = json!({
            "image": "docker.io/library/node:20",
            "namespace": "team-a",
            "digest": Digest::of(b"image").as_str(),
            "since": "1970-01-01T00:00:00Z",
            "checked": null,
            "next": null,
            "byObject": false,
            "fault": null,
            "builds": ["api", "web"],
        });
        assert_eq!(told, expected);
        assert_eq!(serde_json::from_value::<Image>(told).unwrap(), Image::from(standing()));
    }

    #[test]
    fn what_is_known_is_known_now() {
        let fault = Some(trigger_dispatch::ImageError { kind: "unauthorized", message: "no".to_owned() });
        let digest = standing().digest;
        for (digest, fault, known) in [
            (digest.clone(), None, true),
            (digest, fault.clone(), false),
            (None, None, false),
            (None, fault, false),
        ] {
            assert_eq!(Image::from(ImageStatus { digest, fault, ..standing() }).is_known(), known);
        }
    }

    #[test]
    fn tellers_have_the_names_that_deliveries_are_kept_with() {
        for source in [ImageSource::Registry, ImageSource::Image, ImageSource::BuildRun] {
            let teller = ImageTeller::from(source);
            assert_eq!(serde_json::to_value(teller).unwrap(), source.name());
            assert_eq!(ImageSource::from(teller), source);
        }
    }

    #[test]
    fn a_query_is_read_as_it_is_written() {
        let query = ImageQuery { failing: true, ..ImageQuery::default() };
        assert_eq!(serde_json::to_value(&query).unwrap(), json!({"failing": true}));
        assert_eq!(serde_json::to_value(ImageQuery::default()).unwrap(), json!({}));
        assert!(serde_json::from_value::<ImageQuery>(json!({"colour": "red"})).is_err());
    }
}
