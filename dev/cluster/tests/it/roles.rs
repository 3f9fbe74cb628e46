//! Rights from Roles, ClusterRoles and their bindings.

use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Gvr, User};

use crate::scene::{Scene, builder};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const MEMBERS: [&str; 2] = ["system:serviceaccounts", "system:authenticated"];

/// A role, or a binding of `role` (kind and name) to subjects. An empty namespace is none.
async fn apply(cluster: &DevCluster, kind: &str, namespace: &str, name: &str, fields: Value) {
    let metadata = if namespace.is_empty() {
        json!({"name": name})
    } else {
        json!({"name": name, "namespace": namespace})
    };
    let mut object =
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata});
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    cluster.store().apply(object).await.unwrap();
}

#[expect(clippy::needless_pass_by_value, reason = "subjects are written in place")]
fn bound(role: (&str, &str), subjects: Value) -> Value {
    json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1}, "subjects": subjects})
}

fn rules(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Value {
    json!({"rules": [{"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names}]})
}

/// Asks whether `user` may do `wanted`, which is like `get secrets/hook`, in `namespace`.
async fn allowed(scene: &Scene, user: (&str, &[&str]), wanted: &str, namespace: &str) -> bool {
    let (verb, resource) = wanted.split_once(' ').unwrap();
    let (resource, name) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    let attributes =
        json!({"verb": verb, "group": group, "resource": resource, "name": name, "namespace": namespace});
    let spec = json!({"user": user.0, "groups": user.1, "resourceAttributes": attributes});
    scene.post(REVIEWS, &json!({"spec": spec})).await.expect(201)["status"]["allowed"] == true
}

#[tokio::test]
async fn roles_hold_in_their_namespace_and_cluster_roles_where_they_are_bound() {
    let scene = Scene::of(builder().authorize()).await;
    let dev = &scene.cluster;
    let ci = json!([{"kind": "ServiceAccount", "namespace": "team-a", "name": "ci"}]);
    apply(dev, "Role", "team-a", "runs", rules(&["create", "get"], &["shipwright.io"], &["buildruns"], &[]))
        .await;
    apply(dev, "RoleBinding", "team-a", "runs", bound(("Role", "runs"), ci.clone())).await;
    apply(dev, "ClusterRole", "", "hook", rules(&["get"], &[""], &["secrets"], &["hook"])).await;
    apply(dev, "RoleBinding", "team-b", "hook", bound(("ClusterRole", "hook"), ci.clone())).await;
    apply(dev, "ClusterRole", "", "all", rules(&["*"], &["*"], &["*"], &[])).await;
    apply(
        dev,
        "ClusterRoleBinding",
        "",
        "all",
        bound(("ClusterRole", "all"), json!([{"kind": "User", "name": "root"}])),
    )
    .await;
    // A binding of a Role in another namespace, and of none at all.
    apply(dev, "RoleBinding", "team-b", "runs", bound(("Role", "runs"), ci.clone())).await;
    apply(dev, "ClusterRoleBinding", "", "none", bound(("ClusterRole", "none"), ci)).await;

    let ci = "system:serviceaccount:team-a:ci";
    for (user, wanted, namespace, expected) in [
        (ci, "create buildruns.shipwright.io", "team-a", true),
        (ci, "delete buildruns.shipwright.io", "team-a", false),
        (ci, "create buildruns", "team-a", false),
        (ci, "create buildruns.shipwright.io", "team-b", false),
        (ci, "create buildruns.shipwright.io", "", false),
        (ci, "get secrets/hook", "team-b", true),
        (ci, "get secrets/other", "team-b", false),
        (ci, "get secrets", "team-b", false),
        (ci, "get secrets/hook", "team-a", false),
        ("system:serviceaccount:team-b:ci", "create buildruns.shipwright.io", "team-a", false),
        ("ci", "create buildruns.shipwright.io", "team-a", false),
        ("root", "delete namespaces/team-a", "", true),
        ("root", "impersonate users/x", "", true),
        ("root", "get secrets/hook", "team-b", true),
    ] {
        assert_eq!(
            allowed(&scene, (user, &[]), wanted, namespace).await,
            expected,
            "{user} {wanted} {namespace}"
        );
    }
}

#[tokio::test]
async fn groups_have_rights_and_an_account_without_namespace_is_that_of_the_binding() {
    let scene = Scene::new().await;
    let dev = &scene.cluster;
    apply(dev, "ClusterRole", "", "read", rules(&["get"], &[""], &["configmaps"], &[])).await;
    for (namespace, subject) in [
        ("of-accounts", json!({"kind": "Group", "name": "system:serviceaccounts"})),
        ("of-team-a", json!({"kind": "Group", "name": "system:serviceaccounts:team-a"})),
        ("of-all", json!({"kind": "Group", "name": "system:authenticated"})),
        ("team-a", json!({"kind": "ServiceAccount", "name": "ci"})),
    ] {
        apply(dev, "RoleBinding", namespace, "read", bound(("ClusterRole", "read"), json!([subject]))).await;
    }
    let of_team = ["system:serviceaccounts:team-a"];
    for (user, groups, namespace, expected) in [
        ("x", &MEMBERS[..1], "of-accounts", true),
        ("x", &MEMBERS[1..], "of-accounts", false),
        ("x", &MEMBERS[1..], "of-all", true),
        ("x", &of_team[..], "of-team-a", true),
        ("x", &of_team[..], "of-all", false),
        ("system:serviceaccount:team-a:ci", &[], "team-a", true),
        // A review has no other groups than it says.
        ("system:serviceaccount:team-a:ci", &[], "of-team-a", false),
    ] {
        let found = allowed(&scene, (user, groups), "get configmaps", namespace).await;
        assert_eq!(found, expected, "{user} {groups:?} {namespace}");
    }
}

#[tokio::test]
async fn a_change_of_roles_and_bindings_holds_at_once() {
    let user = User { token: "t".to_owned(), name: "robot".to_owned(), ..User::default() };
    let scene = Scene::of(builder().user(user).authorize()).await;
    let dev = &scene.cluster;
    let robot = json!([{"kind": "User", "name": "robot"}]);
    let gvr = |plural: &str| Gvr::new("rbac.authorization.k8s.io", "v1", plural);
    let token = [("authorization", "Bearer t")];
    let path = "/api/v1/namespaces/team/configmaps";
    let get = async || scene.with_headers(&token, "GET", path, &Value::Null).await.status;
    let forbidden = scene.with_headers(&token, "GET", path, &Value::Null).await.expect(403);
    assert_eq!(
        forbidden["message"],
        "configmaps is forbidden: User \"robot\" cannot list resource \"configmaps\" in API group \"\" in the \
         namespace \"team\""
    );
    apply(dev, "RoleBinding", "team", "maps", bound(("Role", "maps"), robot)).await;
    assert_eq!(get().await, 403, "there is no such role");
    apply(dev, "Role", "team", "maps", rules(&["list"], &[""], &["configmaps"], &[])).await;
    assert_eq!(get().await, 200);
    apply(dev, "Role", "team", "maps", rules(&["watch"], &[""], &["configmaps"], &[])).await;
    assert_eq!(get().await, 403);
    apply(dev, "Role", "team", "maps", rules(&["list"], &[""], &["configmaps"], &[])).await;
    assert_eq!(get().await, 200);
    dev.faults().compact();
    assert_eq!(get().await, 200, "the history is gone, and the rights are not");
    assert!(dev.store().delete(&gvr("rolebindings"), "team", "maps").await.unwrap());
    assert_eq!(get().await, 403);
}

#[tokio::test]
async fn a_namespace_is_read_by_a_role_in_it() {
    let user = User { token: "t".to_owned(), name: "robot".to_owned(), ..User::default() };
    let scene = Scene::of(builder().user(user).authorize()).await;
    let dev = &scene.cluster;
    let robot = json!([{"kind": "User", "name": "robot"}]);
    apply(dev, "Role", "team", "own", rules(&["get"], &[""], &["namespaces"], &[])).await;
    apply(dev, "RoleBinding", "team", "own", bound(("Role", "own"), robot)).await;
    let get = async |path: &str| {
        scene.with_headers(&[("authorization", "Bearer t")], "GET", path, &Value::Null).await
    };
    get("/api/v1/namespaces/team").await.expect(200);
    get("/api/v1/namespaces/default").await.expect(403);
    let all = get("/api/v1/namespaces").await.expect(403);
    assert_eq!(
        all["message"],
        "namespaces is forbidden: User \"robot\" cannot list resource \"namespaces\" in API group \"\" at the cluster scope"
    );
}
