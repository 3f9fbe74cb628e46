//! The name of a resource, for messages and paths.
//!
//! Nothing here depends on schemas or on the registry, so that errors can name a resource without knowing them.

/// Group, plural and kind of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceName {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) kind: String,
}

impl ResourceName {
    /// `builds.shipwright.io`, or `secrets` for the core group.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `shipwright.io/v1beta1`, or `v1` for the core group.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }
}
