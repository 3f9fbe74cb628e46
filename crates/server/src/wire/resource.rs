use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trigger_core::ObjectKey;

/// A namespaced object whose kind follows from the field that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl From<&ObjectKey> for ObjectName {
    fn from(key: &ObjectKey) -> Self {
        Self { namespace: Arc::clone(&key.namespace), name: Arc::clone(&key.name) }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A namespaced Kubernetes object of any kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRef {
    /// The API group, such as `shipwright.io`; empty for the core group.
    pub group: String,
    /// The kind, such as `Build`.
    pub kind: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl From<&trigger_core::ResourceRef> for ResourceRef {
    fn from(resource: &trigger_core::ResourceRef) -> Self {
        Self {
            group: resource.group.to_string(),
            kind: resource.kind.to_string(),
            namespace: resource.namespace().to_string(),
            name: resource.name().to_string(),
        }
    }
}

impl ResourceRef {
    /// Namespace and name, without the kind.
    pub fn object_name(&self) -> ObjectName {
        ObjectName { namespace: self.namespace.as_str().into(), name: self.name.as_str().into() }
    }
}

impl fmt::Display for ResourceRef {
    /// Kind, namespace and name: `Build team-a/web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_written_flat_and_shown_with_its_kind() {
        let build = trigger_core::ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", "web"));
        let resource = ResourceRef::from(&build);
        let written =
            json!({"group": "shipwright.io", "kind": "Build", "namespace": "team-a", "name": "web"});
        assert_eq!(serde_json::to_value(&resource).unwrap(), written);
        assert_eq!(serde_json::from_value::<ResourceRef>(written).unwrap(), resource);
        assert_eq!(resource.to_string(), "Build team-a/web");
        assert_eq!(resource.object_name().to_string(), "team-a/web");
    }
}
