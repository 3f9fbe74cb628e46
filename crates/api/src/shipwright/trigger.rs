use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `spec.trigger` of a Build (SHIP-0031): when to build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// The Secret in the Build's namespace whose key verifies webhook deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_secret: Option<String>,
    /// The rules. A trigger without any is as good as none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<When>,
}

/// One rule, as it stands in a Build: not checked yet. The kind of trigger checks its own stanza.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct When {
    /// What the rule is for, in the author's words. Names may repeat within a Build.
    #[serde(default)]
    pub name: String,
    /// `GitHub`, `Image` or `Pipeline`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// For type `GitHub`.
    #[serde(default, rename = "github", skip_serializing_if = "Option::is_none")]
    pub github: Option<GitHub>,
    /// For type `Image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// For type `Pipeline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<ObjectRef>,
}

/// `when[].github`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitHub {
    /// `Push`, `PullRequest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The branches; if there are none, the Build's revision counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
}

/// `when[].image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Image references to watch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// `when[].objectRef`: which PipelineRuns, in which status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The name of the Pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The statuses at which to build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// Labels that a PipelineRun must carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
}
