//! The built-in kinds, described by a schema and columns as custom kinds are.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{Column, Resource, ResourceVersion, Strategy};
use crate::resource_name::ResourceName;
use crate::schema::Schema;

/// The schema of `Time`.
fn time() -> Value {
    json!({"type": "string", "format": "date-time", "nullable": true})
}

/// The schema of `MicroTime`, which has exactly six fractional digits.
fn micro_time() -> Value {
    json!({"type": "string", "format": "micro-time", "nullable": true})
}

/// The schema of `ObjectMeta`.
pub(crate) fn meta_schema() -> Value {
    let (text, time) = (json!({"type": "string"}), time());
    let texts = json!({"type": "object", "additionalProperties": text});
    json!({"type": "object", "properties": {
        "name": text, "generateName": text, "namespace": text, "uid": text, "selfLink": text,
        "resourceVersion": text, "creationTimestamp": time, "deletionTimestamp": time,
        "generation": {"type": "integer"}, "deletionGracePeriodSeconds": {"type": "integer"},
        "labels": texts, "annotations": texts,
        "finalizers": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
        "managedFields": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        "ownerReferences": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
            "items": {"type": "object", "x-kubernetes-map-type": "atomic",
                "properties": {"apiVersion": text, "kind": text, "name": text, "uid": text,
                    "controller": {"type": "boolean"}, "blockOwnerDeletion": {"type": "boolean"}}},
        },
    }})
}

fn object_reference() -> Value {
    let text = json!({"type": "string"});
    json!({"type": "object", "x-kubernetes-map-type": "atomic", "properties": {
        "apiVersion": text, "kind": text, "name": text, "namespace": text, "uid": text,
        "resourceVersion": text, "fieldPath": text}})
}

fn object(properties: &Value) -> Value {
    let mut schema = json!({"type": "object", "properties": {
        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": meta_schema()}});
    if let (Some(into), Some(from)) = (schema["properties"].as_object_mut(), properties.as_object()) {
        into.extend(from.clone());
    }
    schema
}

/// All built-in resources.
pub(super) fn resources() -> Vec<Resource> {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let bytes = json!({"type": "object", "additionalProperties": {"type": "string", "format": "byte"}});
    let names = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": object_reference()});
    vec![
        kind("", "v1", "Namespace", "namespaces", Strategy::Namespace)
            .short("ns").cluster_wide().with_status()
            .schema(&json!({
                "spec": {"type": "object", "properties": {"finalizers": {"type": "array", "items": {"type": "string"}}}},
                "status": open}))
            .column("Status", "string", ".status.phase")
            .done(),
        kind("", "v1", "Secret", "secrets", Strategy::Secret)
            .schema(&json!({"type": {"type": "string"}, "immutable": {"type": "boolean"}, "data": bytes, "stringData": texts}))
            .column("Type", "string", ".type").column("Data", "count", ".data")
            .selectable(&["type"])
            .done(),
        kind("", "v1", "ConfigMap", "configmaps", Strategy::ConfigMap)
            .short("cm")
            .schema(&json!({"immutable": {"type": "boolean"}, "data": texts, "binaryData": bytes}))
            .column("Data", "count", ".data")
            .done(),
        kind("", "v1", "ServiceAccount", "serviceaccounts", Strategy::Plain)
            .short("sa")
            .schema(&json!({"automountServiceAccountToken": {"type": "boolean"}, "secrets": names, "imagePullSecrets": names}))
            .column("Secrets", "count", ".secrets")
            .done(),
        kind("", "v1", "Event", "events", Strategy::CoreEvent)
            .short("ev").schema(&core_event()).selectable(EVENT_SELECTORS)
            .column("Last Seen", "date", ".lastTimestamp|.eventTime|.metadata.creationTimestamp").column("Type", "string", ".type")
            .column("Reason", "string", ".reason").column("Object", "reference", ".involvedObject")
            .column("Message", "string", ".message").without_age()
            .done(),
        kind("events.k8s.io", "v1", "Event", "events", Strategy::EventsEvent)
            .short("ev").schema(&events_event())
            .selectable(&["type", "reason", "regarding.kind", "regarding.name", "regarding.namespace", "regarding.uid",
                "reportingController"])
            .column("Last Seen", "date", ".deprecatedLastTimestamp|.eventTime|.metadata.creationTimestamp").column("Type", "string", ".type")
            .column("Reason", "string", ".reason").column("Object", "reference", ".regarding")
            .column("Message", "string", ".note").without_age()
            .done(),
        kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Strategy::Definition)
            .short("crd").short("crds").category("api-extensions").cluster_wide().with_status()
            .schema(&json!({"spec": open, "status": open}))
            .column("Created At", "string", ".metadata.creationTimestamp").without_age()
            .done(),
        kind("coordination.k8s.io", "v1", "Lease", "leases", Strategy::Lease)
            .schema(&lease())
            .column("Holder", "string", ".spec.holderIdentity")
            .done(),
        rbac("Role", "roles").done(),
        rbac("ClusterRole", "clusterroles").cluster_wide().done(),
        rbac("RoleBinding", "rolebindings").done(),
        rbac("ClusterRoleBinding", "clusterrolebindings").cluster_wide().done(),
        review("authentication.k8s.io", "TokenReview", "tokenreviews", Strategy::TokenReview),
        review("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", Strategy::SubjectAccessReview),
        review("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", Strategy::SelfSubjectAccessReview),
    ]
}

const EVENT_SELECTORS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

fn core_event() -> Value {
    let text = json!({"type": "string"});
    json!({"involvedObject": object_reference(), "related": object_reference(), "reason": text, "message": text,
        "source": {"type": "object", "properties": {"component": text, "host": text}}, "type": text,
        "firstTimestamp": time(), "lastTimestamp": time(), "eventTime": micro_time(), "count": {"type": "integer"}, "action": text,
        "reportingComponent": text, "reportingInstance": text,
        "series": {"type": "object", "properties": {"count": {"type": "integer"}, "lastObservedTime": micro_time()}}})
}

fn events_event() -> Value {
    let text = json!({"type": "string"});
    json!({"regarding": object_reference(), "related": object_reference(), "reason": text, "note": text,
        "deprecatedSource": {"type": "object", "properties": {"component": text, "host": text}}, "type": text,
        "deprecatedFirstTimestamp": time(), "deprecatedLastTimestamp": time(),
        "deprecatedCount": {"type": "integer"}, "eventTime": micro_time(), "action": text,
        "reportingController": text, "reportingInstance": text,
        "series": {"type": "object", "properties": {"count": {"type": "integer"}, "lastObservedTime": micro_time()}}})
}

fn lease() -> Value {
    let text = json!({"type": "string"});
    json!({"spec": {"type": "object", "properties": {
        "holderIdentity": text, "leaseDurationSeconds": {"type": "integer"}, "acquireTime": micro_time(), "renewTime": micro_time(),
        "leaseTransitions": {"type": "integer"}, "preferredHolder": text, "strategy": text}}})
}

/// A role or a binding. Each has some of the fields.
fn rbac(name: &str, plural: &str) -> ResourceBuilder {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let list = json!({"type": "array", "items": open});
    kind("rbac.authorization.k8s.io", "v1", name, plural, Strategy::Plain)
        .schema(&json!({"rules": list, "aggregationRule": open, "roleRef": open, "subjects": list}))
}

fn review(group: &str, name: &str, plural: &str, strategy: Strategy) -> Resource {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    kind(group, "v1", name, plural, strategy)
        .cluster_wide()
        .schema(&json!({"spec": open, "status": open}))
        .done()
}

/// Builds a resource with one version, by default with a column `Age`.
struct ResourceBuilder {
    resource: Resource,
    has_age: bool,
}

fn kind(group: &str, version: &str, name: &str, plural: &str, strategy: Strategy) -> ResourceBuilder {
    let version = ResourceVersion {
        name: version.to_owned(),
        served: true,
        storage: true,
        deprecation: None,
        status: false,
        schema: Schema::anything(),
        openapi: Value::Null,
        columns: Vec::new(),
        selectable: Vec::new(),
    };
    ResourceBuilder {
        resource: Resource {
            name: ResourceName { group: group.to_owned(), plural: plural.to_owned(), kind: name.to_owned() },
            singular: name.to_lowercase(),
            list_kind: format!("{name}List"),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            strategy,
            versions: vec![version],
        },
        has_age: true,
    }
}

impl ResourceBuilder {
    fn version(mut self, change: impl FnOnce(&mut ResourceVersion)) -> Self {
        if let Some(version) = self.resource.versions.first_mut() {
            change(version);
        }
        self
    }

    fn short(mut self, name: &str) -> Self {
        self.resource.short_names.push(name.to_owned());
        self
    }

    fn category(mut self, name: &str) -> Self {
        self.resource.categories.push(name.to_owned());
        self
    }

    fn cluster_wide(mut self) -> Self {
        self.resource.namespaced = false;
        self
    }

    fn with_status(self) -> Self {
        self.version(|v| v.status = true)
    }

    fn schema(self, properties: &Value) -> Self {
        let schema = object(properties);
        self.version(|v| {
            v.schema = Schema::compile(&schema);
            v.openapi = schema;
        })
    }

    fn selectable(self, paths: &[&str]) -> Self {
        self.version(|v| v.selectable = paths.iter().map(|p| (*p).to_owned()).collect())
    }

    fn column(self, name: &str, kind: &str, path: &str) -> Self {
        let (name, kind, path) = (name.to_owned(), kind.to_owned(), path.to_owned());
        self.version(|v| v.columns.push(Column { description: String::new(), name, kind, priority: 0, path }))
    }

    fn without_age(mut self) -> Self {
        self.has_age = false;
        self
    }

    fn done(self) -> Resource {
        let has_age = self.has_age;
        let built = if has_age { self.column("Age", "date", ".metadata.creationTimestamp") } else { self };
        built.resource
    }
}

/// Moves a Secret's `stringData` into `data`, as the real server does on every write.
pub(super) fn encode_string_data(secret: &mut Value) {
    let Some(Value::Object(plain)) = secret.as_object_mut().and_then(|map| map.remove("stringData")) else {
        return;
    };
    for (key, text) in plain {
        let encoded = BASE64.encode(text.as_str().unwrap_or_default().as_bytes());
        secret["data"][key] = encoded.into();
    }
}
