use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::BuildSpec;
use crate::resource::namespaced_resource;

/// A BuildRun: one run of a Build. We create it; the Build controller carries it out.
///
/// Source: <https://shipwright.io/docs/build/buildrun/>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildRun {
    /// Standard object metadata. The name must be a legal label value: at most 63 characters.
    pub metadata: ObjectMeta,
    /// What to run.
    #[serde(default)]
    pub spec: BuildRunSpec,
    /// How it goes. Kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

/// `spec` of a [`BuildRun`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildRunSpec {
    /// The Build, by name or embedded.
    #[serde(default)]
    pub build: BuildReference,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `spec.build` of a [`BuildRun`]: exactly one of the two fields is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildReference {
    /// The name of a Build in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The whole spec, for a run that differs from its Build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<BuildSpec>>,
}

namespaced_resource!(BuildRun, "shipwright.io", "v1beta1", "buildruns");
