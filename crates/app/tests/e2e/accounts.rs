//! Objects that are created as service accounts of teams, by the rights of these accounts.

use std::sync::Arc;

use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use trigger_cluster::{EventRecorder, KubeLauncher};
use trigger_core::{ObjectKey, Ordinal, ResourceRef};
use trigger_dispatch::{Launched, Launcher as _, Retry};
use trigger_runtime::CriticalTasks;
use trigger_targets::build_run::BUILD;
use trigger_targets::{Existing, Manifest, Plan, RenderError, Subject};

use crate::elsewhere;
use crate::prepare::with_token;
use crate::world::World;

/// A ConfigMap of a template.
#[derive(Debug)]
struct ConfigMap(ObjectKey);

impl Manifest for ConfigMap {
    fn object(&self) -> Result<Value, RenderError> {
        let metadata = json!({"namespace": self.0.namespace, "name": self.0.name});
        Ok(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
    }

    fn memory(&self) -> usize {
        0
    }
}

/// A plan for a ConfigMap, created as the service account `ci` of its namespace for the Build `web`.
fn plan(namespace: &str) -> Plan {
    let key = ObjectKey::new(namespace, "made");
    Plan {
        resource: ResourceRef::new("", "ConfigMap", key.clone()),
        version: "v1".into(),
        manifest: Arc::new(ConfigMap(key)),
        run_as: Some(ObjectKey::new(namespace, "ci")),
        existing: Existing::Created,
        condition: None,
        limit: None,
        follow_up: None,
        subject: Subject {
            resource: BUILD.named(ObjectKey::new(namespace, "web")),
            version: BUILD.version.into(),
            uid: "1".to_owned(),
        },
        sequence: None,
        ordinal: Ordinal::FIRST,
    }
}

fn maps(verbs: &[&str]) -> Value {
    json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_created_where_the_program_may_act_as_the_account_and_the_account_may_create_it() {
    let world = World::new().await;
    let (ours, other) = (world.namespace("team-a"), world.namespace("team-b"));
    for team in ["team-a", "team-b"] {
        world.service_account(team, "ci").await;
    }
    let (connection, tasks) = (world.connection().await, CriticalTasks::default());
    let launcher = KubeLauncher::new(&connection, EventRecorder::start(&connection, &tasks));
    let refused = async |namespace: &str| {
        let error = launcher.launch(&plan(namespace)).await.unwrap_err();
        assert_eq!(error.retry, Retry::Later, "{error}");
        error.message
    };

    // The account may, and the program may not act as it.
    world.grant("team-b", "ci", maps(&["create"])).await;
    for namespace in [&ours, &other] {
        let message = refused(namespace).await;
        let expected = format!(
            "this program may not act as the service account {namespace}/ci; run `kubectl create role run-as-ci -n \
             {namespace} --verb=impersonate --resource=serviceaccounts --resource-name=ci` and `kubectl create rolebinding \
             run-as-ci -n {namespace} --role=run-as-ci --serviceaccount=shipwright-trigger:shipwright-trigger`"
        );
        assert_eq!(message, expected);
    }
    let notes = world.events("team-a", "web", "ObjectDelayed").await;
    assert!(notes.iter().all(|note| note.contains("may not act as the service account")), "{notes:?}");

    // The program may act as it, and the account may not.
    world.allow_impersonation("team-a").await;
    let message = refused(&ours).await;
    let expected = format!(
        "the service account {ours}/ci may not create configmaps in the namespace {ours}; run `kubectl create role"
    );
    assert!(message.starts_with(&expected), "{message}");

    world.grant("team-a", "ci", maps(&["create"])).await;
    let created = launcher.launch(&plan(&ours)).await.unwrap();
    assert!(!created.existed && created.uid.is_some(), "{created:?}");
    // It exists. The account needs a right of its own to read which one it is.
    let existing = |uid| Launched { existed: true, uid };
    assert_eq!(launcher.launch(&plan(&ours)).await, Ok(existing(None)));
    world.grant("team-a", "ci", maps(&["create", "get"])).await;
    assert_eq!(launcher.launch(&plan(&ours)).await, Ok(existing(created.uid)));
    assert!(refused(&other).await.contains("may not act as"), "one namespace grants nothing in another");
}

/// The code of the answer to a request with these headers, and its message.
async fn answer(client: &Client, headers: &[(&str, &str)], path: &str) -> (u64, String) {
    let request = Request::builder().uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = client.send(request.body(Body::empty()).unwrap()).await.unwrap();
    let code = answer.status().as_u16().into();
    let body = answer.into_body().collect_bytes().await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    (code, body["message"].as_str().unwrap_or_default().to_owned())
}

/// The dev cluster has to refuse it in the words of an API server: the program reads them.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_as_another_user_needs_the_right_to_impersonate_and_has_the_rights_of_the_other() {
    let world = World::with_users().await;
    let team = world.namespace("team-a");
    let (ci, deployer) =
        (world.service_account("team-a", "ci").await, world.service_account("team-a", "deployer").await);
    let requester = world.name_of("reader-a");
    let kubeconfig = with_token(&world.stage.admin_kubeconfig, &world.token("reader-a"));
    let client = elsewhere::client(&kubeconfig).await;
    let path = |resource: &str| format!("/api/v1/namespaces/{team}/{resource}");
    let forbidden = |what: &str, user: &str, verb: &str, resource: &str, place: &str| {
        let message = format!(
            "{what} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"\" {place}"
        );
        (403, message)
    };
    let here = format!("in the namespace \"{team}\"");
    let no_account = |name: &str| {
        forbidden(&format!("serviceaccounts \"{name}\""), requester, "impersonate", "serviceaccounts", &here)
    };
    let as_ci = [("impersonate-user", ci.as_str())];
    assert_eq!(answer(&client, &as_ci, &path("configmaps")).await, no_account("ci"));

    let rules = json!([{
        "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"], "resourceNames": ["ci"],
    }]);
    let subject = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": requester});
    world.bind("team-a", "run-as-ci", subject, &rules).await;
    world.until_granted("team-a", requester, &rules).await;
    let list = |resource: &str| forbidden(resource, &ci, "list", resource, &here);
    assert_eq!(answer(&client, &as_ci, &path("configmaps")).await, list("configmaps"));
    let as_deployer = [("impersonate-user", deployer.as_str())];
    assert_eq!(answer(&client, &as_deployer, &path("configmaps")).await, no_account("deployer"));
    let of_masters = [("impersonate-user", ci.as_str()), ("impersonate-group", "system:masters")];
    let no_group =
        forbidden("groups \"system:masters\"", requester, "impersonate", "groups", "at the cluster scope");
    assert_eq!(answer(&client, &of_masters, &path("configmaps")).await, no_group);

    // As the account, or as a member of the group of all accounts of its namespace.
    world.grant("team-a", "ci", maps(&["list"])).await;
    assert_eq!(answer(&client, &as_ci, &path("configmaps")).await.0, 200);
    assert_eq!(answer(&client, &as_ci, &path("serviceaccounts")).await, list("serviceaccounts"));
    let group = format!("system:serviceaccounts:{team}");
    let subject = json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group});
    let rules = json!([{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["list"]}]);
    world.bind("team-a", "accounts", subject, &rules).await;
    world
        .until("the members of the group have the right", || async {
            (answer(&client, &as_ci, &path("serviceaccounts")).await.0 == 200).then_some(())
        })
        .await;
    // The requester itself has got nothing of it.
    let own = forbidden("configmaps", requester, "list", "configmaps", &here);
    assert_eq!(answer(&client, &[], &path("configmaps")).await, own);
}
