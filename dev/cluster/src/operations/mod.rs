//! What can be done to objects, independent of HTTP.

mod admit;
mod collect;
mod create;
mod delete;

mod patching;
mod read;
mod reconcile;
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

/// The largest object that is kept, as on a real cluster.
pub(crate) const OBJECT_BYTES: usize = 1_572_864;

/// What a request is about.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) resource: Arc<Resource>,
    pub(crate) version: String,
    /// Empty for cluster-wide resources and for lists over all namespaces.
    pub(crate) namespace: String,
    /// Empty for collections.
    pub(crate) name: String,
    pub(crate) part: Part,
}

/// Which part of the object a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Status,
}

impl Target {
    pub(crate) fn key(&self) -> Key {
        Key::new(self.namespace.as_str(), self.name.as_str())
    }

    pub(crate) fn api_version(&self) -> String {
        self.resource.api_version(&self.version)
    }

    fn served(&self) -> Result<&ResourceVersion, ApiError> {
        self.resource.version(&self.version).ok_or_else(ApiError::unknown_resource)
    }

    /// Whether the status is written through its own subresource only.
    fn has_status(&self) -> bool {
        self.resource.version(&self.version).is_some_and(|v| v.status)
    }

    fn subresource(&self) -> &'static str {
        if self.part == Part::Status { "status" } else { "" }
    }
}

/// What to do with fields that the schema does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// Options that all writes share.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteOptions {
    /// The field manager.
    pub(crate) manager: String,
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
    /// Takes fields from other managers when applying.
    pub(crate) force: bool,
}

/// The result of a write.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) object: Arc<Object>,
    pub(crate) created: bool,
    /// Texts for `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

/// An object that a dry run would have written.
fn imagined(value: Value, revision: u64) -> Arc<Object> {
    Arc::new(Object { revision, value })
}
