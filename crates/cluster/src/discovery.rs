use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{Scope as ApiScope, pinned_kind};
use kube::error::DiscoveryError;
use kube::{Api, Client};
use trigger_core::ResourceRef;

use crate::api_server_error::is_status;
use crate::names;

/// The address of a kind: its API version and plural.
#[derive(Debug, Clone)]
struct Discovered {
    /// Group, version, kind and plural name.
    resource: ApiResource,
    /// Whether its objects live in namespaces.
    namespaced: bool,
}

/// The number of cached kinds. A cluster serves a few hundred; beyond, the API server is asked each time.
const MAX_KINDS: usize = 1024;

/// Finds the plural name and the scope of kinds, by the discovery API. A result is cached for the life of the program: a
/// kind does not change its plural name. A kind that is not served is looked up again each time.
#[derive(Clone)]
pub(crate) struct Discovery {
    client: Client,
    known: Arc<Mutex<HashMap<GroupVersionKind, Discovered>>>,
}

impl Discovery {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, known: Arc::default() }
    }

    /// The API of the kind of an object in this version, in the object's namespace.
    ///
    /// [`kube::Error::Discovery`] if the API server does not serve the kind. Nothing is sent for an object whose names
    /// cannot exist.
    pub(crate) async fn api(
        &self,
        object: &ResourceRef,
        version: &str,
    ) -> Result<Api<DynamicObject>, kube::Error> {
        names::check_resource(object, version)?;
        let kind = GroupVersionKind::gvk(&object.group, version, &object.kind);
        let Discovered { resource, namespaced } = self.find(&kind).await?;
        Ok(if namespaced {
            Api::namespaced_with(self.client.clone(), object.namespace(), &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }

    async fn find(&self, kind: &GroupVersionKind) -> Result<Discovered, kube::Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (resource, capabilities) = match pinned_kind(&self.client, kind).await {
            // kube reports only an absent kind of a served group version as an error of discovery.
            Err(error) if is_status(&error, 404) => {
                return Err(kube::Error::Discovery(DiscoveryError::MissingApiGroup(kind.api_version())));
            }
            found => found?,
        };
        let found = Discovered { resource, namespaced: capabilities.scope == ApiScope::Namespaced };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_KINDS {
            known.insert(kind.clone(), found.clone());
        }
        Ok(found)
    }
}
