use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use trigger_journal::{Record, Rejection};
use trigger_runtime::{AccessError, Action};

use super::caller::Caller;

/// The namespaces that one caller may see, checked on demand and cached for one request.
pub(super) struct Visibility<'a> {
    caller: &'a Caller,
    cluster_wide: bool,
    namespaces: HashMap<Arc<str>, bool>,
}

impl<'a> Visibility<'a> {
    pub(super) async fn of(caller: &'a Caller) -> Result<Self, AccessError> {
        let cluster_wide = caller.may(Action::Read, None).await?;
        Ok(Self { caller, cluster_wide, namespaces: HashMap::new() })
    }

    /// Whether the caller may see all namespaces.
    pub(super) fn is_cluster_wide(&self) -> bool {
        self.cluster_wide
    }

    /// Whether the caller may see `namespace`. False unless [`Visibility::load`] has checked it.
    pub(super) fn can_see(&self, namespace: &str) -> bool {
        self.cluster_wide || self.namespaces.get(namespace) == Some(&true)
    }

    /// Checks these namespaces. Returns whether the caller may see at least one of them.
    pub(super) async fn load(&mut self, namespaces: &BTreeSet<Arc<str>>) -> Result<bool, AccessError> {
        if self.cluster_wide {
            return Ok(true);
        }
        for namespace in namespaces {
            if !self.namespaces.contains_key(namespace) {
                let can_see = self.caller.may(Action::Read, Some(namespace)).await?;
                self.namespaces.insert(Arc::clone(namespace), can_see);
            }
        }
        Ok(namespaces.iter().any(|namespace| self.can_see(namespace)))
    }

    /// Whether the caller may see a part of this delivery.
    pub(super) async fn can_see_delivery(&mut self, record: &Record) -> Result<bool, AccessError> {
        self.load(&namespaces_of(record)).await
    }

    /// Whether the caller may see a part of this rejection. If no Secret was tried, it takes a cluster-wide
    /// permission: the request belongs to no namespace.
    pub(super) async fn can_see_rejection(&mut self, rejection: &Rejection) -> Result<bool, AccessError> {
        let tried = rejection.tried.iter().map(|tried| Arc::clone(&tried.secret.namespace));
        self.load(&tried.collect()).await
    }

    /// Whether the caller may read the body of a delivery: the body belongs to the namespaces whose Secrets verified
    /// it, or in which the change was observed.
    pub(super) fn can_read_body(&self, record: &Record) -> bool {
        let verification = &record.verification;
        let owners = verification.secrets().into_iter().chain(&verification.observed);
        self.cluster_wide || owners.into_iter().any(|owner| self.can_see(&owner.namespace))
    }
}

/// The namespaces of the Secrets and rules of a delivery. With none, only cluster-wide readers see it.
pub(super) fn namespaces_of(record: &Record) -> BTreeSet<Arc<str>> {
    let verification = &record.verification;
    let origins =
        verification.secrets().into_iter().chain(&verification.without_entry).chain(&verification.observed);
    let owners = record.decisions.iter().map(|decision| &decision.owner.key);
    origins.chain(owners).map(|key| Arc::clone(&key.namespace)).collect()
}
