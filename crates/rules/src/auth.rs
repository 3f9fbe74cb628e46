use std::sync::Arc;

use trigger_core::{ObjectKey, Verification};

use crate::decision::{CheckTrace, Unmatched};
use crate::reason::{Predicate, Reason};
use crate::text::list;

/// The authentication that a rule requires of a delivery. It belongs to the rule: two rules with one target can differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// A key of this Secret must have verified the delivery.
    Keys(Arc<KeyBinding>),
    /// No key: the operator must have allowed unsigned deliveries.
    Open,
    /// This program must have seen it happen in the namespace of the rule.
    Observed,
    /// Nothing is enough: the Secret that the owner names cannot exist. Its rules are broken.
    Impossible,
}

/// The Secret whose key verifies deliveries for a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyBinding {
    /// The Secret, in the rule's namespace.
    pub secret: ObjectKey,
    /// The entry of the Secret, for an owner that names one. Absent: those that the provider of the delivery reads.
    pub entry: Option<Arc<str>>,
    /// The field that names the Secret.
    pub origin: SecretOrigin,
}

/// The field of an owner that names the Secret with the webhook key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretOrigin {
    /// A field for this purpose, such as `spec.trigger.triggerSecret` of a Build. The Secret must hold a key.
    TriggerSecret,
    /// `spec.source.git.cloneSecret` of a Build, the fall-back of SHIP-0031. It may hold no webhook key at all; then the
    /// rules have no secret.
    CloneSecret,
}

const NOT_VERIFIED: Reason = Reason::new(
    "secret-did-not-verify",
    "the delivery is not signed with the key of this rule (Secret {expected})",
);
const NO_SECRET: Reason = Reason::new(
    "no-secret",
    "the rule names no Secret with a webhook key, and unsigned deliveries are rejected",
);
const NOT_SEEN_HERE: Reason =
    Reason::new("not-seen-here", "it was seen in {found}, the rule is in {expected}");

const NOT_REPLAYED_HERE: Reason =
    Reason::new("not-replayed-here", "the replay is restricted to namespaces that {expected} is not among");

/// The reasons of this module.
pub(crate) const REASONS: [Reason; 4] = [NOT_VERIFIED, NO_SECRET, NOT_SEEN_HERE, NOT_REPLAYED_HERE];

impl KeyBinding {
    /// Whether one of the keys that verified a delivery is this one.
    fn is_among_keys_of(&self, verification: &Verification) -> bool {
        let entry = |found: &Arc<str>| self.entry.as_ref().is_none_or(|wanted| wanted == found);
        verification.keys.iter().any(|key| key.secret == self.secret && entry(&key.entry))
    }
}

impl Auth {
    /// Compares what a rule in `namespace` asks for with what verified the delivery.
    pub(crate) fn check(
        &self,
        namespace: &Arc<str>,
        verification: &Verification,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        if !verification.admits(namespace) {
            // The names of the other namespaces stay out of a record that this namespace's users may read.
            let found = "a replay for other namespaces";
            return Err(trace.fail(Predicate::NAMESPACE, namespace.as_ref(), found, NOT_REPLAYED_HERE));
        }
        match self {
            Self::Keys(binding) => {
                let without_key = binding.origin == SecretOrigin::CloneSecret
                    && verification.allows_without_key(&binding.secret);
                let verified = without_key || binding.is_among_keys_of(verification);
                let expected = binding.secret.to_string();
                trace.require(Predicate::SECRET, verified, expected, signers(verification), NOT_VERIFIED)
            }
            Self::Open => {
                let allowed = verification.allows_unsigned();
                trace.require(Predicate::SECRET, allowed, "a signature", signers(verification), NO_SECRET)
            }
            Self::Observed => check_observed(namespace, verification, trace),
            Self::Impossible => {
                Err(trace.fail(Predicate::SECRET, "a Secret that can exist", "an invalid name", NO_SECRET))
            }
        }
    }
}

fn signers(verification: &Verification) -> String {
    // As it mostly is.
    if let [key] = &verification.keys[..] {
        return key.secret.to_string();
    }
    let names: Vec<_> = verification.secrets().into_iter().map(ToString::to_string).collect();
    if names.is_empty() { "unsigned".to_owned() } else { list(names.iter().map(String::as_str)) }
}

/// An observation in one namespace concerns no other. Rules are looked up by namespace, so this fails only for a
/// delivery that was made up.
fn check_observed(
    namespace: &Arc<str>,
    verification: &Verification,
    trace: &mut CheckTrace,
) -> Result<(), Unmatched> {
    match &verification.observed {
        Some(object) if object.namespace == *namespace => Ok(()),
        found => {
            let found = found.as_ref().map_or("a request", |object| object.namespace.as_ref());
            Err(trace.fail(Predicate::NAMESPACE, namespace.as_ref(), found, NOT_SEEN_HERE))
        }
    }
}

#[cfg(test)]
mod tests {
    use trigger_core::{KeyRef, Unsigned};

    use super::*;

    #[test]
    fn a_rule_is_bound_to_its_secret_and_to_the_entry_it_names() {
        let hook = || ObjectKey::new("team-a", "hook");
        let binding = |entry: Option<&str>| {
            let origin = SecretOrigin::TriggerSecret;
            Auth::Keys(Arc::new(KeyBinding { secret: hook(), entry: entry.map(Into::into), origin }))
        };
        let verified = |secret: ObjectKey, entry: &str| Verification {
            keys: vec![KeyRef::new(secret, entry)],
            ..Verification::default()
        };
        let clone = || {
            let secret = ObjectKey::new("team-a", "clone");
            Auth::Keys(Arc::new(KeyBinding { secret, entry: None, origin: SecretOrigin::CloneSecret }))
        };
        let late = |name: &str| {
            let late_without_entry = vec![ObjectKey::new("team-a", name)];
            Verification { late_without_entry, ..Verification::default() }
        };
        let unsigned = Verification { unsigned: Unsigned::Operator, ..Verification::default() };
        let restricted = |to: &str| unsigned.restricted_to(&std::iter::once(Arc::from(to)).collect());
        for (auth, verification, holds) in [
            (Auth::Open, restricted("team-a"), true),
            (Auth::Open, restricted("team-b"), false),
            (clone(), late("clone"), true),
            (clone(), late("other"), false),
            (binding(None), late("hook"), false),
            (Auth::Open, late("clone"), false),
            (binding(None), verified(hook(), "webhook-secret"), true),
            (binding(None), verified(hook(), ""), true),
            (binding(Some("one")), verified(hook(), "one"), true),
            (binding(Some("one")), verified(hook(), "other"), false),
            (binding(None), verified(ObjectKey::new("team-b", "hook"), "webhook-secret"), false),
            (binding(None), unsigned.clone(), false),
            (Auth::Open, unsigned, true),
            (Auth::Open, verified(hook(), "webhook-secret"), false),
        ] {
            let found = auth.check(&"team-a".into(), &verification, &mut CheckTrace::default());
            assert_eq!(found.is_ok(), holds, "{auth:?} {verification:?}");
        }
    }
}
