//! The Build of `shipwright.io/v1alpha1`, read from files only: SHIP-0031 is written in it.
//!
//! A cluster is never asked for this version. Fields move as the Build project's conversion moves them
//! (`docs` of Shipwright Build, "v1alpha1 to v1beta1"); what has no counterpart is kept in place.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Build, BuildSpec, Git, Source, Trigger, When};

/// Group and version, as they stand in manifests.
pub const API_VERSION: &str = "shipwright.io/v1alpha1";

/// A Build as `v1alpha1` writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct AlphaBuild {
    /// Standard object metadata.
    pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    /// What to build, from what, and when.
    #[serde(default)]
    pub spec: AlphaBuildSpec,
}

/// `spec` of an [`AlphaBuild`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlphaBuildSpec {
    /// Where the code comes from.
    #[serde(default)]
    pub source: Option<AlphaSource>,
    /// When to build.
    #[serde(default)]
    pub trigger: Option<AlphaTrigger>,
    /// The image to make; its credentials are named another way.
    #[serde(default)]
    pub output: Option<Map<String, Value>>,
    /// The image of the build tool; a parameter of the strategy since.
    #[serde(default)]
    pub builder: Option<NamedImage>,
    /// The path of the Dockerfile; a parameter of the strategy since.
    #[serde(default)]
    pub dockerfile: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `spec.source` of an [`AlphaBuild`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlphaSource {
    /// The address of the repository.
    #[serde(default)]
    pub url: Option<String>,
    /// Branch, tag or commit.
    #[serde(default)]
    pub revision: Option<String>,
    /// The Secret with the credentials for cloning.
    #[serde(default)]
    pub credentials: Option<LocalReference>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `spec.trigger` of an [`AlphaBuild`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlphaTrigger {
    /// The Secret whose key verifies webhook deliveries.
    #[serde(default)]
    pub secret_ref: Option<LocalReference>,
    /// The rules; the same in both versions.
    #[serde(default)]
    pub when: Vec<When>,
}

/// An object in the same namespace, by name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct LocalReference {
    /// The name.
    pub name: String,
}

/// `spec.builder` of an [`AlphaBuild`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct NamedImage {
    /// The image reference.
    pub image: String,
}

impl From<AlphaBuild> for Build {
    fn from(alpha: AlphaBuild) -> Self {
        let AlphaBuildSpec { source, trigger, output, builder, dockerfile, mut other } = alpha.spec;
        if let Some(mut output) = output {
            if let Some(credentials) = output.remove("credentials") {
                output.insert("pushSecret".to_owned(), credentials.get("name").cloned().unwrap_or_default());
            }
            other.insert("output".to_owned(), Value::Object(output));
        }
        let moved = [("dockerfile", dockerfile), ("builder-image", builder.map(|builder| builder.image))];
        for (name, value) in moved {
            let Some(value) = value else { continue };
            let parameters = other.entry("paramValues").or_insert_with(|| json!([]));
            if let Value::Array(parameters) = parameters {
                parameters.push(json!({"name": name, "value": value}));
            }
        }
        let trigger = trigger.map(|trigger| Trigger {
            trigger_secret: trigger.secret_ref.map(|secret| secret.name),
            when: trigger.when,
        });
        let spec = BuildSpec { source: source.map(Source::from), trigger, other };
        Self { metadata: alpha.metadata, spec, status: None }
    }
}

impl From<AlphaSource> for Source {
    fn from(alpha: AlphaSource) -> Self {
        let git = alpha.url.map(|url| Git {
            url,
            revision: alpha.revision,
            clone_secret: alpha.credentials.map(|secret| secret.name),
            other: Map::new(),
        });
        Self { kind: git.as_ref().map(|_| "Git".to_owned()), git, other: alpha.other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_ship_0031_is_understood() {
        let alpha: AlphaBuild = serde_json::from_value(json!({
            "apiVersion": API_VERSION,
            "kind": "Build",
            "metadata": {"name": "nodejs-ex"},
            "spec": {
                "source": {
                    "url": "https://git.example/otaviof/nodejs-ex.git",
                    "credentials": {"name": "webhook-secret"},
                    "contextDir": "src",
                },
                "dockerfile": "Dockerfile.prod",
                "output": {"image": "registry.example/x", "credentials": {"name": "push"}},
                "trigger": {"secretRef": {"name": "hook"}, "when": [
                    {"name": "push", "type": "GitHub", "github": {"events": ["Push", "PullRequest"], "branches": ["main"]}},
                    {"name": "base", "type": "Image", "image": {"names": ["ghcr.io/some/base-image:latest"]}},
                ]},
            },
        }))
        .unwrap();
        let build = Build::from(alpha);
        let spec = serde_json::to_value(&build.spec).unwrap();
        assert_eq!(
            spec["source"],
            json!({
                "type": "Git", "contextDir": "src",
                "git": {"url": "https://git.example/otaviof/nodejs-ex.git", "cloneSecret": "webhook-secret"},
            })
        );
        assert_eq!(spec["output"], json!({"image": "registry.example/x", "pushSecret": "push"}));
        assert_eq!(spec["paramValues"], json!([{"name": "dockerfile", "value": "Dockerfile.prod"}]));
        assert_eq!(spec["trigger"]["triggerSecret"], "hook");
        assert_eq!(build.spec.trigger.map(|trigger| trigger.when.len()), Some(2));
    }
}
