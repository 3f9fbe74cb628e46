//! Operations on objects, independent of HTTP.

mod admit;
mod cascade;
mod create;
mod delete;

mod next_state;
mod patching;
mod read;
mod update;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use create::create;
pub(crate) use delete::{DeleteOptions, Deleted, Propagation, delete, delete_collection};
pub(crate) use patching::patch;
pub(crate) use read::{ListOptions, Listed, VersionMatch, get, list};
pub(crate) use update::update;

use crate::resources::{Resource, ResourceVersion};
use crate::status::ApiError;
use crate::store::{Key, Object};

/// Largest object that the store accepts: etcd's default limit.
pub(crate) const OBJECT_BYTES: usize = 1_572_864;

/// The object or collection that a request addresses.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) resource: Arc<Resource>,
    pub(crate) version: String,
    /// Empty for cluster-wide resources and for lists over all namespaces.
    pub(crate) namespace: String,
    /// Empty for collections.
    pub(crate) name: String,
    pub(crate) subresource: Subresource,
}

/// The subresource that a request addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subresource {
    /// The object itself.
    None,
    Status,
}

impl Target {
    pub(crate) fn key(&self) -> Key {
        Key::new(self.namespace.as_str(), self.name.as_str())
    }

    pub(crate) fn api_version(&self) -> String {
        self.resource.name.api_version(&self.version)
    }

    fn served(&self) -> Result<&ResourceVersion, ApiError> {
        self.resource.version(&self.version).ok_or_else(ApiError::unknown_resource)
    }

    /// Whether only the subresource `status` writes the status.
    fn has_status(&self) -> bool {
        self.resource.version(&self.version).is_some_and(|v| v.status)
    }

    fn subresource_name(&self) -> &'static str {
        if self.subresource == Subresource::Status { "status" } else { "" }
    }
}

/// Handling of fields that the schema lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// Options of all writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions {
    /// The field manager.
    pub(crate) manager: String,
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
    /// Whether an apply takes over fields that other managers own.
    pub(crate) force: bool,
}

/// The result of a write.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) object: Arc<Object>,
    pub(crate) created: bool,
    /// Texts of `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

/// The object that a dry run returns without storing it.
fn dry_run_object(value: Value, revision: u64) -> Arc<Object> {
    Arc::new(Object { revision, value })
}
