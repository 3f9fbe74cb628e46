use serde::{Deserialize, Serialize};
use trigger_api::shipwright::{Build, BuildSpec};
use trigger_core::{ObjectKey, Target};

use super::{BUILD, PullRequestOutput};

/// The part of a Build that a run needs: [`Target::template`] as a type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildTemplate {
    /// The spec, ready to be embedded in a run: without `trigger` and without `retention.atBuildDeletion`, both of
    /// which a run with an embedded spec must not carry.
    pub spec: BuildSpec,
    /// Which code its runs build.
    #[serde(default, skip_serializing_if = "is_default")]
    pub revision_policy: RevisionPolicy,
    /// What runs do with their image that pull requests start.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pull_request_output: PullRequestOutput,
    /// Whether its runs are deleted with it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deletes_runs: bool,
    /// Whether only some of its runs are kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits_runs: bool,
}

/// Which code a run builds: the value of the annotation `trigger.shipwright.io/revision` on a Build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevisionPolicy {
    /// `auto`: what the Build would check out anyway is built by name, anything else is pinned to the
    /// commit of the event. The default.
    #[default]
    Auto,
    /// `event`: always pinned to the commit of the event.
    Event,
    /// `build`: always by name, so that the Build checks out what its own spec says.
    Build,
}

impl RevisionPolicy {
    /// Takes the annotation's value. `None` for anything but `auto`, `event` and `build`.
    pub fn parse(value: &str) -> Option<Self> {
        match value.trim() {
            "auto" => Some(Self::Auto),
            "event" => Some(Self::Event),
            "build" => Some(Self::Build),
            _ => None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl BuildTemplate {
    /// The target that a Build is, with runs that build the code of `revision_policy`.
    pub fn target(
        build: &Build,
        key: ObjectKey,
        revision_policy: RevisionPolicy,
        pull_request_output: PullRequestOutput,
    ) -> Target {
        let template = Self {
            spec: build.spec.clone().embeddable(),
            revision_policy,
            pull_request_output,
            deletes_runs: build.deletes_runs(),
            limits_runs: build.limits_runs(),
        };
        Target {
            resource: BUILD.named(key),
            uid: build.metadata.uid.as_deref().unwrap_or_default().into(),
            generation: build.metadata.generation.unwrap_or_default(),
            // Serialising what was deserialised from JSON cannot fail; an empty template would fail to render with a
            // message, so nothing is hidden if it ever does.
            template: serde_json::to_string(&template).unwrap_or_default().into_boxed_str(),
        }
    }

    /// Reads [`Target::template`].
    pub fn parse(template: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(template)
    }

    /// The branch, tag or commit that the Build checks out by itself; absent for the default branch.
    pub fn revision(&self) -> Option<&str> {
        let git = self.spec.source.as_ref()?.git.as_ref()?;
        git.revision.as_deref().map(str::trim).filter(|revision| !revision.is_empty())
    }
}
