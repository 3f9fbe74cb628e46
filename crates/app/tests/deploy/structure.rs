//! Every field is one that its kind has.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kubectl::{OVERLAYS, is_there, overlays, render};

/// A manifest after it was read as its kind and written again: what the kind does not have is gone.
fn through<T: DeserializeOwned + Serialize>(object: &Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_value::<T>(object.clone())?)
}

/// The same for any built-in kind that is used here.
fn as_it_is_read(object: &Value) -> Option<serde_json::Result<Value>> {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    Some(match (version, kind) {
        ("v1", "Namespace") => through::<Namespace>(object),
        ("v1", "Service") => through::<Service>(object),
        ("v1", "ServiceAccount") => through::<ServiceAccount>(object),
        ("apps/v1", "Deployment") => through::<Deployment>(object),
        ("apps/v1", "StatefulSet") => through::<StatefulSet>(object),
        ("networking.k8s.io/v1", "Ingress") => through::<Ingress>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => through::<NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => through::<PodDisruptionBudget>(object),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => {
            through::<CustomResourceDefinition>(object)
        }
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => through::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => through::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => through::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => through::<RoleBinding>(object),
        _ => return None,
    })
}

/// The fields of `spec` that we use of kinds which come by CustomResourceDefinitions, as their own
/// documentation has them. What is not here has to be looked up and added.
const KNOWN: [(&str, &str, &[&str]); 4] = [
    // https://docs.redhat.com/en/documentation/openshift_container_platform, Route [route.openshift.io/v1]
    (
        "route.openshift.io/v1",
        "Route",
        &[
            "path",
            "to.kind",
            "to.name",
            "to.weight",
            "port.targetPort",
            "tls.termination",
            "tls.insecureEdgeTerminationPolicy",
        ],
    ),
    // https://gateway-api.sigs.k8s.io/reference/spec/
    (
        "gateway.networking.k8s.io/v1",
        "Gateway",
        &[
            "gatewayClassName",
            "listeners[].name",
            "listeners[].hostname",
            "listeners[].protocol",
            "listeners[].port",
            "listeners[].tls.mode",
            "listeners[].tls.certificateRefs[].name",
            "listeners[].allowedRoutes.namespaces.from",
        ],
    ),
    (
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        &[
            "parentRefs[].name",
            "parentRefs[].sectionName",
            "hostnames[]",
            "rules[].matches[].path.type",
            "rules[].matches[].path.value",
            "rules[].backendRefs[].name",
            "rules[].backendRefs[].port",
        ],
    ),
    // https://prometheus-operator.dev/docs/api-reference/api/
    (
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        &["selector.matchLabels.*", "endpoints[].port", "endpoints[].path"],
    ),
];

/// The places of all leaves: `a.b[].c`.
fn leaves(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if place.ends_with("matchLabels") { "*" } else { name };
                let place = if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
                leaves(value, &place, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, &format!("{place}[]"), found)),
        _ => found.push(place.to_owned()),
    }
}

#[track_caller]
fn check(folder: &str, object: &Value) {
    let named = format!("{folder}: {} {}", object["kind"], object["metadata"]["name"]);
    if let Some(read) = as_it_is_read(object) {
        assert_eq!(&read.unwrap_or_else(|error| panic!("{named}: {error}")), object, "{named}");
        return;
    }
    let known =
        KNOWN.iter().find(|(version, kind, _)| object["apiVersion"] == *version && object["kind"] == *kind);
    let (_, _, known) = known.unwrap_or_else(|| panic!("{named}: nobody has said what this kind has"));
    let mut found = Vec::new();
    leaves(&object["spec"], "", &mut found);
    for place in &found {
        assert!(known.contains(&place.as_str()), "{named}: spec.{place}");
    }
    for place in *known {
        assert!(found.iter().any(|found| found == place), "{named}: spec.{place} is missing");
    }
}

#[test]
fn manifests_have_only_fields_that_their_kinds_have() {
    for overlay in overlays("manifests_have_only_fields_that_their_kinds_have") {
        overlay.objects.iter().for_each(|object| check(&overlay.name, object));
    }
}

/// What no overlay has is added to one, as people do it.
#[test]
fn components_that_no_overlay_has_can_be_added() {
    if !is_there("components_that_no_overlay_has_can_be_added") {
        return;
    }
    let deploy = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy")).canonicalize().unwrap();
    let read =
        |folder: &str| std::fs::read_to_string(deploy.join(folder).join("kustomization.yaml")).unwrap();
    let used: String = OVERLAYS.map(read).concat();
    let all = std::fs::read_dir(deploy.join("components")).unwrap();
    let all = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others: Vec<_> = all.filter(|name| !used.contains(&format!("/{name}\n")) && name != "pod").collect();
    assert!(others.contains(&"service-monitor".to_owned()), "{others:?}");
    let without: BTreeSet<_> = texts(&render("overlays/single").objects).collect();
    for name in others {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // Kustomize takes folders by relative paths only.
        let up = "../".repeat(folder.path().canonicalize().unwrap().components().count() - 1);
        let deploy = format!("{up}{}", deploy.strip_prefix("/").unwrap().display());
        let text =
            format!("resources: [{deploy}/overlays/single]\ncomponents: [{deploy}/components/{name}]\n");
        std::fs::write(folder.path().join("kustomization.yaml"), text).unwrap();
        let with = render(folder.path().to_str().unwrap()).objects;
        assert!(texts(&with).any(|object| !without.contains(&object)), "{name} adds nothing");
        for object in with.iter().filter(|object| !PASSED_OVER.contains(&object["kind"].as_str().unwrap())) {
            check(&name, object);
        }
    }
}

/// Kinds whose contents are held by tests of their own.
const PASSED_OVER: [&str; 2] = ["ConfigMap", "PrometheusRule"];

fn texts(objects: &[Value]) -> impl Iterator<Item = String> {
    objects.iter().map(ToString::to_string)
}
