use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ListableResource, Metadata, NamespaceResourceScope, Resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EmbeddedTask, GROUP, TaskFields, TaskReference};

/// A Run: what a [`super::CustomRun`] was called until Tekton v0.46. Some clusters still serve it.
///
/// Source: <https://tekton.dev/docs/pipelines/migrating-v1alpha1.run-to-v1beta1.customrun/>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// What is to be run.
    #[serde(default)]
    pub spec: Value,
    /// How it goes. Written by whoever carries it out.
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

impl Resource for Run {
    const API_VERSION: &'static str = "tekton.dev/v1alpha1";
    const GROUP: &'static str = GROUP;
    const KIND: &'static str = "Run";
    const VERSION: &'static str = "v1alpha1";
    const URL_PATH_SEGMENT: &'static str = "runs";
    type Scope = NamespaceResourceScope;
}

impl ListableResource for Run {
    const LIST_KIND: &'static str = "RunList";
}

impl Metadata for Run {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
