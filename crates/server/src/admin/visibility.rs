use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use trigger_journal::{Record, Rejection};
use trigger_runtime::{AccessError, Action};

use super::caller::Caller;

/// What one caller may see, found out as it is needed and remembered for one request.
pub(super) struct Visibility<'a> {
    caller: &'a Caller,
    everywhere: bool,
    namespaces: HashMap<Arc<str>, bool>,
}

impl<'a> Visibility<'a> {
    pub(super) async fn of(caller: &'a Caller) -> Result<Self, AccessError> {
        let everywhere = caller.may(Action::Read, None).await?;
        Ok(Self { caller, everywhere, namespaces: HashMap::new() })
    }

    /// Whether the caller may see everything.
    pub(super) fn is_everywhere(&self) -> bool {
        self.everywhere
    }

    /// Whether the caller may see what is in `namespace`, which has been looked at.
    pub(super) fn sees(&self, namespace: &str) -> bool {
        self.everywhere || self.namespaces.get(namespace) == Some(&true)
    }

    /// Finds out about these namespaces. True if the caller may see one of them.
    pub(super) async fn look_at(&mut self, namespaces: &BTreeSet<Arc<str>>) -> Result<bool, AccessError> {
        if self.everywhere {
            return Ok(true);
        }
        for namespace in namespaces {
            if !self.namespaces.contains_key(namespace) {
                let sees = self.caller.may(Action::Read, Some(namespace)).await?;
                self.namespaces.insert(Arc::clone(namespace), sees);
            }
        }
        Ok(namespaces.iter().any(|namespace| self.sees(namespace)))
    }

    /// Whether the caller may see something of this delivery.
    pub(super) async fn may_see(&mut self, record: &Record) -> Result<bool, AccessError> {
        self.look_at(&concerned(record)).await
    }

    /// Whether the caller may see something of this refusal. What no Secret was tried for is nobody's.
    pub(super) async fn may_see_refusal(&mut self, refusal: &Rejection) -> Result<bool, AccessError> {
        let tried = refusal.tried.iter().map(|tried| Arc::clone(&tried.secret.namespace));
        self.look_at(&tried.collect()).await
    }

    /// Whether the caller may read the body of a delivery: it belongs to those whose key signed it, or in
    /// whose namespace it was seen.
    pub(super) fn may_read_body(&self, record: &Record) -> bool {
        let verification = &record.verification;
        let owners = verification.secrets.iter().chain(&verification.observed);
        self.everywhere || owners.into_iter().any(|owner| self.sees(&owner.namespace))
    }
}

/// The namespaces that a delivery concerns. If there are none, it is everybody's.
pub(super) fn concerned(record: &Record) -> BTreeSet<Arc<str>> {
    let verification = &record.verification;
    let origins =
        verification.secrets.iter().chain(&verification.without_entry).chain(&verification.observed);
    let targets = record.decisions.iter().map(|decision| &decision.target);
    origins.chain(targets).map(|key| Arc::clone(&key.namespace)).collect()
}
