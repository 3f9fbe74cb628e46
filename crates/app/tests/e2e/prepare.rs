//! Makes another cluster ready for the scenarios, once for each process: the definitions that it lacks, the shipped
//! roles, and the program's ServiceAccount, whose token it asks for.

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use trigger_devcluster::{Gvr, StoreHandle};

use crate::elsewhere::{Elsewhere, client, store, until_allowed};
use crate::roles::{self, NAMESPACE, PROGRAM};

/// The kubeconfig of somebody who may do everything. Without it the scenarios play on dev clusters.
pub const KUBECONFIG: &str = "TRIGGER_E2E_KUBECONFIG";
/// The kubeconfig of the program, for a cluster on which it is set up already.
const PROGRAM_KUBECONFIG: &str = "TRIGGER_E2E_PROGRAM_KUBECONFIG";

/// How long a definition takes until it is served, at most; times [`LOOK_AGAIN`].
const LOOKS: u32 = 400;
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

static PREPARED: OnceCell<Elsewhere> = OnceCell::const_new();

/// The cluster that the environment names, ready for the scenarios.
pub async fn elsewhere() -> Option<Elsewhere> {
    let read = |variable| std::env::var(variable).ok().map(|file| std::fs::read_to_string(file).unwrap());
    let admin = read(KUBECONFIG)?;
    let prepared = PREPARED.get_or_init(|| async move {
        let program = match read(PROGRAM_KUBECONFIG) {
            Some(program) => program,
            None => prepare(&admin).await,
        };
        Elsewhere { admin, program }
    });
    Some(prepared.await.clone())
}

/// Returns the kubeconfig of the program.
async fn prepare(admin: &str) -> String {
    let store = store(&client(admin).await);
    let old = trigger_api::crds::tekton_run().unwrap();
    for definition in trigger_api::crds::all().unwrap().into_iter().chain(old) {
        install(&store, definition).await;
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    store.apply(namespace).await.unwrap();
    let account: Value =
        serde_saphyr::from_str(include_str!("../../../../deploy/base/service-account.yaml")).unwrap();
    let subjects = json!([{
        "kind": "ServiceAccount", "namespace": NAMESPACE, "name": account["metadata"]["name"],
    }]);
    let name = account["metadata"]["name"].as_str().unwrap().to_owned();
    store.apply(account).await.unwrap();
    for role in roles::documents() {
        // The others are bound where the scenarios play.
        let name = role["metadata"]["name"].as_str().unwrap();
        let everywhere = ["-reviews", "-cluster-triggers"].iter().any(|end| name.ends_with(end));
        let bound = match role["kind"].as_str().unwrap() {
            "ClusterRole" if everywhere => Some("ClusterRoleBinding"),
            "Role" => Some("RoleBinding"),
            _ => None,
        };
        let binding = bound.map(|kind| {
            let mut binding = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": {"name": role["metadata"]["name"]}, "subjects": subjects,
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"],
                },
            });
            if let Some(namespace) = role["metadata"]["namespace"].as_str() {
                binding["metadata"]["namespace"] = namespace.into();
            }
            binding
        });
        store.apply(role).await.unwrap();
        if let Some(binding) = binding {
            store.apply(binding).await.unwrap();
        }
    }
    let reviews = ("create", "authentication.k8s.io", "tokenreviews");
    until_allowed(&store, PROGRAM, reviews.0, reviews.1, reviews.2, "").await;
    let leases = ("get", "coordination.k8s.io", "leases");
    until_allowed(&store, PROGRAM, leases.0, leases.1, leases.2, NAMESPACE).await;

    let tokens = Gvr::new("", "v1", format!("serviceaccounts/{name}/token"));
    let asked = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 86_400},
    });
    let told = store.create(&tokens, NAMESPACE, asked).await.unwrap();
    with_token(admin, told["status"]["token"].as_str().unwrap())
}

/// Installs a definition where there is none, and waits until it is served. One that is there is somebody's.
async fn install(store: &StoreHandle, definition: Value) {
    let definitions = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
    if store.get(&definitions, "", &name).await.unwrap().is_none() {
        store.apply(definition.clone()).await.unwrap();
    }
    let text = |pointer: &str| definition.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    for version in definition["spec"]["versions"].as_array().unwrap() {
        let served = version["served"] == true;
        let version = version["name"].as_str().unwrap();
        let resource = Gvr::new(text("/spec/group"), version, text("/spec/names/plural"));
        for look in 0..LOOKS {
            if !served || store.list(&resource, "").await.is_ok() {
                break;
            }
            assert!(look + 1 < LOOKS, "{name} {version} is not served");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The kubeconfig of the user with `token`, for the cluster of another kubeconfig.
pub fn with_token(kubeconfig: &str, token: &str) -> String {
    let mut config: Value = serde_saphyr::from_str(kubeconfig).unwrap();
    let current = config["current-context"].clone();
    let contexts = config["contexts"].as_array().unwrap();
    let context = contexts.iter().find(|context| context["name"] == current).unwrap();
    let cluster = context["context"]["cluster"].clone();
    let context = json!({"cluster": cluster, "user": "program", "namespace": NAMESPACE});
    config["contexts"] = json!([{"name": current, "context": context}]);
    config["users"] = json!([{"name": "program", "user": {"token": token}}]);
    config.to_string()
}
