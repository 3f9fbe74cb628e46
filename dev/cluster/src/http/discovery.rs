//! Discovery of groups, versions and resources.

use serde_json::{Value, json};

use crate::resources::{Registry, Resource};

/// `/version`: the Kubernetes version that this server imitates.
pub(super) fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0+devcluster", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// `/api`.
pub(super) fn core_versions(host: &str) -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]})
}

/// `/apis`.
pub(super) fn groups(registry: &Registry) -> Value {
    let groups = registry.groups().into_iter().filter(|group| !group.is_empty());
    let list: Vec<Value> = groups.filter_map(|name| group(registry, &name)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})
}

/// `/apis/{group}`.
pub(super) fn group(registry: &Registry, name: &str) -> Option<Value> {
    let versions: Vec<Value> = registry
        .versions_of(name)
        .into_iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": versions,
        "preferredVersion": preferred}))
}

/// `/api/v1` and `/apis/{group}/{version}`.
pub(super) fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut list = Vec::new();
    for resource in in_version(registry, group, version) {
        list.push(json!({
            "name": resource.name.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.name.kind, "verbs": resource.verbs(), "shortNames": resource.short_names,
            "categories": resource.categories,
        }));
        if has_status(resource, version) {
            list.push(json!({
                "name": format!("{}/status", resource.name.plural), "singularName": "",
                "namespaced": resource.namespaced, "kind": resource.name.kind, "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!list.is_empty()).then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list})
    })
}

/// Aggregated discovery: the core group for `/api`, all other groups for `/apis`.
pub(super) fn aggregated(registry: &Registry, core: bool, format: &str) -> Value {
    let groups = registry.groups().into_iter().filter(|group| group.is_empty() == core);
    let items: Vec<Value> = groups
        .map(|group| {
            let versions: Vec<Value> = registry
                .versions_of(&group)
                .into_iter()
                .map(|version| {
                    let resources = in_version(registry, &group, &version);
                    let list: Vec<Value> = resources.map(|r| aggregated_resource(r, &version)).collect();
                    json!({"version": version, "freshness": "Current", "resources": list})
                })
                .collect();
            json!({"metadata": {"name": group}, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{format}"),
        "metadata": {}, "items": items})
}

fn aggregated_resource(resource: &Resource, version: &str) -> Value {
    let kind = json!({"group": resource.name.group, "version": version, "kind": resource.name.kind});
    let mut value = json!({
        "resource": resource.name.plural, "singularResource": resource.singular, "responseKind": kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "verbs": resource.verbs(), "shortNames": resource.short_names, "categories": resource.categories,
    });
    if has_status(resource, version) {
        value["subresources"] =
            json!([{"subresource": "status", "responseKind": kind, "verbs": ["get", "patch", "update"]}]);
    }
    value
}

fn in_version<'a>(
    registry: &'a Registry,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Resource> {
    let served = move |resource: &&Resource| {
        resource.name.group == group && resource.version(version).is_some_and(|v| v.served)
    };
    registry.all().map(|resource| &**resource).filter(served)
}

fn has_status(resource: &Resource, version: &str) -> bool {
    resource.version(version).is_some_and(|v| v.status)
}
