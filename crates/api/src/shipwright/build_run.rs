use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trigger_core::{Digest, ImageRef};

use super::BuildSpec;
use crate::annotations::SKIP_CHAIN;
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

/// What a BuildRun that has succeeded has pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The tag.
    pub image: ImageRef,
    /// What it stands for since.
    pub digest: Digest,
    /// When the BuildRun ended.
    pub at: Timestamp,
    /// Whether rules fire for it. Those of a run with [`SKIP_CHAIN`] start nothing.
    pub counts: bool,
}

impl BuildRun {
    /// Whether it has succeeded; `None` until it has ended.
    pub fn outcome(&self) -> Option<bool> {
        let mut conditions = self.status.as_ref()?.get("conditions")?.as_array()?.iter();
        let succeeded = conditions.find(|condition| condition["type"] == "Succeeded")?;
        match succeeded["status"].as_str()? {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        }
    }

    /// What it has pushed; `None` if it has not succeeded, or says not enough about it.
    pub fn push(&self) -> Option<Push> {
        let status = self.status.as_ref()?;
        let mut conditions = status.get("conditions")?.as_array()?.iter();
        let succeeded = conditions.find(|condition| condition["type"] == "Succeeded")?;
        if succeeded["status"] != "True" {
            return None;
        }
        let embedded = self.spec.build.spec.as_ref().and_then(|spec| spec.other.get("output"));
        let outputs = [
            self.spec.other.get("output"),
            status.get("buildSpec").and_then(|spec| spec.get("output")),
            embedded,
        ];
        let image = outputs.into_iter().flatten().find_map(|output| output.get("image")?.as_str())?;
        let digest = status.get("output")?.get("digest")?.as_str()?;
        let annotations = self.metadata.annotations.as_ref();
        let at = status.get("completionTime").unwrap_or(&succeeded["lastTransitionTime"]).as_str()?;
        Some(Push {
            image: ImageRef::parse(image).ok()?,
            digest: Digest::parse(digest).ok()?,
            at: at.parse().ok()?,
            counts: annotations.and_then(|all| all.get(SKIP_CHAIN)).is_none_or(|value| value != "true"),
        })
    }
}

namespaced_resource!(BuildRun, "shipwright.io", "v1beta1", "buildruns");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_pushed_is_told_by_a_run_that_succeeded() {
        let digest = Digest::of(b"image").to_string();
        let run = |spec: Value, succeeded: &str, status: Value| {
            let mut status = status;
            status["conditions"] = json!([{"type": "Triggered", "status": "True"},
                {"type": "Succeeded", "status": succeeded}]);
            status["completionTime"] = json!("2026-01-02T03:04:05Z");
            let run = json!({"metadata": {"name": "r"}, "spec": spec, "status": status});
            serde_json::from_value::<BuildRun>(run).unwrap().push().map(|push| push.image.to_string())
        };
        let by_name = json!({"build": {"name": "web"}});
        let of_build =
            json!({"output": {"digest": digest}, "buildSpec": {"output": {"image": "r.example/web"}}});
        assert_eq!(run(by_name.clone(), "True", of_build.clone()), Some("r.example/web:latest".to_owned()));
        let own = json!({"build": {"name": "web"}, "output": {"image": "r.example/own:1"}});
        assert_eq!(run(own, "True", of_build.clone()), Some("r.example/own:1".to_owned()));
        let embedded = json!({"build": {"spec": {"output": {"image": "r.example/embedded"}}}});
        let bare = json!({"output": {"digest": digest}});
        assert_eq!(run(embedded, "True", bare.clone()), Some("r.example/embedded:latest".to_owned()));
        assert_eq!(run(by_name.clone(), "True", bare), None, "it does not say what");
        for succeeded in ["False", "Unknown"] {
            assert_eq!(run(by_name.clone(), succeeded, of_build.clone()), None);
        }
        let unknown = json!({"output": {}, "buildSpec": {"output": {"image": "r.example/web"}}});
        assert_eq!(run(by_name, "True", unknown), None, "some strategies report no digest");
    }
}
