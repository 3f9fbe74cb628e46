//! Who is given what.

use serde_json::{Value, json};

use crate::kubectl::{Rendered, is_there, overlays, render};

const NAME: &str = "shipwright-trigger";

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn bound(rendered: &Rendered, kind: &str) -> Vec<String> {
    let mut bound: Vec<_> = rendered
        .of_kind(kind)
        .map(|binding| {
            let subject = json!([{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}]);
            assert_eq!(binding["subjects"], subject, "{}: {}", rendered.name, name(binding));
            assert_eq!(binding["roleRef"]["apiGroup"], "rbac.authorization.k8s.io", "{}", rendered.name);
            binding["roleRef"]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    bound.sort();
    bound
}

#[test]
fn rights_are_bound_to_the_programs_account_and_secrets_nowhere() {
    for overlay in overlays("rights_are_bound_to_the_programs_account_and_secrets_nowhere") {
        let account = overlay.of_kind("ServiceAccount").next().unwrap();
        assert_eq!((name(account), &account["metadata"]["namespace"]), (NAME, &json!(NAME)));
        let pod = &overlay.workload()["spec"]["template"]["spec"];
        assert_eq!(pod["serviceAccountName"], NAME, "{}", overlay.name);
        let everywhere = bound(&overlay, "ClusterRoleBinding");
        let expected: &[&str] = match overlay.name.as_str() {
            "overlays/namespaces" => &["shipwright-trigger-cluster-triggers", "shipwright-trigger-reviews"],
            _ => &["shipwright-trigger", "shipwright-trigger-cluster-triggers", "shipwright-trigger-reviews"],
        };
        assert_eq!(everywhere, expected, "{}", overlay.name);
        let here = bound(&overlay, "RoleBinding");
        let expected: &[&str] =
            if overlay.name == "overlays/replicated" { &["shipwright-trigger-leases"] } else { &[] };
        assert_eq!(here, expected, "{}", overlay.name);
        let roles: Vec<_> = overlay.of_kind("ClusterRole").chain(overlay.of_kind("Role")).map(name).collect();
        for role in everywhere.iter().chain(&here) {
            assert!(roles.contains(&role.as_str()), "{}: there is no role {role}", overlay.name);
        }
    }
}

#[test]
fn a_tenant_grants_its_builds_and_its_secrets() {
    if !is_there("a_tenant_grants_its_builds_and_its_secrets") {
        return;
    }
    let tenant = render("tenant");
    assert_eq!(bound(&tenant, "RoleBinding"), ["shipwright-trigger", "shipwright-trigger-secrets"]);
    for binding in &tenant.objects {
        assert_eq!(binding["kind"], "RoleBinding");
        assert!(binding["metadata"]["namespace"].is_null(), "it is for any namespace");
        assert_eq!(binding["roleRef"]["kind"], "ClusterRole");
    }
}

/// The right to act as its service accounts is one that a namespace grants by itself, and only if it has listeners.
#[test]
fn only_a_tenant_with_listeners_grants_its_service_accounts() {
    let test = "only_a_tenant_with_listeners_grants_its_service_accounts";
    if !is_there(test) {
        return;
    }
    let impersonates = |rendered: &Rendered| rendered.text.contains("impersonate");
    assert!(overlays(test).iter().all(|overlay| !impersonates(overlay)));
    assert!(!impersonates(&render("tenant")));
    let listeners = render("tenant/listeners");
    assert_eq!(bound(&listeners, "RoleBinding"), ["shipwright-trigger-listeners"]);
    let [role, binding] = &listeners.objects[..] else { panic!("{}", listeners.text) };
    assert_eq!((&role["kind"], &binding["roleRef"]["kind"]), (&json!("Role"), &json!("Role")));
    let act_as = json!({"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]});
    assert_eq!(role["rules"], json!([act_as]), "`resourceNames` can be added to narrow it down");
    for object in &listeners.objects {
        assert!(object["metadata"]["namespace"].is_null(), "it is for any namespace");
    }
}

#[test]
fn there_is_no_secret_in_the_manifests() {
    for overlay in overlays("there_is_no_secret_in_the_manifests") {
        assert!(!overlay.has("Secret"), "{}", overlay.name);
        for variable in overlay.container()["env"].as_array().unwrap() {
            let secret = ["PASSWORD", "TOKEN", "SECRET"]
                .iter()
                .any(|word| variable["name"].as_str().unwrap().contains(word));
            assert!(!secret || variable["value"].is_null(), "{}: {variable}", overlay.name);
        }
        assert!(!overlay.text.contains("postgres://"), "{}", overlay.name);
    }
}
