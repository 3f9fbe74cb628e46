use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::Value;
use trigger_api::manifest::to_object;
use trigger_api::shipwright::{BuildRun, BuildRunSpec};
use trigger_core::ObjectKey;

use crate::plan::Condition;

/// The type of the condition with the reason why a BuildRun exists.
pub const TRIGGERED: &str = "Triggered";

/// A BuildRun before it is JSON: what rules and custom tasks fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildRunDraft {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The object that takes it along when it is deleted.
    pub owner: Option<OwnerReference>,
    /// `spec`.
    pub spec: BuildRunSpec,
    /// The reason of its condition `Triggered`, one CamelCase word.
    pub reason: &'static str,
    /// The message of its condition `Triggered`, one plain sentence.
    pub sentence: String,
}

impl BuildRunDraft {
    /// The condition that its status is given once its controller has begun with it.
    pub fn condition(&self) -> Condition {
        Condition { kind: TRIGGERED, reason: self.reason, message: self.sentence.clone() }
    }

    /// The object, whole.
    pub fn object(self) -> Result<Value, serde_json::Error> {
        let metadata = ObjectMeta {
            name: Some(self.key.name.to_string()),
            namespace: Some(self.key.namespace.to_string()),
            labels: Some(self.labels),
            annotations: Some(self.annotations),
            owner_references: self.owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        };
        to_object(&BuildRun { metadata, spec: self.spec, status: None })
    }
}
