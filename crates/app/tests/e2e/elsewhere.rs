//! Another cluster than the dev cluster: who is who there, and what a scenario cannot have.

use std::collections::HashMap;
use std::fmt;
use std::io::{Write as _, stderr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use trigger_devcluster::{ApiError, Gvr, StoreHandle, Transport, WatchEvent, WatchEvents};

use crate::prepare::KUBECONFIG;
use crate::roles::PROGRAM;

/// Set where there is an API server and nothing behind it: nobody collects garbage.
const NO_CONTROLLERS: &str = "TRIGGER_E2E_NO_CONTROLLERS";

/// The role with which the program reads the Secrets of a namespace, and its binding there.
pub const SECRETS: &str = "shipwright-trigger-secrets";

/// Marks the namespaces of scenarios, so that they can be found and deleted.
pub const MARK: &str = "trigger.shipwright.io/e2e";

/// A role that was bound holds within this time.
const BOUND: Duration = Duration::from_secs(20);

/// Who acts on the other cluster, as kubeconfigs.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Somebody who may do everything.
    pub admin: String,
    /// The program's ServiceAccount.
    pub program: String,
}

/// Whether the scenario has to end here, and if so says why: it needs a dev cluster.
pub fn skipped(reason: &str) -> bool {
    let here = std::env::var_os(KUBECONFIG).is_some();
    if here {
        tell(reason);
    }
    here
}

/// The same for a scenario that waits until garbage is collected.
pub fn skipped_without_controllers() -> bool {
    let here = std::env::var_os(NO_CONTROLLERS).is_some();
    if here {
        tell("nobody collects garbage here");
    }
    here
}

fn tell(reason: &str) {
    let thread = std::thread::current();
    let line = format!("skipped on this cluster: {}: {reason}\n", thread.name().unwrap_or("?"));
    // Past the test runner, which shows what tests print only if they fail.
    stderr().write_all(line.as_bytes()).unwrap();
}

/// A client of the cluster of a kubeconfig.
pub async fn client(kubeconfig: &str) -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let parsed = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The objects of the cluster of a client.
pub fn store(client: &Client) -> StoreHandle {
    StoreHandle::remote(Arc::new(Carrier(client.clone())))
}

/// Simulations that end with the last of its clones.
#[derive(Clone, Default)]
pub struct Simulations(Arc<Mutex<JoinSet<()>>>);

impl Simulations {
    pub fn begin(&self, simulation: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap().spawn(simulation);
    }
}

/// A user of a scenario: how the cluster calls them, and what they present.
#[derive(Clone, Debug)]
pub struct Login {
    pub name: String,
    pub token: String,
}

/// Makes a namespace of scenarios in which the program may act.
pub async fn namespace(store: &StoreHandle, name: &str) {
    let labels = json!({MARK: ""});
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    store.apply(namespace).await.unwrap();
    let program = json!([{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": PROGRAM}]);
    for role in ["shipwright-trigger", SECRETS] {
        store.apply(binding(name, role, &("ClusterRole", role), &program)).await.unwrap();
    }
    for (verb, group, resource) in [("list", "shipwright.io", "builds"), ("get", "", "secrets")] {
        until_allowed(store, PROGRAM, verb, group, resource, name).await;
    }
}

/// A RoleBinding of a role (kind and name) to subjects.
pub fn binding(namespace: &str, name: &str, role: &(&str, &str), subjects: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"namespace": namespace, "name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
        "subjects": subjects,
    })
}

/// The API server learns of roles and bindings by watches of its own.
pub async fn until_allowed(
    store: &StoreHandle,
    user: &str,
    verb: &str,
    group: &str,
    resource: &str,
    namespace: &str,
) {
    let asked = json!({"verb": verb, "group": group, "resource": resource, "namespace": namespace});
    until_reviewed(store, user, asked).await;
}

/// The same for a role that is not bound any more.
pub async fn until_forbidden(
    store: &StoreHandle,
    user: &str,
    verb: &str,
    group: &str,
    resource: &str,
    namespace: &str,
) {
    let asked = json!({"verb": verb, "group": group, "resource": resource, "namespace": namespace});
    until_decided(store, user, asked, false).await;
}

/// The same as [`until_allowed`] with all attributes of a SubjectAccessReview.
pub async fn until_reviewed(store: &StoreHandle, user: &str, asked: Value) {
    until_decided(store, user, asked, true).await;
}

async fn until_decided(store: &StoreHandle, user: &str, asked: Value, allowed: bool) {
    let deadline = Instant::now() + BOUND;
    loop {
        let spec = json!({"user": user, "resourceAttributes": asked});
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec,
        });
        if store.apply(review).await.unwrap()["status"]["allowed"] == allowed {
            return;
        }
        let may = if allowed { "may not" } else { "may" };
        assert!(Instant::now() < deadline, "{user} {may}: {asked}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// ServiceAccounts for the users of a scenario, with what each may do. `namespace` gives a team's namespace.
pub async fn users(store: &StoreHandle, namespace: impl Fn(&str) -> String) -> HashMap<String, Login> {
    let home = namespace("team-a");
    let may = |verb: &str, resource: &str| json!({"verbs": [verb], "apiGroups": ["shipwright.io"], "resources": [resource]});
    let reads = || may("get", "builds");
    let grants = [
        ("reader-a", "team-a", vec![reads()]),
        ("editor-a", "team-a", vec![reads(), may("create", "buildruns")]),
        ("reader-b", "team-b", vec![reads()]),
    ];
    let mut logins = HashMap::new();
    for user in ["admin", "reader-a", "editor-a", "reader-b", "nobody"] {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": home, "name": user},
        });
        store.apply(account).await.unwrap();
        let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let tokens = Gvr::new("", "v1", format!("serviceaccounts/{user}/token"));
        let told = store.create(&tokens, &home, asked).await.unwrap();
        let token = told["status"]["token"].as_str().unwrap().to_owned();
        logins.insert(user.to_owned(), Login { name: format!("system:serviceaccount:{home}:{user}"), token });
    }
    let subject = |user: &str| json!([{"kind": "ServiceAccount", "namespace": home, "name": user}]);
    for (user, team, rules) in grants {
        let namespace = namespace(team);
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"namespace": namespace, "name": user}, "rules": rules,
        });
        store.apply(role).await.unwrap();
        store.apply(binding(&namespace, user, &("Role", user), &subject(user))).await.unwrap();
        let last = if user == "editor-a" { ("create", "buildruns") } else { ("get", "builds") };
        until_allowed(store, &logins[user].name, last.0, "shipwright.io", last.1, &namespace).await;
    }
    let everything = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{MARK}-{home}").replace('/', "-"), "labels": {MARK: ""}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": subject("admin"),
    });
    store.apply(everything).await.unwrap();
    until_allowed(store, &logins["admin"].name, "get", "shipwright.io", "builds", "").await;
    logins
}

/// Carries what the dev cluster's crate asks of another cluster.
struct Carrier(Client);

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier")
    }
}

impl Transport for Carrier {
    fn send(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<Value, ApiError>> {
        self.0.request(request).map(|answer| answer.map_err(|error| refusal(&error))).boxed()
    }

    fn watch(&self, request: http::Request<Vec<u8>>) -> BoxFuture<'_, Result<WatchEvents, ApiError>> {
        async move {
            let events = self.0.request_events::<Value>(request).await.map_err(|error| refusal(&error))?;
            // It ends at the first error; a bookmark is no change.
            let told = events.map(|event| match event {
                Ok(kube::core::WatchEvent::Added(object)) => Ok(Some(WatchEvent::Added(object))),
                Ok(kube::core::WatchEvent::Modified(object)) => Ok(Some(WatchEvent::Modified(object))),
                Ok(kube::core::WatchEvent::Deleted(object)) => Ok(Some(WatchEvent::Deleted(object))),
                Ok(kube::core::WatchEvent::Bookmark(_)) => Ok(None),
                Ok(kube::core::WatchEvent::Error(_)) | Err(_) => Err(()),
            });
            let told = told.take_while(|event| std::future::ready(event.is_ok()));
            Ok(told.filter_map(|event| std::future::ready(event.ok().flatten())).boxed())
        }
        .boxed()
    }
}

fn refusal(error: &kube::Error) -> ApiError {
    let (code, reason, message) = match error {
        kube::Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => (503, "ServiceUnavailable".to_owned(), other.to_string()),
    };
    ApiError { code, reason, message, details: Value::Null, retry_after: None, plain_text: false }
}
