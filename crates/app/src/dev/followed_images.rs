//! The images that the Builds of the manifests wait for.

use std::collections::BTreeMap;

use serde_json::Value;
use trigger_api::shipwright::Build;
use trigger_core::{Digest, ImageRef, ObjectKey};

use super::registry::Registry;

/// An image and a Build that waits for it.
pub(super) struct FollowedImage {
    pub(super) image: ImageRef,
    pub(super) build: ObjectKey,
    /// The image that the Build itself pushes.
    pub(super) output: Option<ImageRef>,
}

impl FollowedImage {
    /// The images that a Build waits for.
    pub(super) fn of(build: &Build) -> Vec<Self> {
        let rules = build.spec.trigger.iter().flat_map(|trigger| &trigger.when);
        let images = rules.filter(|rule| rule.kind == "Image").filter_map(|rule| rule.image.as_ref());
        let names = images.flat_map(|image| &image.names);
        let key = ObjectKey::new(
            build.metadata.namespace.as_deref().unwrap_or_default(),
            build.metadata.name.as_deref().unwrap_or_default(),
        );
        let output = build.output_image().and_then(|image| ImageRef::parse(image).ok());
        let followed = |name: &String| {
            let image = ImageRef::parse(name).ok()?;
            Some(Self { image, build: key.clone(), output: output.clone() })
        };
        names.filter_map(followed).collect()
    }

    /// Whether this Build waits for the image that the other one pushes.
    pub(super) fn comes_after(&self, other: &Self) -> bool {
        Some(&self.image) == other.output.as_ref() && self.build.namespace == other.build.namespace
    }
}

/// Pushes a first version of every followed image of the registry, so that a later push is a change. Returns the
/// digests.
pub(super) async fn push_first_versions(
    registry: &Registry,
    objects: &[Value],
) -> anyhow::Result<BTreeMap<ImageRef, Digest>> {
    let mut digests = BTreeMap::new();
    for object in objects.iter().filter(|object| object["kind"] == "Build") {
        for FollowedImage { image, .. } in FollowedImage::of(&serde_json::from_value(object.clone())?) {
            if image.registry() == registry.host() && !digests.contains_key(&image) {
                let digest = registry.push(&image, "the first version").await?;
                digests.insert(image, digest);
            }
        }
    }
    Ok(digests)
}
