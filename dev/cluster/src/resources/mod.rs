//! Which resources the API serves: the built-in ones and those that CustomResourceDefinitions add.
//!
//! A [`Registry`] is an immutable table; every change of a CustomResourceDefinition makes a new one.

mod builtin;
mod checks;
mod custom;
mod events;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use builtin::meta_schema;
pub(crate) use checks::{builtin_faults, new_event_faults};
pub(crate) use custom::{accepted_status, definition_faults};

use crate::schema::Schema;
use crate::status::ApiError;

/// A resource at one version, for example `shipwright.io/v1beta1/builds` or `v1/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvr {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, for example `v1beta1`.
    pub version: String,
    /// Plural resource name, for example `builds`.
    pub resource: String,
}

impl Gvr {
    /// Names a resource; `group` is empty for the core group.
    pub fn new(group: impl Into<String>, version: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }
}

impl fmt::Display for Gvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            return write!(f, "{}/{}", self.version, self.resource);
        }
        write!(f, "{}/{}/{}", self.group, self.version, self.resource)
    }
}

impl FromStr for Gvr {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        match text.split('/').collect::<Vec<_>>().as_slice() {
            [version, resource] => Ok(Self::new("", *version, *resource)),
            [group, version, resource] => Ok(Self::new(*group, *version, *resource)),
            _ => Err(ApiError::bad_request(format!("not a resource: {text}"))),
        }
    }
}

/// Where objects of a resource are kept: one collection serves all versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CollectionId {
    pub(crate) group: String,
    pub(crate) plural: String,
}

/// What the API server does with objects of a resource beyond keeping them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
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

/// A kind of object with its names and versions.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) role: Role,
    pub(crate) versions: Vec<ResourceVersion>,
}

/// A resource as one version shows it.
#[derive(Debug)]
pub(crate) struct ResourceVersion {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) storage: bool,
    pub(crate) deprecation: Option<String>,
    pub(crate) status: bool,
    pub(crate) schema: Schema,
    /// The schema as written, for OpenAPI.
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
    /// `builds.shipwright.io`, or `secrets` for the core group.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(crate) fn version(&self, name: &str) -> Option<&ResourceVersion> {
        self.versions.iter().find(|v| v.name == name)
    }

    pub(crate) fn storage_version(&self) -> Option<&ResourceVersion> {
        self.versions.iter().find(|v| v.storage).or_else(|| self.versions.first())
    }

    /// `shipwright.io/v1beta1`, or `v1` for the core group.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// Where the objects are kept. Both Event resources show the same objects.
    pub(crate) fn collection(&self) -> CollectionId {
        let group = if self.role == Role::EventsEvent { "" } else { self.group.as_str() };
        CollectionId { group: group.to_owned(), plural: self.plural.clone() }
    }

    /// Whether requests are answered without keeping anything.
    pub(crate) fn is_review(&self) -> bool {
        matches!(self.role, Role::TokenReview | Role::SubjectAccessReview | Role::SelfSubjectAccessReview)
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.role == Role::Custom
    }

    /// Whether an object may be replaced by who does not say which version of it they have seen.
    pub(crate) fn is_updated_unconditionally(&self) -> bool {
        !matches!(self.role, Role::Custom | Role::Definition | Role::Lease)
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

    /// Brings an object as it is kept into the shape of `version`, if that differs.
    pub(crate) fn present(&self, version: &str, stored: &mut Value) {
        if self.role == Role::EventsEvent {
            events::to_events_v1(stored);
            return;
        }
        let wanted = self.api_version(version);
        if stored.get("apiVersion").and_then(Value::as_str) != Some(&wanted) {
            stored["apiVersion"] = wanted.into();
        }
    }

    /// Whether objects of `version` are shown exactly as they are kept.
    pub(crate) fn is_presented_as_stored(&self, version: &str) -> bool {
        self.role != Role::EventsEvent && self.storage_version().is_some_and(|v| v.name == version)
    }

    /// Brings an object from the shape in which a client sent it into the one in which it is kept.
    pub(crate) fn to_stored(&self, object: &mut Value) {
        match self.role {
            Role::EventsEvent => events::to_core_v1(object),
            Role::Secret => builtin::encode_string_data(object),
            _ => {}
        }
        let storage = self.storage_version().map_or("v1", |v| v.name.as_str());
        let (api_version, kind) = match self.role {
            Role::EventsEvent => ("v1".to_owned(), "Event"),
            _ => (self.api_version(storage), self.kind.as_str()),
        };
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
    }

    /// Values that the server fills in when an object is created.
    pub(crate) fn prepare_for_create(&self, object: &mut Value) {
        match self.role {
            Role::Namespace => {
                object["spec"] = json!({"finalizers": ["kubernetes"]});
                object["status"] = json!({"phase": "Active"});
                if let Some(name) = object["metadata"]["name"].as_str().map(str::to_owned) {
                    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name.into();
                }
            }
            Role::Secret if object.get("type").is_none_or(|t| t == "" || t.is_null()) => {
                object["type"] = "Opaque".into();
            }
            _ => {}
        }
    }
}

/// Every resource the API serves at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    resources: BTreeMap<CollectionIdOrdered, Arc<Resource>>,
}

/// Group and plural, in the order in which discovery lists them.
type CollectionIdOrdered = (String, String);

impl Registry {
    /// The built-in resources.
    pub(crate) fn builtin() -> Self {
        let mut registry = Self { resources: BTreeMap::new() };
        for resource in builtin::resources() {
            registry.insert(resource);
        }
        registry
    }

    fn insert(&mut self, resource: Resource) {
        self.resources.insert((resource.group.clone(), resource.plural.clone()), Arc::new(resource));
    }

    /// Adds or replaces what a CustomResourceDefinition defines.
    pub(crate) fn define(&mut self, definition: &Value) -> Result<(), ApiError> {
        self.insert(custom::resource(definition)?);
        Ok(())
    }

    /// Removes what a CustomResourceDefinition defined.
    pub(crate) fn forget(&mut self, group: &str, plural: &str) {
        self.resources.remove(&(group.to_owned(), plural.to_owned()));
    }

    pub(crate) fn find(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(group.to_owned(), plural.to_owned()))
    }

    /// The resource if `version` of it is served.
    pub(crate) fn served(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.find(group, plural).filter(|r| r.version(version).is_some_and(|v| v.served))
    }

    /// The resource whose objects have this `apiVersion` and `kind`.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<(&Arc<Resource>, String)> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = self
            .resources
            .values()
            .find(|r| r.group == group && r.kind == kind && r.version(version).is_some_and(|v| v.served))?;
        Some((resource, version.to_owned()))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// Group names in order, the core group (empty) first.
    pub(crate) fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = self.resources.keys().map(|(group, _)| group.clone()).collect();
        groups.dedup();
        groups
    }

    /// Served versions of a group, the preferred one first.
    pub(crate) fn versions_of(&self, group: &str) -> Vec<String> {
        let mut versions: Vec<String> = Vec::new();
        for resource in self.resources.values().filter(|r| r.group == group) {
            for version in resource.versions.iter().filter(|v| v.served) {
                if !versions.contains(&version.name) {
                    versions.push(version.name.clone());
                }
            }
        }
        versions.sort_by_key(|name| custom::version_priority(name));
        versions
    }
}
