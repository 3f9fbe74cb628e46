use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EmbeddedTask, TaskFields, TaskReference};
use crate::resource::namespaced_resource;

/// A Run: what a [`super::CustomRun`] was called until Tekton v0.46. Some clusters still serve it.
///
/// Source: <https://tekton.dev/docs/pipelines/migrating-v1alpha1.run-to-v1beta1.customrun/>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// The task to run, as its user wrote it.
    #[serde(default)]
    pub spec: Value,
    /// The status, written by the controller that carries it out.
    #[serde(default)]
    pub status: Value,
}

/// `spec` of a [`Run`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunSpec {
    /// The object to run, by name. Exactly one of this and `spec` is set.
    #[serde(default, rename = "ref")]
    pub reference: Option<TaskReference>,
    /// The object to run, embedded.
    #[serde(default)]
    pub spec: Option<EmbeddedTask>,
    /// Everything else.
    #[serde(flatten)]
    pub common: TaskFields,
}

namespaced_resource!(Run, "tekton.dev", "v1alpha1", "runs");
