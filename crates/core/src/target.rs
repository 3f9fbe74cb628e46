use std::sync::Arc;

use crate::ResourceRef;

/// The object that a rule starts, reduced to what starting it needs.
///
/// The inventory holds one for every owner with rules, so it is kept small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The object. Its group and kind select the renderer.
    pub resource: ResourceRef,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.generation`.
    pub generation: i64,
    /// The part of the object that the renderer of the kind needs, as compact JSON. Only that renderer reads it.
    pub template: Box<str>,
}

/// Why a rule fires, in the words that the run's annotations repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The name of the rule: `when[].name` of a Build.
    pub name: Arc<str>,
    /// The kind of the rule: `when[].type` of a Build.
    pub kind: &'static str,
    /// Further fields of the rule for the run's annotations: key and value.
    pub details: Vec<(&'static str, String)>,
    /// The parts of the event that the rule matched, by name, where an event has parts: image references. Empty for an
    /// event that has none.
    pub parts: Vec<Box<str>>,
}
