//! The service account of each tenant's listeners, and the right of the program to act as it.

use serde_json::{Value, json};

/// Its name.
pub(super) const ACCOUNT: &str = "ci";

/// The account in a namespace, with its rights, and the shipped manifests for namespaces with listeners.
pub(super) fn objects(namespace: &str) -> anyhow::Result<Vec<Value>> {
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]},
        {"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["create", "get"]},
    ]);
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": ACCOUNT}, "rules": rules,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
        }),
    ];
    let shipped = include_str!("../../../deploy/tenant/listeners/impersonation.yaml");
    objects.extend(trigger_api::manifest::parse(shipped)?);
    for object in &mut objects {
        object["metadata"]["namespace"] = namespace.into();
    }
    Ok(objects)
}
