use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    Credentials, Delivery, DeliveryId, KeyRef, ObjectKey, Presented, Unsigned, Verification, Verified,
    Waiting, WaitingSecret, id_without_key,
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

    /// The id of the delivery as it was received.
    pub fn id(&self) -> &DeliveryId {
        &self.delivery.id
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

    /// Records that a Secret could not be read.
    pub fn unread(&mut self, unread: WaitingSecret) {
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }

    /// The delivery for the rules of `secret` alone, a clone Secret that was read late and holds no webhook key, under an
    /// id of its own. `None` unless the operator accepts unsigned deliveries.
    pub fn without_key(&self, secret: &ObjectKey, unsigned: Unsigned) -> Option<Verified<Delivery>> {
        let delivery = Delivery { id: id_without_key(&self.delivery.id, secret), ..self.delivery.clone() };
        let verification = Verification {
            route: Arc::clone(&self.verification.route),
            late_without_entry: vec![secret.clone()],
            ..Verification::default()
        };
        unsigned.is_allowed().then(|| Verified::new(delivery, verification))
    }

    /// Records that the rules of these namespaces are not known: there may be further keys.
    pub fn unseen<'a>(&mut self, namespaces: impl IntoIterator<Item = &'a Arc<str>>) {
        self.verification.add_unseen(namespaces);
    }

    /// The verified delivery; or the delivery as it was if no key verifies it.
    pub fn finish(self, unsigned: Unsigned) -> Result<Verified<Delivery>, Box<Delivery>> {
        self.finish_with_waiting(unsigned).map(|arrival| arrival.delivery)
    }

    /// The verified delivery, and a waiting one for each namespace with a Secret that could not be read; or the delivery
    /// as it was if no key verifies it: a stranger must not make any tenant wait for anything.
    ///
    /// Without any credential there is nothing to wait for but clone Secrets, which may hold no key.
    pub fn finish_with_waiting(mut self, unsigned: Unsigned) -> Result<Arrival, Box<Delivery>> {
        self.verification.unsigned = unsigned;
        if self.verification.keys.is_empty() && !unsigned.is_allowed() {
            return Err(Box::new(self.delivery));
        }
        let presented = match self.evidence {
            Evidence::Credentials(credentials) => credentials.digest(&self.delivery.id),
            Evidence::Presented(presented) => presented,
        };
        if presented.is_empty() {
            self.unread.retain(|unread| unread.clone_secret);
        }
        let mut by_namespace = BTreeMap::<_, Vec<_>>::new();
        for unread in self.unread {
            by_namespace.entry(Arc::clone(&unread.secret.namespace)).or_default().push(unread);
        }
        let each = by_namespace.into_iter().map(|(namespace, secrets)| {
            let delivery = Delivery { id: presented.id_in(&namespace), ..self.delivery.clone() };
            let presented = Some(presented.clone());
            let waiting = Some(Waiting { secrets, presented, continued_as: Vec::new() });
            let route = Arc::clone(&self.verification.route);
            Verified::new(delivery, Verification { route, waiting, ..Verification::default() })
        });
        let waiting: Vec<_> = each.collect();
        Ok(Arrival { delivery: Verified::new(self.delivery, self.verification), waiting })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Credential;

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
            verifier.unread(WaitingSecret::new(hook(namespace), None));
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
        verifier.unread(WaitingSecret::new(hook("team-b"), None));
        assert!(!verifier.try_key(&hook("team-a"), "token", b"another"));
        assert!(verifier.finish_with_waiting(Unsigned::No).is_err());

        let mut unsigned = Verifier::new(delivery(), Credentials::none());
        unsigned.unread(WaitingSecret::new(hook("team-b"), None));
        unsigned.unread(WaitingSecret::of_clone(hook("team-c")));
        let Arrival { waiting, .. } = unsigned.finish_with_waiting(Unsigned::Operator).unwrap();
        let namespaces: Vec<_> = waiting
            .iter()
            .filter_map(|one| one.verification().waiting.as_ref().and_then(Waiting::namespace))
            .map(AsRef::as_ref)
            .collect();
        assert_eq!(
            namespaces,
            ["team-c"],
            "the sender presented nothing, and only a clone Secret may hold no key"
        );
    }

    #[test]
    fn a_late_clone_secret_without_a_key_lets_its_own_rules_act_where_the_operator_allows_it() {
        let verifier = Verifier::new(delivery(), Credential::token(b"key").into());
        let late = verifier.without_key(&hook("team-b"), Unsigned::Operator).unwrap();
        let other = verifier.without_key(&hook("team-c"), Unsigned::Operator).unwrap();
        assert_ne!(late.value().id, other.value().id);
        assert_eq!(late.verification().late_without_entry, [hook("team-b")]);
        let stored = serde_json::to_value(late.verification()).unwrap();
        assert_eq!(stored["unsigned"], false, "a version before starts nothing");
        assert!(verifier.without_key(&hook("team-b"), Unsigned::No).is_none());
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
