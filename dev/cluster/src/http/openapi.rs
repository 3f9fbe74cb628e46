//! OpenAPI v3, as far as `kubectl explain` and server-side validation need it.

use serde_json::{Map, Value, json};

use crate::resources::{Registry, Resource};

/// `/openapi/v3`.
pub(super) fn index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for group in registry.groups() {
        for version in registry.versions_of(&group) {
            let path =
                if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            let url = format!("/openapi/v3/{path}");
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

/// `/openapi/v3/apis/{group}/{version}`.
pub(super) fn document(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for resource in registry.all().filter(|r| r.name.group == group) {
        let Some(served) = resource.version(version).filter(|v| v.served) else { continue };
        let name = schema_name(resource, version);
        let mut schema = served.openapi.clone();
        schema["x-kubernetes-group-version-kind"] = json!([kind_of(resource, version)]);
        schemas.insert(name.clone(), schema);
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        let content = json!({"application/json": {"schema": reference}});
        let operation = |action: &str, parameters: Value, has_body: bool| {
            let mut operation = json!({
                "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind_of(resource, version),
                "parameters": parameters, "responses": {"200": {"description": "OK", "content": content}},
            });
            if has_body {
                operation["requestBody"] = json!({"content": content});
            }
            operation
        };
        let (collection, object) = paths_of(resource, version);
        paths.insert(
            collection,
            json!({"get": operation("list", json!([]), false), "post": operation("post", write_parameters(), true)}),
        );
        paths.insert(
            object,
            json!({
                "get": operation("get", json!([]), false),
                "put": operation("put", write_parameters(), true),
                "patch": operation("patch", write_parameters(), true),
                "delete": operation("delete", json!([parameter("dryRun")]), false),
            }),
        );
    }
    (!paths.is_empty()).then(|| {
        json!({"openapi": "3.0.0", "info": {"title": "devcluster", "version": "v1"}, "paths": paths,
            "components": {"schemas": schemas}})
    })
}

fn kind_of(resource: &Resource, version: &str) -> Value {
    json!({"group": resource.name.group, "version": version, "kind": resource.name.kind})
}

fn schema_name(resource: &Resource, version: &str) -> String {
    let mut parts: Vec<&str> = resource.name.group.split('.').filter(|part| !part.is_empty()).collect();
    parts.reverse();
    parts.extend([version, &resource.name.kind]);
    parts.join(".")
}

fn paths_of(resource: &Resource, version: &str) -> (String, String) {
    let root = if resource.name.group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{}/{version}", resource.name.group)
    };
    let namespace = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{namespace}/{}", resource.name.plural);
    let object = format!("{collection}/{{name}}");
    (collection, object)
}

fn parameter(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}

/// kubectl uses `fieldValidation` and `dryRun` only if the document lists them.
fn write_parameters() -> Value {
    json!([parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")])
}
