use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use trigger_core::{ObjectKey, RepoId};

use crate::auth::{Auth, KeyBinding};
use crate::limits::MOST_SECRETS;
use crate::rule_set::{OwnerRules, RuleSet};

/// The rules that could accept a webhook delivery about a repository, as intake needs them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WebhookCandidates {
    /// The keys that verify deliveries for these rules, each once.
    pub keys: Vec<Arc<KeyBinding>>,
    /// How many owners have such rules.
    pub owners: usize,
    /// Whether one of the rules names no Secret at all.
    pub without_secret: bool,
}

impl OwnerRules {
    /// Whether a key of `secret` verifies deliveries for one of the rules.
    pub fn is_verified_by(&self, secret: &ObjectKey) -> bool {
        let has_key = |auth: &Auth| matches!(auth, Auth::Keys(binding) if binding.secret == *secret);
        *self.owner.namespace() == secret.namespace && self.rules.iter().any(|rule| has_key(&rule.auth))
    }

    /// The authentication of the rules that webhooks fire, each once in a row.
    pub fn webhook_auths(&self) -> impl Iterator<Item = &Auth> {
        let mut last = None;
        let auths = self.rules.iter().map(|rule| &rule.auth).filter(|auth| **auth != Auth::Observed);
        auths.filter(move |auth| last.replace(*auth) != Some(*auth))
    }
}

impl RuleSet {
    /// The key bindings of all rules, each once.
    pub fn key_bindings(&self) -> impl Iterator<Item = &KeyBinding> {
        let mut seen = HashSet::new();
        let rules = self.owners().flat_map(|owner| &owner.rules);
        let bindings = rules.filter_map(|rule| match &rule.auth {
            Auth::Keys(binding) => Some(binding.as_ref()),
            Auth::Open | Auth::Observed | Auth::Impossible => None,
        });
        bindings.filter(move |binding| seen.insert(*binding))
    }

    /// The owners with rules about a repository with these names.
    pub fn webhook_owners(&self, names: &[RepoId]) -> impl Iterator<Item = &OwnerRules> {
        self.kinds().flat_map(|kind| self.about_repository(kind, names))
    }

    /// The rules that could accept a webhook delivery about a repository with these names. Each namespace offers a bounded
    /// number of keys: each of them is read for each delivery, also for one of another tenant.
    pub fn webhook_candidates(&self, names: &[RepoId]) -> WebhookCandidates {
        let mut candidates = WebhookCandidates::default();
        let mut seen = HashSet::new();
        let mut offered = HashMap::<&Arc<str>, usize>::new();
        for kind in self.kinds() {
            for owner in self.about_repository(kind, names) {
                candidates.owners += 1;
                for rule in owner.rules.iter().filter(|rule| rule.kind == kind) {
                    match &rule.auth {
                        Auth::Keys(binding) if !seen.contains(binding) => {
                            let offered = offered.entry(owner.owner.namespace()).or_default();
                            if *offered < MOST_SECRETS {
                                *offered += 1;
                                seen.insert(binding);
                                candidates.keys.push(Arc::clone(binding));
                            }
                        }
                        Auth::Open => candidates.without_secret = true,
                        Auth::Keys(_) | Auth::Observed | Auth::Impossible => {}
                    }
                }
            }
        }
        candidates
    }
}
