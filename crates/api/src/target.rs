use std::sync::Arc;

use trigger_core::{ImageRef, ObjectKey};

/// What a rule starts, reduced to what starting it needs. Today always a Build.
///
/// An inventory holds one for every Build with rules, so it is kept small: the spec is compact JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The kind of the object, such as `Build`: picks the renderer.
    pub kind: &'static str,
    /// The object.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.generation`.
    pub generation: i64,
    /// The spec as compact JSON, ready to be embedded in a run: without `trigger` and without
    /// `retention.atBuildDeletion`, both of which a run with an embedded spec must not carry.
    pub spec: Box<str>,
    /// The branch, tag or commit the object would check out by itself; absent for the default branch.
    pub revision: Option<Box<str>>,
    /// Which code its runs build.
    pub revision_policy: RevisionPolicy,
    /// Whether pull requests from forks may start it.
    pub forks: ForkPolicy,
    /// The Secret whose key verifies deliveries for its rules.
    pub secret: Option<SecretBinding>,
}

/// Which code a run builds: the value of the annotation `trigger.shipwright.io/revision` on a Build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RevisionPolicy {
    /// `auto`: what the Build would check out anyway is built by name, anything else is pinned to the
    /// commit of the event. The default.
    #[default]
    Auto,
    /// `event`: always pinned to the commit of the event.
    Event,
    /// `build`: always by name, whatever the Build would check out.
    Build,
}

/// Whether code from a fork may be built: the value of the annotation `trigger.shipwright.io/forks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForkPolicy {
    /// It may not: whoever can open a pull request would build with the Build's credentials. The default.
    #[default]
    Deny,
    /// `allow`: it may.
    Allow,
}

/// The Secret that a target's rules are verified with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretBinding {
    /// The Secret, in the target's namespace.
    pub key: ObjectKey,
    /// Which field names it.
    pub origin: SecretOrigin,
}

/// Which field of a Build names the Secret with the webhook key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretOrigin {
    /// `spec.trigger.triggerSecret`. It must hold a key.
    TriggerSecret,
    /// `spec.source.git.cloneSecret`, the fall-back of SHIP-0031. It may hold no webhook key at all;
    /// then the rules have no secret.
    CloneSecret,
}

/// Which rule fired, in the words that the run's annotations repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `when[].name`.
    pub name: Arc<str>,
    /// `when[].type`.
    pub kind: &'static str,
    /// What else the rule says about itself: annotation key and value.
    pub details: Vec<(&'static str, String)>,
    /// Of images that have changed: those that the rule waits for.
    pub images: Vec<ImageRef>,
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

impl ForkPolicy {
    /// Takes the annotation's value. `None` for anything but `allow` and `deny`.
    pub fn parse(value: &str) -> Option<Self> {
        match value.trim() {
            "allow" => Some(Self::Allow),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}
