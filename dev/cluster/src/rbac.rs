//! Rights from Roles, ClusterRoles and their bindings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::attributes::Attributes;
use crate::resources::CollectionId;
use crate::store::{Key, Store};
use crate::users::{UserInfo, service_account_name};

const GROUP: &str = "rbac.authorization.k8s.io";

/// The roles in a store, read again after one of them or of their bindings has changed.
#[derive(Debug)]
pub(crate) struct Roles {
    /// Roles and ClusterRoles.
    kinds: [CollectionId; 2],
    /// RoleBindings and ClusterRoleBindings.
    bindings: [CollectionId; 2],
    index: Mutex<Arc<Index>>,
}

/// The rights of all subjects. A binding whose role does not exist grants nothing.
#[derive(Debug, Default)]
struct Index {
    /// It has all changes up to this revision.
    revision: u64,
    users: HashMap<String, Granted>,
    groups: HashMap<String, Granted>,
}

/// The rules of a subject by the namespace of the binding. The empty namespace is that of ClusterRoleBindings: their rules
/// hold in all namespaces and for cluster-wide resources.
type Granted = HashMap<String, Vec<Arc<[Rule]>>>;

/// A rule of a role.
#[derive(Debug)]
struct Rule {
    verbs: Vec<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    /// Names of objects; an empty list means all, and requests without a name.
    names: Vec<String>,
}

impl Default for Roles {
    fn default() -> Self {
        let id = |plural: &str| CollectionId { group: GROUP.to_owned(), plural: plural.to_owned() };
        Self {
            kinds: ["roles", "clusterroles"].map(id),
            bindings: ["rolebindings", "clusterrolebindings"].map(id),
            index: Mutex::default(),
        }
    }
}

impl Roles {
    /// Whether a role in `store` is bound that allows it to the user or one of the user's groups.
    pub(crate) fn allow(&self, store: &Store, user: &UserInfo, wanted: Attributes<'_>) -> bool {
        let index = self.index(store);
        let groups = user.groups.iter().filter_map(|group| index.groups.get(group));
        let mut granted = index.users.get(&user.name).into_iter().chain(groups);
        granted.any(|granted| {
            let bound = ["", wanted.namespace].into_iter().filter_map(|namespace| granted.get(namespace));
            bound.flatten().flat_map(|rules| rules.iter()).any(|rule| rule.allows(wanted))
        })
    }

    fn index(&self, store: &Store) -> Arc<Index> {
        let revision = store.last_change(self.kinds.iter().chain(&self.bindings));
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if index.revision < revision {
            // A change after `revision` may be in it already. Then it is read once more.
            *index = Arc::new(Index { revision, ..self.read(store) });
        }
        Arc::clone(&index)
    }

    fn read(&self, store: &Store) -> Index {
        let mut roles = HashMap::new();
        for id in &self.kinds {
            for (key, role) in &store.snapshot(id).objects {
                roles.insert(key.clone(), rules(&role.value));
            }
        }
        let mut index = Index::default();
        for id in &self.bindings {
            for (key, binding) in &store.snapshot(id).objects {
                if let Some(rules) = role_key(&binding.value, &key.namespace).and_then(|key| roles.get(&key))
                {
                    index.bind(&binding.value, &key.namespace, rules);
                }
            }
        }
        index
    }
}

impl Index {
    /// Adds the rules of a binding in `namespace` for all its subjects.
    fn bind(&mut self, binding: &Value, namespace: &str, rules: &Arc<[Rule]>) {
        for subject in binding["subjects"].as_array().into_iter().flatten() {
            let text = |field: &str| subject[field].as_str().unwrap_or_default();
            let granted = match text("kind") {
                "User" => self.users.entry(text("name").to_owned()),
                "Group" => self.groups.entry(text("name").to_owned()),
                "ServiceAccount" => {
                    let home = Some(text("namespace")).filter(|home| !home.is_empty()).unwrap_or(namespace);
                    self.users.entry(service_account_name(home, text("name")))
                }
                _ => continue,
            };
            granted.or_default().entry(namespace.to_owned()).or_default().push(Arc::clone(rules));
        }
    }
}

/// The role that a binding in `namespace` refers to.
fn role_key(binding: &Value, namespace: &str) -> Option<Key> {
    let role = &binding["roleRef"];
    let name = role["name"].as_str()?;
    match role["kind"].as_str()? {
        "ClusterRole" => Some(Key::cluster_wide(name)),
        "Role" if !namespace.is_empty() => Some(Key::new(namespace, name)),
        _ => None,
    }
}

fn rules(role: &Value) -> Arc<[Rule]> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rules = role["rules"].as_array().into_iter().flatten();
    let rules = rules.map(|rule| Rule {
        verbs: texts(&rule["verbs"]),
        groups: texts(&rule["apiGroups"]),
        resources: texts(&rule["resources"]),
        names: texts(&rule["resourceNames"]),
    });
    rules.collect()
}

impl Rule {
    fn allows(&self, wanted: Attributes<'_>) -> bool {
        (self.names.is_empty() || self.names.iter().any(|name| name == wanted.name))
            && wanted.match_rule(&self.verbs, &self.groups, &self.resources)
    }
}
