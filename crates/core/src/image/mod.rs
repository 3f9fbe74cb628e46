//! Images in registries: what they are called, what they are, and that they change.

mod digest;
mod reference;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use digest::{Digest, InvalidDigest};
pub use reference::{ImageRef, ImageRefError};

/// Tags of images that stand for other images now, seen in one namespace at about the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEvent {
    /// For whose Builds it was seen.
    pub namespace: Arc<str>,
    /// What has changed, in the order of the references, each once; at least one.
    pub changes: Vec<ImageChange>,
}

/// A tag stands for another image than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChange {
    /// The tag.
    pub image: ImageRef,
    /// What it stood for; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Digest>,
    /// What it stands for now.
    pub to: Digest,
    /// Who told us.
    pub source: ImageSource,
    /// When it happened, as far as is known: when we saw it, or when the BuildRun ended that pushed it.
    pub since: Timestamp,
}

/// Who tells what a tag stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// The registry, asked by us.
    Registry,
    /// An Image object of Shipwright.
    Image,
    /// A BuildRun that has pushed it.
    BuildRun,
}

/// A registry's word that a tag may have changed. It is trusted for nothing but that it is worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushHint {
    /// The registry, where the notification names it in a way that can be relied on.
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
    /// Whether the cue may be about `image`.
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
    fn a_cue_is_about_what_it_names() {
        let cue = |registry: Option<&str>, repository: &str, tag: Option<&str>| PushHint {
            registry: registry.map(ToOwned::to_owned),
            repository: repository.to_owned(),
            tag: tag.map(ToOwned::to_owned),
        };
        let image = ImageRef::parse("node:20").unwrap();
        for (cue, concerns) in [
            (cue(Some("docker.io"), "library/node", Some("20")), true),
            (cue(Some("index.docker.io"), "node", Some("20")), true),
            (cue(Some("docker.io"), "library/node", None), true),
            (cue(None, "library/node", Some("20")), true),
            (cue(None, "node", Some("20")), false),
            (cue(Some("quay.io"), "library/node", Some("20")), false),
            (cue(Some("docker.io"), "library/node", Some("21")), false),
            (cue(Some("no host"), "library/node", None), false),
        ] {
            assert_eq!(cue.concerns(&image), concerns, "{cue:?}");
        }
    }
}
