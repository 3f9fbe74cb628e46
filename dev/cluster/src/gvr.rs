//! Names of resources in the API: group, version and plural.

use std::fmt;
use std::str::FromStr;

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
