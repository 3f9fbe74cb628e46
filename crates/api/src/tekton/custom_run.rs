use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::resource::namespaced_resource;

/// A CustomRun: one run of a task of a Pipeline that Tekton leaves to another controller. Tekton creates it and
/// waits for its condition `Succeeded`.
///
/// `spec` and `status` are kept as they are, so that an unreadable one breaks no watch:
/// [`CustomRunSpec`] is read from it when it is known whose it is.
///
/// Source: <https://tekton.dev/docs/pipelines/customruns/>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CustomRun {
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// The task to run, as its user wrote it.
    #[serde(default)]
    pub spec: Value,
    /// The status, written by the controller that carries it out.
    #[serde(default)]
    pub status: Value,
}

/// `spec` of a [`CustomRun`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomRunSpec {
    /// The object to run, by name. Exactly one of this and `custom_spec` is set.
    #[serde(default)]
    pub custom_ref: Option<TaskReference>,
    /// The object to run, embedded.
    #[serde(default)]
    pub custom_spec: Option<EmbeddedTask>,
    /// Everything else.
    #[serde(flatten)]
    pub common: TaskFields,
}

/// What a custom task is to run: an object in the same namespace.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskReference {
    /// Group and version.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// The name.
    #[serde(default)]
    pub name: Option<String>,
}

/// What a custom task is to run: an object that exists nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddedTask {
    /// Group and version.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// The `spec` of the object.
    #[serde(default)]
    pub spec: Value,
}

/// The fields of `spec` that a [`CustomRun`] and a [`super::Run`] have in common.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskFields {
    /// Parameters.
    #[serde(default)]
    pub params: Option<Vec<Param>>,
    /// How often a failed attempt is repeated.
    #[serde(default)]
    pub retries: Option<i64>,
    /// The service account of the pipeline; Tekton writes `default` if none is named.
    #[serde(default)]
    pub service_account_name: Option<String>,
    /// A duration as Go writes it, such as `1h30m0s`. `0s` means no limit.
    #[serde(default)]
    pub timeout: Option<String>,
    /// Volumes, each `{name, …}` with one source.
    #[serde(default)]
    pub workspaces: Option<Vec<Map<String, Value>>>,
}

/// A parameter of a custom task.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Param {
    /// The name.
    pub name: String,
    /// A string, an array of strings, or an object.
    #[serde(default)]
    pub value: Value,
}

namespaced_resource!(CustomRun, "tekton.dev", "v1beta1", "customruns");
