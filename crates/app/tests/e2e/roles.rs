//! The roles that are shipped, under `deploy/`: what the program may do in every scenario.

use serde_json::{Value, json};
use trigger_devcluster::{AccessRule, DevCluster, DevClusterBuilder, User};

/// Where the program is installed.
pub const NAMESPACE: &str = "shipwright-trigger";
/// Who the program is to the API server.
pub const PROGRAM: &str = "system:serviceaccount:shipwright-trigger:shipwright-trigger";
/// What the program presents to a dev cluster.
const TOKEN: &str = "the-token-of-the-program";

/// The role that the component `own-listeners` widens.
const WIDENED: &str = "shipwright-trigger";

/// The roles of `deploy/base`, as they are with `deploy/components/own-listeners`.
pub fn documents() -> Vec<Value> {
    let text = include_str!("../../../../deploy/base/roles.yaml");
    let mut roles = trigger_api::manifest::parse(text).unwrap();
    let patch = include_str!("../../../../deploy/components/own-listeners/status-rule.yaml");
    let patch: Value = serde_saphyr::from_str(patch).unwrap();
    let widened = roles.iter_mut().find(|role| role["metadata"]["name"] == WIDENED).unwrap();
    widened["rules"].as_array_mut().unwrap().push(patch[0]["value"].clone());
    roles
}

/// What the roles allow: those of the cluster everywhere, the others in their namespace.
pub fn rules() -> Vec<AccessRule> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut rules = Vec::new();
    for role in documents() {
        let namespace = role["metadata"]["namespace"].as_str().map(ToOwned::to_owned);
        for rule in role["rules"].as_array().unwrap() {
            rules.push(AccessRule {
                verbs: texts(&rule["verbs"]),
                groups: texts(&rule["apiGroups"]),
                resources: texts(&rule["resources"]),
                namespaces: namespace.clone().into_iter().collect(),
            });
        }
    }
    rules
}

/// Begins a dev cluster on which the program may do what the roles allow, and nothing else.
pub fn builder() -> DevClusterBuilder {
    let user = User { token: TOKEN.to_owned(), name: PROGRAM.to_owned(), groups: Vec::new(), rules: rules() };
    DevCluster::builder().user(user).authorize()
}

/// The kubeconfig of the program on a cluster of [`builder`], in its own namespace, which is made.
pub async fn kubeconfig(dev: &DevCluster) -> String {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    dev.store().apply(namespace).await.unwrap();
    dev.kubeconfig_for(TOKEN).replace("namespace: default", &format!("namespace: {NAMESPACE}"))
}
