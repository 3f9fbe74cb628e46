use std::fmt;
use std::sync::Arc;

/// The trigger, or the group of triggers, that a chain belongs to. Displayed as interceptors see it in
/// `context.trigger_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerId {
    /// A trigger or a group.
    pub scope: ChainScope,
    /// The namespace of the trigger; of a group, that of its listener. Secrets and Services without a namespace of their
    /// own are there.
    pub namespace: Arc<str>,
    /// The name; a group and an inline trigger may have an empty one.
    pub name: Arc<str>,
}

/// Whose interceptors a chain has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainScope {
    /// Those of a trigger.
    Trigger,
    /// Those of a group: its triggers see the event after them.
    Group,
}

impl fmt::Display for TriggerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let collection = match self.scope {
            ChainScope::Trigger => "triggers",
            ChainScope::Group => "triggerGroups",
        };
        write!(f, "namespaces/{}/{collection}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_tekton_writes_it() {
        let id = |scope, name: &str| TriggerId { scope, namespace: "team-a".into(), name: name.into() };
        assert_eq!(id(ChainScope::Trigger, "push").to_string(), "namespaces/team-a/triggers/push");
        assert_eq!(id(ChainScope::Group, "").to_string(), "namespaces/team-a/triggerGroups/");
    }
}
