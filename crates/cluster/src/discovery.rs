use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{Scope as ApiScope, pinned_kind};

/// The address of a kind: its API version and plural.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    /// Group, version, kind and plural name.
    pub(crate) resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
}

/// So many kinds are remembered. A cluster serves a few hundred; beyond, the API server is asked each time.
const REMEMBERED: usize = 1024;

/// Finds the plural name and the scope of kinds, by discovery. An answer is remembered for the life of the program: a
/// kind does not change its plural name. A kind that is not served is asked for again each time.
#[derive(Clone, Default)]
pub(crate) struct Discovery(Arc<Mutex<HashMap<GroupVersionKind, Discovered>>>);

impl Discovery {
    /// The address of `kind`.
    pub(crate) async fn find(
        &self,
        client: &Client,
        kind: &GroupVersionKind,
    ) -> Result<Discovered, kube::Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (resource, capabilities) = pinned_kind(client, kind).await?;
        let found = Discovered { resource, namespaced: capabilities.scope == ApiScope::Namespaced };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < REMEMBERED {
            known.insert(kind.clone(), found.clone());
        }
        Ok(found)
    }
}
