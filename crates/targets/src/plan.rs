use serde_json::Value;
use trigger_api::{Cause, Target};
use trigger_core::{DeliveryId, Event, ObjectKey, Replay};

/// A kind of target: one kind of object that rules can start.
pub trait TargetKind: Send + Sync {
    /// The kind, such as `Build`.
    fn name(&self) -> &'static str;

    /// Renders the object that carries the start out.
    fn render(&self, request: &Request<'_>) -> Result<Plan, RenderError>;
}

/// What to render.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The delivery that caused it.
    pub delivery: &'a DeliveryId,
    /// What the delivery means.
    pub event: &'a Event,
    /// What to start.
    pub target: &'a Target,
    /// The rule that fired.
    pub cause: &'a Cause,
    /// The other rules of the target that match too.
    pub also: &'a [&'a Cause],
    /// If somebody had an earlier delivery worked on once more: which, and who.
    pub replay: Option<&'a Replay>,
}

/// An object to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its namespace, and the name that follows from delivery and target.
    pub key: ObjectKey,
    /// What kind of object it is.
    pub kind: ResourceType,
    /// The object, whole.
    pub object: Value,
    /// The condition that its status is given once it exists.
    pub condition: Condition,
    /// The object that it is a run of.
    pub target: ObjectKey,
    /// What kind of object that is.
    pub target_kind: ResourceType,
    /// `metadata.uid` of that object.
    pub target_uid: String,
}

/// A kind of Kubernetes object, in the words that its API needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceType {
    /// The API group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The plural name, as it stands in paths.
    pub plural: &'static str,
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

/// Why an object cannot be rendered. Trying again would not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// There is no renderer for this kind of target.
    #[error("nothing can be made of a target of kind {0}")]
    UnknownKind(String),
    /// The spec kept of the target is not what it was, or cannot be written.
    #[error("the spec of {target} cannot be embedded")]
    Spec {
        /// The target.
        target: ObjectKey,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}
