use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ObjectKey;

/// The identity of a Kubernetes object: API group, kind, namespace and name.
///
/// The API version is not part of it: one object is served under several. It stands beside the identity where a
/// request needs it. As JSON it is flat: `{"group", "kind", "namespace", "name"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
pub struct ResourceRef {
    /// The API group, such as `shipwright.io`; empty for the core group.
    pub group: Arc<str>,
    /// The kind, such as `Build`.
    pub kind: Arc<str>,
    /// Namespace and name.
    pub key: ObjectKey,
}

#[derive(Serialize, Deserialize)]
struct Flat {
    group: Arc<str>,
    kind: Arc<str>,
    #[serde(flatten)]
    key: ObjectKey,
}

impl ResourceRef {
    /// The object of this group and kind called so.
    pub fn new(group: impl Into<Arc<str>>, kind: impl Into<Arc<str>>, key: ObjectKey) -> Self {
        Self { group: group.into(), kind: kind.into(), key }
    }

    /// The namespace it lives in.
    pub fn namespace(&self) -> &Arc<str> {
        &self.key.namespace
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.key.name
    }

    /// Whether it is of this group and kind.
    pub fn is_a(&self, group: &str, kind: &str) -> bool {
        *self.group == *group && *self.kind == *kind
    }
}

impl From<Flat> for ResourceRef {
    fn from(Flat { group, kind, key }: Flat) -> Self {
        Self { group, kind, key }
    }
}

impl From<ResourceRef> for Flat {
    fn from(ResourceRef { group, kind, key }: ResourceRef) -> Self {
        Self { group, kind, key }
    }
}

impl fmt::Display for ResourceRef {
    /// Kind, namespace and name, as people write them: `Build team-a/web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_flat() {
        let build = ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", "web"));
        let json = serde_json::json!({
            "group": "shipwright.io", "kind": "Build", "namespace": "team-a", "name": "web",
        });
        assert_eq!(serde_json::to_value(&build).unwrap(), json);
        assert_eq!(serde_json::from_value::<ResourceRef>(json).unwrap(), build);
        assert_eq!(build.to_string(), "Build team-a/web");
    }

    #[test]
    fn objects_of_two_kinds_with_one_name_differ() {
        let key = ObjectKey::new("team-a", "web");
        let build = ResourceRef::new("shipwright.io", "Build", key.clone());
        assert_ne!(build, ResourceRef::new("triggers.tekton.dev", "EventListener", key));
        assert!(build.is_a("shipwright.io", "Build") && !build.is_a("other.io", "Build"));
    }
}
