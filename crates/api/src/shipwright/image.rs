//! Image objects. Beside [`super::Image`], which is a part of a rule.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trigger_core::{Digest, ImageRef, ImageRefError};

use crate::resource::namespaced_resource;

/// An Image: a tag, and the digest it had at each import.
///
/// A cluster may serve the group and version without this kind, which has a project of its own.
///
/// Source: <https://github.com/shipwright-io/image>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// What is imported.
    #[serde(default)]
    pub spec: ImageSpec,
    /// What was imported, newest first. Kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

/// `spec` of an [`Image`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageSpec {
    /// The tag.
    #[serde(default)]
    pub source: String,
    /// Every other field.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

impl Image {
    /// The tag that it is about.
    pub fn source(&self) -> Result<ImageRef, ImageRefError> {
        ImageRef::parse(&self.spec.source)
    }

    /// What the tag stood for when it was last imported.
    ///
    /// That is the digest of the newest of `status.hashReferences`. Its registry says nothing: it is that of a
    /// mirror, if there is one. An import of what `spec.source` was before does not count.
    pub fn digest(&self) -> Option<Digest> {
        let newest = self.status.as_ref()?.get("hashReferences")?.get(0)?;
        let imported = newest.get("source").and_then(Value::as_str).unwrap_or(&self.spec.source);
        if ImageRef::parse(imported).ok()? != self.source().ok()? {
            return None;
        }
        let (_, digest) = newest.get("imageReference")?.as_str()?.rsplit_once('@')?;
        Digest::parse(digest).ok()
    }
}

namespaced_resource!(Image, "shipwright.io", "v1beta1", "images");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(status: &Value) -> Image {
        let object = json!({
            "metadata": {"name": "base"},
            "spec": {"source": "ghcr.io/some/base-image", "mirror": true},
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn the_newest_import_of_the_source_counts() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let import = |source: &str, registry: &str, digest: &Digest| {
            json!({
                "source": source,
                "importedAt": "2026-01-02T03:04:05Z",
                "imageReference": format!("{registry}/base@{digest}"),
            })
        };
        let source = "ghcr.io/some/base-image:latest";
        let list = |imports: &[Value]| image(&json!({"hashReferences": imports})).digest();
        assert_eq!(
            list(&[import(source, "mirror:5000", &new), import(source, "ghcr.io/some", &old)]),
            Some(new)
        );
        assert_eq!(list(&[import("ghcr.io/some/other", "ghcr.io", &old)]), None);
        assert_eq!(list(&[]), None);
        for broken in [json!(null), json!({"hashReferences": [{"imageReference": "ghcr.io/base:latest"}]})] {
            assert_eq!(image(&broken).digest(), None);
        }
    }
}
