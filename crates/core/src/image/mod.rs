//! Images in registries: references, digests, and changes of digests.

mod digest;
mod reference;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use digest::{Digest, InvalidDigest};
pub use reference::{ImageRef, ImageRefError};

/// Images whose digests changed, observed for one namespace at about the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEvent {
    /// The namespace whose Builds watch them.
    pub namespace: Arc<str>,
    /// The changes, ordered by reference, one per image; at least one.
    pub changes: Vec<ImageChange>,
}

/// A tag has another digest than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChange {
    /// The tag.
    pub image: ImageRef,
    /// The earlier digest; absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// The digest now.
    pub to: Digest,
    /// The source that reported it.
    pub source: ImageSource,
    /// When it changed, as far as is known: when we observed it, or when the BuildRun that pushed it ended.
    pub since: Timestamp,
}

/// A source that reports the digest of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// The registry, which we poll.
    Registry,
    /// An Image object of Shipwright.
    Image,
    /// A BuildRun that pushed it.
    BuildRun,
}

/// A registry's notification that a tag may have changed. Never trusted: it only makes us ask the registry sooner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushHint {
    /// The registry, where the notification names it reliably.
    pub registry: Option<String>,
    /// The name in the registry.
    pub repository: String,
    /// The tag, where the notification names one.
    pub tag: Option<String>,
}

impl ImageSource {
    /// The machine name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Image => "image",
            Self::BuildRun => "build-run",
        }
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registry => "the registry",
            Self::Image => "an Image object",
            Self::BuildRun => "a BuildRun",
        })
    }
}

impl PushHint {
    /// Whether the hint may be about `image`.
    pub fn concerns(&self, image: &ImageRef) -> bool {
        let registry = self.registry.as_deref();
        registry.is_none_or(|registry| {
            ImageRef::of(registry, &self.repository, image.tag()).is_ok_and(|named| named == *image)
        }) && (registry.is_some() || self.repository == image.repository())
            && self.tag.as_deref().is_none_or(|tag| tag == image.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_concerns_the_images_that_it_names() {
        let hint = |registry: Option<&str>, repository: &str, tag: Option<&str>| PushHint {
            registry: registry.map(ToOwned::to_owned),
            repository: repository.to_owned(),
            tag: tag.map(ToOwned::to_owned),
        };
        let image = ImageRef::parse("node:20").unwrap();
        for (hint, concerns) in [
            (hint(Some("docker.io"), "library/node", Some("20")), true),
            (hint(Some("index.docker.io"), "node", Some("20")), true),
            (hint(Some("docker.io"), "library/node", None), true),
            (hint(None, "library/node", Some("20")), true),
            (hint(None, "node", Some("20")), false),
            (hint(Some("quay.io"), "library/node", Some("20")), false),
            (hint(Some("docker.io"), "library/node", Some("21")), false),
            (hint(Some("no host"), "library/node", None), false),
        ] {
            assert_eq!(hint.concerns(&image), concerns, "{hint:?}");
        }
    }
}
