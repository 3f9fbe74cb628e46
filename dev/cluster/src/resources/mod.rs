//! The resources of the API: built-in ones, and those of CustomResourceDefinitions.

mod builtin;
mod checks;
mod custom;
mod events;
mod registry;

use serde_json::{Value, json};

pub(crate) use builtin::meta_schema;
pub(crate) use checks::{builtin_causes, new_event_causes};
pub(crate) use custom::{accepted_status, definition_causes};
pub(crate) use registry::Registry;

use crate::resource_name::ResourceName;
use crate::schema::Schema;

/// A collection of the store. All versions of a resource share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CollectionId {
    pub(crate) group: String,
    pub(crate) plural: String,
}

/// The rules of a resource beyond its schema; a strategy in the API server's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    Plain,
    Namespace,
    Secret,
    ConfigMap,
    Lease,
    CoreEvent,
    EventsEvent,
    Definition,
    TokenReview,
    SubjectAccessReview,
    SelfSubjectAccessReview,
    Custom,
}

/// A resource with its names and versions.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) name: ResourceName,
    pub(crate) singular: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) strategy: Strategy,
    pub(crate) versions: Vec<ResourceVersion>,
}

/// One version of a resource.
#[derive(Debug)]
pub(crate) struct ResourceVersion {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) storage: bool,
    pub(crate) deprecation: Option<String>,
    pub(crate) status: bool,
    pub(crate) schema: Schema,
    /// The source of `schema`, for OpenAPI documents.
    pub(crate) openapi: Value,
    pub(crate) columns: Vec<Column>,
    pub(crate) selectable: Vec<String>,
}

/// A printer column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    pub(crate) path: String,
}

impl Resource {
    pub(crate) fn version(&self, name: &str) -> Option<&ResourceVersion> {
        self.versions.iter().find(|v| v.name == name)
    }

    pub(crate) fn storage_version(&self) -> Option<&ResourceVersion> {
        self.versions.iter().find(|v| v.storage).or_else(|| self.versions.first())
    }

    /// The collection of its objects. Both Event resources share one.
    pub(crate) fn collection(&self) -> CollectionId {
        let group = if self.strategy == Strategy::EventsEvent { "" } else { self.name.group.as_str() };
        CollectionId { group: group.to_owned(), plural: self.name.plural.clone() }
    }

    /// Whether requests are answered without storing an object.
    pub(crate) fn is_review(&self) -> bool {
        matches!(
            self.strategy,
            Strategy::TokenReview | Strategy::SubjectAccessReview | Strategy::SelfSubjectAccessReview
        )
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.strategy == Strategy::Custom
    }

    /// Whether an update may omit `resourceVersion`.
    pub(crate) fn is_updated_unconditionally(&self) -> bool {
        !matches!(self.strategy, Strategy::Custom | Strategy::Definition | Strategy::Lease)
    }

    pub(crate) fn verbs(&self) -> &'static [&'static str] {
        if self.is_review() {
            return &["create"];
        }
        &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    }

    /// Whether a field selector may name `path`.
    pub(crate) fn selects(&self, version: &str, path: &str) -> bool {
        self.version(version).is_some_and(|v| v.selectable.iter().any(|s| s == path))
    }

    /// Converts a stored object to `version`.
    pub(crate) fn present(&self, version: &str, stored: &mut Value) {
        if self.strategy == Strategy::EventsEvent {
            events::to_events_v1(stored);
            return;
        }
        let api_version = self.name.api_version(version);
        if stored.get("apiVersion").and_then(Value::as_str) != Some(&api_version) {
            stored["apiVersion"] = api_version.into();
        }
    }

    /// Whether objects of `version` equal the stored objects.
    pub(crate) fn is_presented_as_stored(&self, version: &str) -> bool {
        self.strategy != Strategy::EventsEvent && self.storage_version().is_some_and(|v| v.name == version)
    }

    /// Converts an object from a client to the storage version.
    pub(crate) fn to_stored(&self, object: &mut Value) {
        match self.strategy {
            Strategy::EventsEvent => events::to_core_v1(object),
            Strategy::Secret => builtin::encode_string_data(object),
            _ => {}
        }
        let storage = self.storage_version().map_or("v1", |v| v.name.as_str());
        let (api_version, kind) = match self.strategy {
            Strategy::EventsEvent => ("v1".to_owned(), "Event"),
            _ => (self.name.api_version(storage), self.name.kind.as_str()),
        };
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
    }

    /// Fills in the fields that the server sets at creation.
    pub(crate) fn prepare_for_create(&self, object: &mut Value) {
        match self.strategy {
            Strategy::Namespace => {
                object["spec"] = json!({"finalizers": ["kubernetes"]});
                object["status"] = json!({"phase": "Active"});
                if let Some(name) = object["metadata"]["name"].as_str().map(str::to_owned) {
                    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name.into();
                }
            }
            Strategy::Secret if object.get("type").is_none_or(|t| t == "" || t.is_null()) => {
                object["type"] = "Opaque".into();
            }
            _ => {}
        }
    }
}
