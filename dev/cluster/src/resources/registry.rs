//! The table of served resources. It is immutable: each change of a CustomResourceDefinition makes a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Resource, builtin, custom};
use crate::status::ApiError;

/// The resources that the API serves at one revision.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    resources: BTreeMap<DiscoveryOrder, Arc<Resource>>,
}

/// Group and plural, in the order in which discovery lists them.
type DiscoveryOrder = (String, String);

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
        self.resources
            .insert((resource.name.group.clone(), resource.name.plural.clone()), Arc::new(resource));
    }

    /// Adds or replaces the resource of a CustomResourceDefinition.
    pub(crate) fn define(&mut self, definition: &Value) -> Result<(), ApiError> {
        self.insert(custom::resource(definition)?);
        Ok(())
    }

    /// Removes the resource of a CustomResourceDefinition.
    pub(crate) fn undefine(&mut self, group: &str, plural: &str) {
        self.resources.remove(&(group.to_owned(), plural.to_owned()));
    }

    pub(crate) fn find(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(group.to_owned(), plural.to_owned()))
    }

    /// The resource, if its `version` is served.
    pub(crate) fn served(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.find(group, plural).filter(|r| r.version(version).is_some_and(|v| v.served))
    }

    /// The resource whose objects have this `apiVersion` and `kind`.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<(&Arc<Resource>, String)> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = self.resources.values().find(|r| {
            r.name.group == group && r.name.kind == kind && r.version(version).is_some_and(|v| v.served)
        })?;
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
        for resource in self.resources.values().filter(|r| r.name.group == group) {
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
