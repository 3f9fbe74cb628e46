use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use trigger_core::Verification;
use trigger_dispatch::LISTENERS_PATH;
use trigger_journal::{DecisionRecord, OutcomeRecord, Record, Rejection};
use trigger_runtime::{AccessError, Action};

use super::caller::Caller;
use super::listed::Listed;
use crate::ingest::HookResponse;

/// The predicate that compares the delivery's keys with the rule's Secret.
pub(super) const SECRET_PREDICATE: &str = "secret";

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

    /// Whether the caller may see `namespace`. False unless it was loaded.
    pub(super) fn can_see(&self, namespace: &str) -> bool {
        self.cluster_wide || self.namespaces.get(namespace) == Some(&true)
    }

    /// Whether the caller may see all of these namespaces, which were loaded.
    pub(super) fn can_see_all(&self, namespaces: &BTreeSet<Arc<str>>) -> bool {
        namespaces.iter().all(|namespace| self.can_see(namespace))
    }

    /// Checks all these namespaces. Returns whether the caller may see at least one of them.
    pub(super) async fn load(&mut self, namespaces: &BTreeSet<Arc<str>>) -> Result<bool, AccessError> {
        let mut any = self.cluster_wide;
        if self.cluster_wide {
            return Ok(true);
        }
        for namespace in namespaces {
            any |= self.check(namespace).await?;
        }
        Ok(any)
    }

    /// Whether the caller may see at least one of these namespaces. Checks no more than it has to.
    pub(super) async fn can_see_any<'n>(
        &mut self,
        namespaces: impl IntoIterator<Item = &'n Arc<str>>,
    ) -> Result<bool, AccessError> {
        if self.cluster_wide {
            return Ok(true);
        }
        for namespace in namespaces {
            if self.check(namespace).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn check(&mut self, namespace: &Arc<str>) -> Result<bool, AccessError> {
        if let Some(known) = self.namespaces.get(namespace) {
            return Ok(*known);
        }
        let can_see = self.caller.may(Action::Read, Some(namespace)).await?;
        self.namespaces.insert(Arc::clone(namespace), can_see);
        Ok(can_see)
    }

    /// Whether a delivery belongs to a namespace that the caller may see.
    ///
    /// A rule that was decided does not make it so: everybody may write a Build for the repository of another tenant.
    pub(super) async fn can_see_delivery(&mut self, record: &Record) -> Result<bool, AccessError> {
        let owners = owners_of(record);
        if !self.can_see_any(&owners).await? {
            return Ok(false);
        }
        let rules = record.decisions.iter().map(|decision| Arc::clone(decision.owner.namespace()));
        let Verification { without_entry, late_without_entry, .. } = &record.verification;
        let without_entry = without_entry.iter().chain(late_without_entry);
        let without_entry = without_entry.map(|secret| Arc::clone(&secret.namespace));
        self.load(&owners.into_iter().chain(rules).chain(without_entry).collect()).await
    }

    /// The same for a delivery of a list.
    pub(super) async fn can_see_listed(&mut self, listed: &Listed) -> Result<bool, AccessError> {
        Ok(self.can_see_any(&listed.owners).await? && self.load(&listed.namespaces()).await?)
    }

    /// Whether the caller may see a part of this rejection. If no Secret was tried, and the request was for no listener, it
    /// takes a cluster-wide permission: the request belongs to no namespace.
    pub(super) async fn can_see_rejection(&mut self, rejection: &Rejection) -> Result<bool, AccessError> {
        let tried = rejection.tried.iter().map(|tried| Arc::clone(&tried.secret.namespace));
        // Strangers invent names, and each namespace would be asked for. Those of listeners that exist are few.
        let is_for_listener = rejection.answer != HookResponse::NotFound.name();
        let listener = namespace_of(&rejection.path).filter(|_| is_for_listener).map(Arc::from);
        self.load(&tried.chain(listener).collect()).await
    }

    /// The path of a request, without the names of a listener that the caller may not see.
    pub(super) fn visible_path(&self, path: &str) -> String {
        let is_visible = namespace_of(path).is_none_or(|namespace| self.can_see(namespace));
        if is_visible { path } else { LISTENERS_PATH }.to_owned()
    }

    /// Whether the caller may read the body of a delivery, and its size and headers: they belong to the [`origins`] of the
    /// delivery.
    pub(super) fn can_read_body(&self, record: &Record) -> bool {
        self.cluster_wide || origins(&record.verification).any(|namespace| self.can_see(namespace))
    }
}

/// The namespaces whose Secrets verified a delivery, in which the change was observed, or whose listener accepted it.
fn origins(verification: &Verification) -> impl Iterator<Item = &Arc<str>> {
    let of_keys = verification.secrets().into_iter().map(|secret| &secret.namespace);
    of_keys.chain(verification.namespaces_without_key())
}

/// The namespaces that a delivery belongs to: its [`origins`], those whose rules accepted it without a signature, or to
/// which a replay is restricted. With none, only cluster-wide readers see it: also while it waits for a Secret, for
/// nothing has verified it for that namespace yet.
pub(super) fn owners_of(record: &Record) -> BTreeSet<Arc<str>> {
    let verification = &record.verification;
    let origins = origins(verification);
    let accepting = record.decisions.iter().filter(|decision| accepts(decision));
    let accepting = accepting.map(|decision| decision.owner.namespace());
    let restricted = verification.namespaces.iter().flatten();
    origins.chain(accepting).chain(restricted).cloned().collect()
}

/// The namespace of the listener that has this path.
fn namespace_of(path: &str) -> Option<&str> {
    path.strip_prefix(LISTENERS_PATH)?.strip_prefix('/')?.split('/').next()
}

/// Whether a rule accepted the sender of the delivery. It may have been skipped by a later predicate.
fn accepts(decision: &DecisionRecord) -> bool {
    !matches!(decision.outcome, OutcomeRecord::Skipped { .. })
        || decision.checks.iter().any(|check| check.predicate == SECRET_PREDICATE && check.passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_of_a_listener_names_a_namespace() {
        for (path, namespace) in [
            ("/listeners/team-a/web", Some("team-a")),
            ("/listeners", None),
            ("/listeners-of/team-a/web", None),
            ("/hooks/github", None),
            ("", None),
        ] {
            assert_eq!(namespace_of(path), namespace, "{path}");
        }
    }
}
