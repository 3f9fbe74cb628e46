//! Service accounts of teams, and rights in the namespaces of teams.

use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use trigger_devcluster::{Fault, Gvr};

use super::World;
use crate::elsewhere;
use crate::roles::{NAMESPACE, PROGRAM};

/// The name of the program's service account.
const PROGRAM_ACCOUNT: &str = "shipwright-trigger";

impl World {
    /// Creates a service account. Returns the name of its user.
    pub async fn service_account(&self, team: &str, name: &str) -> String {
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
            Api::namespaced(self.client.clone(), &self.namespace(team));
        let account = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        accounts.create(&PostParams::default(), &account).await.unwrap();
        format!("system:serviceaccount:{}:{name}", self.namespace(team))
    }

    /// Grants a service account of a team the `rules` of a Role in the team's namespace, in place of those it had before.
    /// Returns when they hold.
    pub async fn grant(&self, team: &str, account: &str, rules: Value) {
        let namespace = self.namespace(team);
        let subject = json!({"kind": "ServiceAccount", "namespace": namespace, "name": account});
        self.bind(team, account, subject, &rules).await;
        self.until_granted(team, &format!("system:serviceaccount:{namespace}:{account}"), &rules).await;
    }

    /// Lets the program create objects as service accounts of a team, as `deploy/tenant` does.
    pub async fn allow_impersonation(&self, team: &str) {
        let rules = json!([{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}]);
        let subject = json!({"kind": "ServiceAccount", "namespace": NAMESPACE, "name": PROGRAM_ACCOUNT});
        self.bind(team, "shipwright-trigger-impersonation", subject, &rules).await;
        self.until_granted(team, PROGRAM, &rules).await;
    }

    /// Forbids the program to read the Secrets of a team. Returns when that holds.
    pub async fn forbid_secrets(&self, team: &str) {
        let namespace = self.namespace(team);
        if let Some(dev) = &self.stage.dev {
            let fault = Fault { namespaces: vec![namespace], ..Fault::refuse(403) };
            return dev.faults().add(fault.on("get", "secrets"));
        }
        let bindings = Gvr::new("rbac.authorization.k8s.io", "v1", "rolebindings");
        self.stage.store.delete(&bindings, &namespace, elsewhere::SECRETS).await.unwrap();
        elsewhere::until_forbidden(&self.stage.store, PROGRAM, "get", "", "secrets", &namespace).await;
    }

    /// Ends what [`World::forbid_secrets`] began.
    pub async fn allow_secrets(&self, team: &str) {
        match &self.stage.dev {
            Some(dev) => dev.faults().clear(),
            None => elsewhere::namespace(&self.stage.store, &self.namespace(team)).await,
        }
    }

    /// Applies a Role and its binding to a subject, both named `name`.
    pub async fn bind(&self, team: &str, name: &str, subject: Value, rules: &Value) {
        let namespace = self.namespace(team);
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"namespace": namespace, "name": name}, "rules": rules,
        });
        self.stage.store.apply(role).await.unwrap();
        let binding = elsewhere::binding(&namespace, name, &("Role", name), &json!([subject]));
        self.stage.store.apply(binding).await.unwrap();
    }

    /// Waits until a user has the rights of `rules` in a team's namespace.
    pub async fn until_granted(&self, team: &str, user: &str, rules: &Value) {
        // The dev cluster answers reviews over HTTP only.
        let store = elsewhere::store(&self.client);
        let namespace = self.namespace(team);
        let texts = |rule: &Value, key: &str| -> Vec<String> {
            let texts = rule[key].as_array().into_iter().flatten();
            texts.map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        for rule in rules.as_array().unwrap() {
            let (groups, resources) = (texts(rule, "apiGroups"), texts(rule, "resources"));
            let name = texts(rule, "resourceNames").pop().unwrap_or_default();
            for verb in texts(rule, "verbs") {
                for (group, resource) in
                    groups.iter().flat_map(|group| resources.iter().map(move |one| (group, one)))
                {
                    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                    let asked = json!({
                        "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                        "namespace": namespace, "name": name,
                    });
                    elsewhere::until_reviewed(&store, user, asked).await;
                }
            }
        }
    }
}
