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

/// One rule, as it stands in a Build: not checked yet, see [`When::condition`].
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

/// What a rule waits for: a [`When`] that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Something happens in the Build's repository.
    GitHub(GitHubCondition),
    /// One of these images changes.
    Image(Vec<String>),
    /// A PipelineRun reaches a status.
    Pipeline(PipelineCondition),
}

impl Condition {
    /// The condition of a rule about the Build's Git repository.
    pub fn into_git(self) -> Option<GitHubCondition> {
        match self {
            Self::GitHub(condition) => Some(condition),
            Self::Image(_) | Self::Pipeline(_) => None,
        }
    }
}

/// What a rule of type `GitHub` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubCondition {
    /// The names of the events; at least one.
    pub events: Vec<String>,
    /// The branches; may be empty.
    pub branches: Vec<String>,
}

/// What a rule of type `Pipeline` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineCondition {
    /// Which PipelineRuns.
    pub pipeline: PipelineSelector,
    /// The statuses; at least one.
    pub status: Vec<String>,
}

/// Which PipelineRuns a rule of type `Pipeline` looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipelineSelector {
    /// Those of the Pipeline with this name.
    Name(String),
    /// Those that carry all these labels; at least one.
    Labels(BTreeMap<String, String>),
}

/// Why a rule makes no sense. The cases and reasons are those of the Build controller, which refuses
/// to register such a Build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// The name is empty.
    #[error("name is not set")]
    NameBlank,
    /// The type is none of the three.
    #[error("`{0}` is an invalid type, use one of GitHub, Image, Pipeline")]
    InvalidType(String),
    /// Type `GitHub` without `.github`.
    #[error("type GitHub is missing `.github`")]
    MissingGitHub,
    /// Type `GitHub` without events.
    #[error("type GitHub is missing `.github.events`, use Push or PullRequest")]
    MissingEvents,
    /// Type `Image` without `.image`.
    #[error("type Image is missing `.image`")]
    MissingImage,
    /// Type `Image` without names.
    #[error("type Image is missing `.image.names`")]
    MissingImageNames,
    /// Type `Pipeline` without `.objectRef`.
    #[error("type Pipeline is missing `.objectRef`")]
    MissingObjectRef,
    /// Type `Pipeline` without statuses.
    #[error("type Pipeline is missing `.objectRef.status`")]
    MissingStatus,
    /// Type `Pipeline` with neither a name nor a selector.
    #[error("type Pipeline is missing `.objectRef.name` or `.objectRef.selector`")]
    MissingNameOrSelector,
    /// Type `Pipeline` with both a name and a selector.
    #[error("type Pipeline must have only one of `.objectRef.name` and `.objectRef.selector`")]
    NameAndSelector,
}

impl TriggerError {
    /// The reason the Build controller gives in `status.reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NameBlank => "TriggerNameCanNotBeBlank",
            Self::InvalidType(_) => "TriggerInvalidType",
            Self::MissingGitHub | Self::MissingEvents => "TriggerInvalidGitHubWebHook",
            Self::MissingImage | Self::MissingImageNames => "TriggerInvalidImage",
            Self::MissingObjectRef
            | Self::MissingStatus
            | Self::MissingNameOrSelector
            | Self::NameAndSelector => "TriggerInvalidPipeline",
        }
    }
}

impl When {
    /// What the rule waits for. Only the stanza of its own type counts.
    pub fn condition(&self) -> Result<Condition, TriggerError> {
        if self.name.trim().is_empty() {
            return Err(TriggerError::NameBlank);
        }
        match self.kind.as_str() {
            "GitHub" => self.github_condition().map(Condition::GitHub),
            "Image" => self.image_condition().map(Condition::Image),
            "Pipeline" => self.pipeline_condition().map(Condition::Pipeline),
            other => Err(TriggerError::InvalidType(other.to_owned())),
        }
    }

    fn github_condition(&self) -> Result<GitHubCondition, TriggerError> {
        let github = self.github.as_ref().ok_or(TriggerError::MissingGitHub)?;
        if github.events.is_empty() {
            return Err(TriggerError::MissingEvents);
        }
        Ok(GitHubCondition { events: github.events.clone(), branches: github.branches.clone() })
    }

    fn image_condition(&self) -> Result<Vec<String>, TriggerError> {
        let image = self.image.as_ref().ok_or(TriggerError::MissingImage)?;
        if image.names.is_empty() {
            return Err(TriggerError::MissingImageNames);
        }
        Ok(image.names.clone())
    }

    fn pipeline_condition(&self) -> Result<PipelineCondition, TriggerError> {
        let object_ref = self.object_ref.as_ref().ok_or(TriggerError::MissingObjectRef)?;
        if object_ref.status.is_empty() {
            return Err(TriggerError::MissingStatus);
        }
        let name = object_ref.name.as_ref().filter(|name| !name.is_empty());
        let pipeline = match (name, object_ref.selector.is_empty()) {
            (None, true) => return Err(TriggerError::MissingNameOrSelector),
            (Some(_), false) => return Err(TriggerError::NameAndSelector),
            (Some(name), true) => PipelineSelector::Name(name.clone()),
            (None, false) => PipelineSelector::Labels(object_ref.selector.clone()),
        };
        Ok(PipelineCondition { pipeline, status: object_ref.status.clone() })
    }
}

#[cfg(test)]
mod tests;
