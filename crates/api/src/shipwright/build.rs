use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Trigger;
use crate::resource::namespaced_resource;

/// A Build: how to make a container image from a source. Owned by the Build project; we read it.
///
/// Source: <https://shipwright.io/docs/build/build/>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// What to build, from what, and when.
    #[serde(default)]
    pub spec: BuildSpec,
    /// What the Build controller says about it. Kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

/// `spec` of a [`Build`]. Fields without a meaning to us are kept in `other`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildSpec {
    /// Where the code comes from. A Build may have no source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// When to build (SHIP-0031).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `spec.source` of a [`Build`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `Git`, `OCI` or `Local`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The repository, for `Git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `spec.source.git` of a [`Build`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Git {
    /// The address of the repository, in any spelling that Git understands.
    #[serde(default)]
    pub url: String,
    /// Branch, tag or commit to check out; the repository's default branch if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The Secret with the credentials for cloning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_secret: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Build {
    /// The Git source, if the Build has one with an address.
    pub fn git(&self) -> Option<&Git> {
        self.spec.source.as_ref()?.git.as_ref().filter(|git| !git.url.is_empty())
    }

    /// The image that it pushes.
    pub fn output_image(&self) -> Option<&str> {
        self.spec.text(&["output", "image"])
    }

    /// Whether its runs are deleted with it.
    pub fn deletes_runs(&self) -> bool {
        self.retention("atBuildDeletion").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether only some of its runs are kept.
    pub fn limits_runs(&self) -> bool {
        ["succeededLimit", "failedLimit"].iter().any(|limit| self.retention(limit).is_some())
    }

    fn retention(&self, field: &str) -> Option<&Value> {
        self.spec.other.get("retention")?.get(field)
    }

    /// The Secret with the credentials for pushing.
    pub fn push_secret(&self) -> Option<&str> {
        self.spec.text(&["output", "pushSecret"])
    }

    /// The Secret with the credentials for pulling its source, if that is an image.
    pub fn pull_secret(&self) -> Option<&str> {
        let source = self.spec.source.as_ref()?.other.get("ociArtifact")?;
        source.get("pullSecret")?.as_str().filter(|name| !name.is_empty())
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

impl BuildSpec {
    /// A text among the other fields.
    fn text(&self, path: &[&str; 2]) -> Option<&str> {
        self.other.get(path[0])?.get(path[1])?.as_str().filter(|text| !text.is_empty())
    }

    /// The spec as a run may embed it: without `trigger` (the Build controller refuses it there) and
    /// without `retention.atBuildDeletion` (there is no Build that could own the run).
    #[must_use]
    pub fn embeddable(mut self) -> Self {
        self.trigger = None;
        if let Some(Value::Object(retention)) = self.other.get_mut("retention") {
            retention.remove("atBuildDeletion");
            if retention.is_empty() {
                self.other.remove("retention");
            }
        }
        self
    }
}

namespaced_resource!(Build, "shipwright.io", "v1beta1", "builds");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_unknown_is_lost() {
        let spec = json!({
            "source": {
                "type": "Git",
                "contextDir": "docker",
                "git": {"url": "https://github.com/acme/web", "depth": 3, "cloneSecret": "clone"},
            },
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah", "unheard": [1, {"of": null}]},
            "output": {"image": "registry.example/acme/web", "insecure": true},
            "retention": {"succeededLimit": 3, "atBuildDeletion": true},
            "trigger": {"triggerSecret": "hook", "when": [{
                "name": "push", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]},
            }]},
        });
        let parsed: BuildSpec = serde_json::from_value(spec.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), spec);

        let mut embedded = spec;
        embedded.as_object_mut().unwrap().remove("trigger");
        embedded["retention"] = json!({"succeededLimit": 3});
        assert_eq!(serde_json::to_value(parsed.embeddable()).unwrap(), embedded);
    }
}
