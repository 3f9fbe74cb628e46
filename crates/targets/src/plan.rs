use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use trigger_core::{Cause, DeliveryId, Event, ObjectKey, Ordinal, Replay, ResourceRef, Target};

use crate::RunStatus;
use crate::resource_template_error::ResourceTemplateError;

/// A kind of target: one kind of object that rules can start.
pub(crate) trait TargetKind: Send + Sync {
    /// The folder of the kind in this crate.
    #[cfg(test)]
    fn folder(&self) -> &'static str;

    /// Whether an object is a target of this kind.
    fn is_of(&self, target: &ResourceRef) -> bool;

    /// The objects to create, in order. Equal requests render equal plans.
    fn render(&self, request: &Request<'_>) -> Result<Vec<Plan>, RenderError>;

    /// The version under which a run of this kind is read; `None` for an object of another kind.
    fn version_of(&self, run: &ResourceRef) -> Option<&'static str>;

    /// The state of a run that this kind has created; `None` for an object of another kind.
    fn status_of(&self, run: &ResourceRef, object: &Value) -> Option<RunStatus>;
}

/// The input of [`render`](crate::render).
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The delivery that holds the event.
    pub delivery: &'a DeliveryId,
    /// The place of the event in the delivery.
    pub ordinal: Ordinal,
    /// The event that fired the rule.
    pub event: &'a Event,
    /// The object to start. Plans share it.
    pub target: &'a Arc<Target>,
    /// The rule that fired.
    pub cause: &'a Cause,
    /// The other rules with the same target that match too.
    pub also: &'a [&'a Cause],
    /// The replay, if a person asked for an earlier delivery to be worked on again.
    pub replay: Option<&'a Replay>,
}

/// An object to create, and what belongs to its creation.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its identity; the name follows from delivery, event and target.
    pub resource: ResourceRef,
    /// The version of its API group. The plural name is found by discovery.
    pub version: Arc<str>,
    /// The object, which is rendered when it is created.
    pub manifest: Arc<dyn Manifest>,
    /// The service account that it is created as; the program's own if absent.
    pub run_as: Option<ObjectKey>,
    /// What it means if an object has its name already.
    pub existing: Existing,
    /// The condition that its status is given once its controller has begun with it.
    pub condition: Option<Condition>,
    /// The limit that its creation counts against.
    pub limit: Option<LimitKey>,
    /// What is written on another object once it exists.
    pub follow_up: Option<FollowUp>,
    /// The object that it is a run of: Kubernetes Events about the creation are written there.
    pub subject: Subject,
    /// Tells its sequence of objects from others of the same subject, such as the triggers of an EventListener. A sequence
    /// is created in order, and ends with the first object that cannot be created.
    pub sequence: Option<Arc<str>>,
    /// The event that it is created for.
    pub ordinal: Ordinal,
}

/// What a plan has in common with the decision that it follows from: the target, or one of several triggers that an object
/// holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TargetKey<'a> {
    /// The target; the owner of a trigger.
    pub resource: &'a ResourceRef,
    /// Which of its sequences, where it has several: see [`Plan::sequence`].
    pub sequence: Option<&'a str>,
}

impl<'a> TargetKey<'a> {
    /// A target that has one sequence of objects, such as a Build.
    pub fn whole(resource: &'a ResourceRef) -> Self {
        Self { resource, sequence: None }
    }
}

impl Plan {
    /// What it is created for.
    pub fn target_key(&self) -> TargetKey<'_> {
        TargetKey { resource: &self.subject.resource, sequence: self.sequence.as_deref() }
    }
}

/// The meaning of an object that has the name of a plan already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// The name follows from the delivery, so an earlier attempt has created the object.
    Created,
    /// The name is fixed: an earlier attempt has created the object if it has these labels. Else another
    /// event or a person has created it, and this creation has failed.
    CreatedIfLabelled(BTreeMap<String, String>),
}

impl Existing {
    /// Whether an earlier attempt has created this object.
    pub fn is_created(&self, object: &Value) -> bool {
        match self {
            Self::Created => true,
            Self::CreatedIfLabelled(expected) => {
                let labels = object.get("metadata").and_then(|metadata| metadata.get("labels"));
                let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
                expected.iter().all(|(key, value)| label(key) == Some(value))
            }
        }
    }
}

/// An object before it is JSON. One delivery may start thousands of runs, each as large as the spec of its Build, and not
/// all of them are in memory at a time.
pub trait Manifest: fmt::Debug + Send + Sync + 'static {
    /// The object, whole.
    fn object(&self) -> Result<Value, RenderError>;

    /// The memory that it takes while it is rendered and sent, in bytes, about.
    fn memory(&self) -> usize;
}

/// An object that Kubernetes Events are about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Which object.
    pub resource: ResourceRef,
    /// The version of its API group.
    pub version: Arc<str>,
    /// `metadata.uid`.
    pub uid: String,
}

/// A kind of Kubernetes object with the version under which it is written, at compile time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceType {
    /// The API group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
}

/// A status condition, without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The type.
    pub kind: &'static str,
    /// The reason, one CamelCase word.
    pub reason: &'static str,
    /// The message, one plain sentence.
    pub message: String,
}

/// A limit on how many objects are created in a time: its name, and the namespace it is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitKey {
    /// The name of the limit, such as [`LimitKey::IMAGES`].
    pub name: &'static str,
    /// The namespace.
    pub namespace: Arc<str>,
}

/// Makes the annotations that an object is to get, of the object as it is and the records; `None` if it has them.
pub type MergeRecords = fn(&Value, &[&Value]) -> Option<BTreeMap<String, String>>;

/// A record of the start, written on another object for people to read. Nothing depends on it.
///
/// All follow-ups of a delivery on one object are merged and written at once.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// The object.
    pub on: Subject,
    /// The object as it was last seen. Mostly it is still so, and one request is enough.
    pub seen: Arc<Value>,
    /// What is recorded about this plan.
    pub record: Value,
    /// How the records become annotations.
    pub merge: MergeRecords,
}

/// Why an object cannot be rendered. Trying again would not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// No kind of target renders objects of this kind.
    #[error("no renderer for a target of kind {0}")]
    UnknownKind(String),
    /// The template kept of the target cannot be read, or the object cannot be written.
    #[error("the spec of {target} cannot be embedded")]
    Template {
        /// The target.
        target: ResourceRef,
        /// The error of the JSON.
        #[source]
        source: serde_json::Error,
    },
    /// An object of a trigger's template cannot be rendered.
    #[error("resourcetemplates[{index}] of trigger {trigger}")]
    ResourceTemplate {
        /// The trigger.
        trigger: ObjectKey,
        /// The place of the resource template, from 0.
        index: usize,
        /// Why.
        #[source]
        source: ResourceTemplateError,
    },
    /// The run would have to be pinned to a commit of which only the first digits are known.
    #[error("only the first digits of the commit are known: {0}")]
    AbbreviatedCommit(String),
}

impl LimitKey {
    /// Runs that changed images start: an image that hundreds of Builds stand on would start them all at once.
    pub const IMAGES: &str = "images";
}

impl ResourceType {
    /// The object of this kind called so.
    pub fn named(&self, key: ObjectKey) -> ResourceRef {
        ResourceRef::new(self.group, self.kind, key)
    }
}
