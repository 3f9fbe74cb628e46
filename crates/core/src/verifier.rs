use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    Credentials, Delivery, KeyRef, ObjectKey, Presented, Unsigned, Verification, Verified, Waiting,
    WaitingSecret,
};

/// The check of one delivery against the keys of the rules that could care about it.
#[derive(Debug)]
pub struct Verifier {
    delivery: Delivery,
    evidence: Evidence,
    verification: Verification,
    unread: Vec<WaitingSecret>,
}

/// An arrival of a delivery whose sender is known.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The delivery with the keys that verify it.
    pub delivery: Verified<Delivery>,
    /// The deliveries for namespaces whose Secrets could not be read, one for each.
    pub waiting: Vec<Verified<Delivery>>,
}

/// The sender's credentials, or the digests that are left of them.
#[derive(Debug)]
enum Evidence {
    Credentials(Credentials),
    Presented(Presented),
}

impl Verifier {
    /// Begins the check of `delivery`, whose sender presents `credentials`. The delivery's path is the route.
    pub fn new(delivery: Delivery, credentials: Credentials) -> Self {
        Self::with(delivery, Evidence::Credentials(credentials))
    }

    /// Resumes the check of a copy of a delivery that waited. What verifies is the delivery as it was received, under
    /// its id. `None` if the wait is over.
    pub fn resume(copy: &Delivery, waiting: &Waiting) -> Option<Self> {
        let presented = waiting.presented.clone()?;
        let id = presented.delivery().clone();
        let delivery = Delivery { id, replay: None, ..copy.clone() };
        Some(Self::with(delivery, Evidence::Presented(presented)))
    }

    fn with(delivery: Delivery, evidence: Evidence) -> Self {
        let verification = Verification { route: Arc::clone(&delivery.path), ..Verification::default() };
        Self { delivery, evidence, verification, unread: Vec::new() }
    }

    /// Tries the key that `entry` of `secret` holds; several keys of one Secret may be active. True if it verifies.
    pub fn try_key(&mut self, secret: &ObjectKey, entry: &str, key: &[u8]) -> bool {
        let body = &self.delivery.body;
        let verified = match &self.evidence {
            Evidence::Credentials(credentials) => credentials.are_verified_by(key, body),
            Evidence::Presented(presented) => presented.is_verified_by(key, body),
        };
        let is_known = |known: &KeyRef| known.secret == *secret && *known.entry == *entry;
        if verified && !self.verification.keys.iter().any(is_known) {
            self.verification.keys.push(KeyRef::new(secret.clone(), entry));
        }
        verified
    }

    /// Records that `secret`, a clone Secret, holds no webhook key.
    pub fn without_entry(&mut self, secret: &ObjectKey) {
        if !self.verification.without_entry.contains(secret) {
            self.verification.without_entry.push(secret.clone());
        }
    }

    /// Records that `secret` could not be read; `entry` is the entry that the rule names.
    pub fn unread(&mut self, secret: &ObjectKey, entry: Option<&Arc<str>>) {
        let unread = WaitingSecret::new(secret.clone(), entry.cloned());
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }

    /// The verified delivery; or the delivery as it was if no key verifies it.
    pub fn finish(self, unsigned: Unsigned) -> Result<Verified<Delivery>, Box<Delivery>> {
        self.finish_with_waiting(unsigned).map(|arrival| arrival.delivery)
    }

    /// The verified delivery, and a waiting one for each namespace with a Secret that could not be read; or the delivery
    /// as it was if no key verifies it: a stranger must not make any tenant wait for anything.
    ///
    /// Without any credential there is nothing to wait for.
    pub fn finish_with_waiting(mut self, unsigned: Unsigned) -> Result<Arrival, Box<Delivery>> {
        self.verification.unsigned = unsigned;
        if self.verification.keys.is_empty() && !unsigned.is_allowed() {
            return Err(Box::new(self.delivery));
        }
        let presented = match self.evidence {
            Evidence::Credentials(credentials) => credentials.digest(&self.delivery.id),
            Evidence::Presented(presented) => Some(presented),
        };
        let mut by_namespace = BTreeMap::<_, Vec<_>>::new();
        for unread in self.unread {
            by_namespace.entry(Arc::clone(&unread.secret.namespace)).or_default().push(unread);
        }
        let each = presented.iter().flat_map(|presented| {
            let (delivery, route) = (&self.delivery, &self.verification.route);
            by_namespace.iter().map(move |(namespace, secrets)| {
                let delivery = Delivery { id: presented.id_in(namespace), ..delivery.clone() };
                let waiting = Waiting {
                    secrets: secrets.clone(),
                    presented: Some(presented.clone()),
                    continued_as: Vec::new(),
                };
                let (route, waiting) = (Arc::clone(route), Some(waiting));
                Verified::new(delivery, Verification { route, waiting, ..Verification::default() })
            })
        });
        let waiting: Vec<_> = each.collect();
        Ok(Arrival { delivery: Verified::new(self.delivery, self.verification), waiting })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{Credential, DeliveryId};

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::derive(&[b"delivery"]),
            source: "forge".into(),
            path: "/hooks/forge".into(),
            provider_id: None,
            event: "push".to_owned(),
            repository: None,
            received_at: Timestamp::UNIX_EPOCH,
            headers: Vec::new(),
            body: "{}".into(),
            replay: None,
        }
    }

    fn hook(namespace: &str) -> ObjectKey {
        ObjectKey::new(namespace, "hook")
    }

    #[test]
    fn each_namespace_with_an_unread_secret_gets_a_waiting_delivery_without_any_key() {
        let mut verifier = Verifier::new(delivery(), Credential::token(b"key").into());
        for namespace in ["team-b", "team-c", "team-b"] {
            verifier.unread(&hook(namespace), None);
        }
        assert!(verifier.try_key(&hook("team-a"), "token", b"key"));
        let Arrival { delivery: received, waiting } =
            verifier.finish_with_waiting(Unsigned::Operator).unwrap();
        assert_eq!(received.verification().waiting, None);
        let found: Vec<_> = waiting.iter().map(Verified::verification).collect();
        for (found, namespace) in found.iter().zip(["team-b", "team-c"]) {
            let waiting = found.waiting.clone().unwrap();
            assert_eq!(waiting.secrets, [WaitingSecret::new(hook(namespace), None)]);
            assert!(found.keys.is_empty() && !found.unsigned.is_allowed(), "{found:?}");
        }
        assert_eq!(waiting.len(), 2);

        // When its Secret reads again, the key verifies the delivery as it was received.
        let (copy, verification) = waiting[0].clone().into_parts();
        let mut resumed = Verifier::resume(&copy, &verification.waiting.unwrap()).unwrap();
        assert!(!resumed.try_key(&hook("team-b"), "token", b"another"));
        assert!(resumed.try_key(&hook("team-b"), "token", b"key"));
        let resumed = resumed.finish(Unsigned::No).unwrap();
        assert_eq!(resumed.value().id, delivery().id);
        assert_eq!(resumed.verification().keys, [KeyRef::new(hook("team-b"), "token")]);
    }

    #[test]
    fn nothing_waits_unless_a_key_verifies_the_delivery() {
        let mut verifier = Verifier::new(delivery(), Credential::token(b"key").into());
        verifier.unread(&hook("team-b"), None);
        assert!(!verifier.try_key(&hook("team-a"), "token", b"another"));
        assert!(verifier.finish_with_waiting(Unsigned::No).is_err());

        let mut unsigned = Verifier::new(delivery(), Credentials::none());
        unsigned.unread(&hook("team-b"), None);
        let Arrival { waiting, .. } = unsigned.finish_with_waiting(Unsigned::Operator).unwrap();
        assert!(waiting.is_empty(), "the sender presented nothing");
    }

    #[test]
    fn a_narrowed_delivery_has_the_keys_of_one_namespace_and_an_id_for_its_place() {
        let mut verifier = Verifier::new(delivery(), Credential::token(b"key").into());
        let other = ObjectKey::new("team-b", "other");
        for secret in [hook("team-a"), hook("team-b"), other.clone()] {
            assert!(verifier.try_key(&secret, "token", b"key"));
        }
        let received = verifier.finish(Unsigned::Operator).unwrap();
        let both = received.narrowed_to("team-b", 0, |_| true).unwrap();
        let keys: Vec<_> = both.verification().secrets().into_iter().cloned().collect();
        assert_eq!((keys, both.verification().unsigned), (vec![hook("team-b"), other.clone()], Unsigned::No));
        let one = received.narrowed_to("team-b", 1, |secret| *secret == other).unwrap();
        assert_eq!(one.verification().keys.len(), 1);
        assert_ne!(one.value().id, both.value().id);
        assert!(received.narrowed_to("team-c", 0, |_| true).is_none());
    }
}
