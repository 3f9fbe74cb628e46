//! A listener, and a Trigger without one, whose templates make three objects of each event.

use std::collections::HashMap;

use serde_json::{Value, json};
use trigger_devcluster::Gvr;
use trigger_providers::{GitHub, Provider};

use crate::apart::Cluster;
use crate::load::Source;
use crate::roles::{NAMESPACE, PROGRAM};
use crate::world::{annotation, repository_of, secret_entry};

/// The service account of the listener.
const ACCOUNT: &str = "ci";
/// The objects of one event.
const OBJECTS: usize = 3;

/// The repository whose webhooks the Trigger takes.
const HOOKED: &str = "acme/hooked";

/// The pushes that the listener in `namespace` and the Trigger get.
pub(super) fn sources(namespace: &str) -> Vec<Source> {
    let provider: &'static dyn Provider = &GitHub;
    let source =
        |path: &str, listener| Source { provider, repository: repository_of(provider, path), listener };
    vec![source("acme/listened", Some(format!("/listeners/{namespace}/web"))), source(HOOKED, None)]
}

/// The listener, the Trigger and their account, beside the Secret `hook`, and the right of the program to act as the account.
pub(super) fn objects(namespace: &str) -> Vec<Value> {
    let secret = json!({"secretName": "hook", "secretKey": secret_entry(&GitHub)});
    let note =
        |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": name}});
    let template = json!({"spec": {"resourcetemplates": [note("first-"), note("second-"), note("third-")]}});
    let repository = repository_of(&GitHub, HOOKED);
    let hooked = json!({
        "apiVersion": "triggers.tekton.dev/v1beta1", "kind": "Trigger", "metadata": {"name": "hooked"},
        "spec": {
            "serviceAccountName": ACCOUNT,
            "interceptors": [{"ref": {"name": "git"}, "params": [
                {"name": "repository", "value": repository},
                {"name": "secretRef", "value": secret},
                {"name": "branches", "value": ["main"]},
            ]}],
            "template": template,
        },
    });
    let trigger = json!({
        "name": "push",
        "interceptors": [
            {"ref": {"name": "github"}, "params": [{"name": "secretRef", "value": secret}]},
            {"ref": {"name": "cel"}, "params": [{"name": "filter", "value": "body.ref == 'refs/heads/main'"}]},
        ],
        "template": template,
    });
    let role = |name: &str, rules: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules});
    let binding = |name: &str, account: &str, of: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": of}],
        })
    };
    let program = PROGRAM.rsplit(':').next().unwrap();
    vec![
        hooked,
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}),
        role(ACCOUNT, json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]}])),
        binding(ACCOUNT, ACCOUNT, namespace),
        role(
            "as-tenants",
            json!([{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}]),
        ),
        binding("as-tenants", program, NAMESPACE),
        json!({
            "apiVersion": "triggers.tekton.dev/v1beta1", "kind": "EventListener", "metadata": {"name": "web"},
            "spec": {"serviceAccountName": ACCOUNT, "triggers": [trigger]},
        }),
    ]
}

/// How often the deliveries to the listener have run. Those with some of their objects have not run.
pub(super) async fn runs_by_delivery(dev: &Cluster) -> HashMap<String, usize> {
    let mut objects = HashMap::new();
    for object in dev.store().list(&Gvr::new("", "v1", "configmaps"), dev.namespace()).await.unwrap() {
        let delivery = annotation(&object, "delivery");
        if !delivery.is_empty() {
            *objects.entry(delivery.to_owned()).or_insert(0) += 1;
        }
    }
    objects.retain(|_, count| *count >= OBJECTS);
    objects.into_iter().map(|(delivery, count): (_, usize)| (delivery, count.div_ceil(OBJECTS))).collect()
}
