use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Delivery, DeliveryId, ObjectKey, Waiting};

/// A value whose origin has been verified.
///
/// Only a [`Verifier`](crate::Verifier), an [`Observer`] and a [`ListenerGate`] make one. So a `Verified<Delivery>` has been checked against
/// a secret (or let through by the operator's explicit decision), or was seen on the cluster by this program; or it is
/// to be checked later, and then no rule may act on it. The journal accepts nothing else.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    value: T,
    verification: Verification,
}

/// The result of verifying a delivery's origin. Stored with the delivery, and as long.
///
/// Its JSON is read and written by the versions before too: `secrets` was a list of names before entries were recorded,
/// and `unsigned` was a truth value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The keys that verify the delivery. Only rules bound to one of them may act on it.
    #[serde(rename = "secrets")]
    pub keys: Vec<KeyRef>,
    /// The route that the request came in by, as its path; empty for what was observed, and for deliveries that were
    /// kept before routes were recorded.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub route: Arc<str>,
    /// Whether rules without any secret may act on it, and who allowed that.
    #[serde(default)]
    pub unsigned: Unsigned,
    /// Clone Secrets that hold no webhook key: with `unsigned`, rules that name no other secret may act.
    #[serde(default, rename = "keyless", skip_serializing_if = "Vec::is_empty")]
    pub without_entry: Vec<ObjectKey>,
    /// Clone Secrets that were read after the delivery had arrived, and hold no webhook key. The operator accepts unsigned
    /// deliveries, so the rules with one of them may act; no other rule may. A version that does not know the field starts
    /// nothing.
    #[serde(default, rename = "keylessLate", skip_serializing_if = "Vec::is_empty")]
    pub late_without_entry: Vec<ObjectKey>,
    /// The object that this program saw the event happen to: an object on the cluster, or an image by its reference.
    /// Then no secret is concerned, and only rules in its namespace may act on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<ObjectKey>,
    /// The EventListener that accepted the request. Its interceptors verify senders, and only its triggers may act on it. A
    /// version that does not know the field starts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<ObjectKey>,
    /// The namespaces whose rules may act on it; absent: all. Only a replay is restricted: to the namespaces in which
    /// the user who asked for it may start runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<BTreeSet<Arc<str>>>,
    /// As `unsigned`, but for these namespaces only. A version that does not know the restriction does not know this
    /// permission either, and starts nothing for rules without a secret.
    #[serde(default, rename = "unsignedWithin", skip_serializing_if = "Unsigned::is_default")]
    pub unsigned_within: Unsigned,
    /// The Secrets that could not be read when it arrived. With these there is no key and no permission: a version that
    /// does not know the field starts nothing either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The namespaces whose rules were not known when the delivery was decided. Their rules may still act on it if it
    /// arrives again, with one of their keys.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unseen: BTreeSet<Arc<str>>,
}

/// A key, by the Secret and the entry that hold it. As JSON it is flat: `{"namespace", "name", "entry"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyRef {
    /// The Secret.
    #[serde(flatten)]
    pub secret: ObjectKey,
    /// The key in the Secret's `data`, such as `webhook-secret`. Empty where it was not recorded: a version before
    /// verified the delivery with an entry that its provider reads.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub entry: Arc<str>,
}

/// Whether rules that name no secret accept a delivery without a signature, and who allowed it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Unsigned {
    /// They reject it. The default.
    #[default]
    No,
    /// The operator allowed it by `--allow-unsigned`, and the repository has rules without a secret.
    Operator,
}

/// The right to say that this program saw something happen itself, over an authenticated connection.
///
/// The program's wiring makes one and gives it to what watches the cluster and registries. Everything else can get a
/// [`Verified`] delivery only from a [`Verifier`](crate::Verifier). A lint and a test hold that nothing else calls [`Observer::new`].
#[derive(Debug, Clone)]
pub struct Observer(());

/// The right to accept requests for listeners, whose own interceptors verify senders.
///
/// As with an [`Observer`], the program's wiring makes one and gives it to the route of listeners. A lint and a test hold
/// that nothing else calls [`ListenerGate::new`].
#[derive(Debug, Clone)]
pub struct ListenerGate(());

impl KeyRef {
    /// The key in this entry of this Secret.
    pub fn new(secret: ObjectKey, entry: impl Into<Arc<str>>) -> Self {
        Self { secret, entry: entry.into() }
    }
}

impl Unsigned {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_default(&self) -> bool {
        *self == Self::No
    }

    /// Whether rules without a secret may act.
    pub fn is_allowed(self) -> bool {
        self != Self::No
    }
}

impl From<bool> for Unsigned {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Operator } else { Self::No }
    }
}

impl From<Unsigned> for bool {
    fn from(unsigned: Unsigned) -> Self {
        unsigned.is_allowed()
    }
}

impl Verification {
    /// The most keys that [`Verification::merge`] keeps. A sender that renames its Secret for each redelivery would
    /// otherwise make the record longer each time.
    pub const MOST_KEYS: usize = 512;

    /// The most namespaces that are recorded as unseen: the record is stored with each delivery, and a program that cannot
    /// watch more of its namespaces is not set up yet.
    pub const MOST_UNSEEN: usize = 64;

    /// Records that the rules of these namespaces are not known.
    pub fn add_unseen<'a>(&mut self, namespaces: impl IntoIterator<Item = &'a Arc<str>>) {
        for namespace in namespaces {
            if self.unseen.len() == Self::MOST_UNSEEN {
                return;
            }
            self.unseen.insert(Arc::clone(namespace));
        }
    }

    /// The result of verifying two arrivals of one delivery: everything that either of them proved. `self` is the earlier
    /// one. The body of both is the same, because ids are derived from bodies.
    ///
    /// An arrival that the operator's settings did not let through unsigned says nothing about rules without a secret.
    /// So its Secrets without an entry do not count beside those of an arrival that was let through.
    #[must_use]
    pub fn merge(mut self, later: Self) -> Self {
        // Replays alone are restricted to namespaces, and they do not arrive. Neither do deliveries that waited.
        let Self { mut keys, route, unsigned, without_entry, observed, listener, waiting, unseen, .. } =
            later;
        self.keys.retain(|key| !keys.contains(key));
        self.keys.truncate(Self::MOST_KEYS.saturating_sub(keys.len()));
        self.keys.append(&mut keys);
        match (self.unsigned.is_allowed(), unsigned.is_allowed()) {
            (true, false) => {}
            (false, true) => (self.without_entry, self.unsigned) = (without_entry, unsigned),
            (true, true) | (false, false) => {
                for secret in without_entry {
                    if !self.without_entry.contains(&secret) {
                        self.without_entry.push(secret);
                    }
                }
                self.without_entry.truncate(Self::MOST_KEYS);
            }
        }
        if !route.is_empty() {
            self.route = route;
        }
        self.observed = self.observed.or(observed);
        self.listener = self.listener.or(listener);
        self.add_unseen(&unseen);
        self.waiting = match (self.waiting, waiting) {
            (Some(earlier), Some(later)) => Some(earlier.merge(later)),
            (earlier, later) => earlier.or(later),
        };
        self
    }

    /// Whether rules without any secret may act, in a namespace that it admits.
    pub fn allows_unsigned(&self) -> bool {
        self.unsigned.is_allowed() || (self.namespaces.is_some() && self.unsigned_within.is_allowed())
    }

    /// Whether the rules with this clone Secret may act because it holds no webhook key.
    pub fn allows_without_key(&self, secret: &ObjectKey) -> bool {
        self.late_without_entry.contains(secret)
            || (self.allows_unsigned() && self.without_entry.contains(secret))
    }

    /// Whether one of the keys is in `secret`.
    pub fn is_by_secret(&self, secret: &ObjectKey) -> bool {
        self.keys.iter().any(|key| key.secret == *secret)
    }

    /// Whether rules in `namespace` may act at all. Their own Secret decides about the rest.
    pub fn admits(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(namespace))
    }

    /// The part of it that concerns these namespaces. A restriction is never lifted.
    #[must_use]
    pub fn restricted_to(&self, namespaces: &BTreeSet<Arc<str>>) -> Self {
        let namespaces: BTreeSet<_> =
            namespaces.iter().filter(|namespace| self.admits(namespace)).cloned().collect();
        let is_within = |object: &ObjectKey| namespaces.contains(&object.namespace);
        Self {
            keys: self.keys.iter().filter(|key| is_within(&key.secret)).cloned().collect(),
            unsigned: Unsigned::No,
            unsigned_within: self.allows_unsigned().into(),
            without_entry: self.without_entry.iter().filter(|secret| is_within(secret)).cloned().collect(),
            late_without_entry: self
                .late_without_entry
                .iter()
                .filter(|secret| is_within(secret))
                .cloned()
                .collect(),
            observed: self.observed.clone().filter(is_within),
            waiting: self
                .waiting
                .clone()
                .filter(|waiting| waiting.namespace().is_some_and(|one| namespaces.contains(one))),
            unseen: self.unseen.intersection(&namespaces).cloned().collect(),
            namespaces: Some(namespaces),
            ..self.clone()
        }
    }

    /// The namespaces that it belongs to without a key: those of the object that was observed, and of the listener that
    /// accepted it.
    pub fn namespaces_without_key(&self) -> impl Iterator<Item = &Arc<str>> {
        self.observed.iter().chain(&self.listener).map(|object| &object.namespace)
    }

    /// The Secrets that hold the keys, each once, in order.
    pub fn secrets(&self) -> Vec<&ObjectKey> {
        let mut seen = HashSet::with_capacity(self.keys.len());
        self.keys.iter().map(|key| &key.secret).filter(|secret| seen.insert(*secret)).collect()
    }
}

impl Observer {
    /// For the wiring of the program, and for tests.
    #[expect(clippy::new_without_default, reason = "it must not come into being by accident")]
    pub fn new() -> Self {
        Self(())
    }

    /// A delivery about something that this program saw happen to `object`: to an object on the cluster, or to an
    /// image, named by its reference, in a registry.
    pub fn observed(&self, delivery: Delivery, object: ObjectKey) -> Verified<Delivery> {
        let verification = Verification { observed: Some(object), ..Verification::default() };
        Verified { value: delivery, verification }
    }
}

impl ListenerGate {
    /// For the wiring of the program, and for tests.
    #[expect(clippy::new_without_default, reason = "it must not come into being by accident")]
    pub fn new() -> Self {
        Self(())
    }

    /// A request to `listener` that its interceptors have been asked about, as far as Secrets are concerned.
    pub fn accepted(&self, delivery: Delivery, listener: ObjectKey) -> Verified<Delivery> {
        let route = Arc::clone(&delivery.path);
        let verification = Verification { listener: Some(listener), route, ..Verification::default() };
        Verified { value: delivery, verification }
    }
}

impl Verified<Delivery> {
    /// The same delivery for the keys of some Secrets of one namespace only, under an id of its own.
    ///
    /// Two tenants who each made a hook at the provider get equal bodies, signed with different keys. The second to
    /// arrive is no repetition for the tenant whose key verifies it. `place` counts such deliveries of one namespace, from
    /// 0. `None` if no key of a wanted Secret verifies it.
    pub fn narrowed_to(
        &self,
        namespace: &str,
        place: usize,
        wanted: impl Fn(&ObjectKey) -> bool,
    ) -> Option<Self> {
        let id = narrowed_id(&self.value.id, namespace, place);
        self.narrowed(id, |secret| *secret.namespace == *namespace && wanted(secret))
    }

    /// The same delivery for the keys of one Secret, under the id that a version before gave it.
    pub fn narrowed_to_secret(&self, secret: &ObjectKey) -> Option<Self> {
        self.narrowed(narrowed_id_of_secret(&self.value.id, secret), |other| other == secret)
    }

    /// The same delivery, under its id, without the keys of unwanted Secrets. `None` if nothing is left that lets a rule
    /// act on it.
    pub fn with_keys_of(mut self, wanted: impl Fn(&ObjectKey) -> bool) -> Option<Self> {
        self.verification.keys.retain(|key| wanted(&key.secret));
        let allows = !self.verification.keys.is_empty() || self.verification.unsigned.is_allowed();
        allows.then_some(self)
    }

    /// The same delivery without some of the Secrets that hold no key: their rules have another delivery already.
    #[must_use]
    pub fn without_secrets(mut self, is_dropped: impl Fn(&ObjectKey) -> bool) -> Self {
        self.verification.without_entry.retain(|secret| !is_dropped(secret));
        self
    }

    /// The waiting delivery for some of its Secrets only. `None` if it waits for none of them.
    pub fn waiting_for(mut self, wanted: impl Fn(&ObjectKey) -> bool) -> Option<Self> {
        let waiting = self.verification.waiting.as_mut()?;
        waiting.secrets.retain(|waiting| wanted(&waiting.secret));
        (!waiting.secrets.is_empty()).then_some(self)
    }

    fn narrowed(&self, id: DeliveryId, wanted: impl Fn(&ObjectKey) -> bool) -> Option<Self> {
        let keys: Vec<_> = self.verification.keys.iter().filter(|key| wanted(&key.secret)).cloned().collect();
        if keys.is_empty() {
            return None;
        }
        let route = Arc::clone(&self.verification.route);
        let verification = Verification { keys, route, ..Verification::default() };
        Some(Self { value: Delivery { id, ..self.value.clone() }, verification })
    }
}

/// The id of delivery `of` for further keys of one namespace. `place` counts such deliveries, from 0.
pub fn narrowed_id(of: &DeliveryId, namespace: &str, place: usize) -> DeliveryId {
    let place = (place as u64).to_be_bytes();
    DeliveryId::derive(&[b"narrowed", of.as_str().as_bytes(), namespace.as_bytes(), &place])
}

/// The id of delivery `of` for the rules of `secret`, a clone Secret that was read late and holds no webhook key.
pub fn id_without_key(of: &DeliveryId, secret: &ObjectKey) -> DeliveryId {
    let of = of.as_str().as_bytes();
    DeliveryId::derive(&[b"without key", of, secret.namespace.as_bytes(), secret.name.as_bytes()])
}

/// The id that versions before gave delivery `of` for the keys of one Secret. Those deliveries are still known.
pub fn narrowed_id_of_secret(of: &DeliveryId, secret: &ObjectKey) -> DeliveryId {
    DeliveryId::derive(&[of.as_str().as_bytes(), secret.namespace.as_bytes(), secret.name.as_bytes()])
}

impl<T> Verified<T> {
    /// For the verifier.
    pub(crate) fn new(value: T, verification: Verification) -> Self {
        Self { value, verification }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The result of its verification.
    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    /// Both parts. The value is no longer marked as verified.
    pub fn into_parts(self) -> (T, Verification) {
        (self.value, self.verification)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by(names: &[&str]) -> Verification {
        let keys = names.iter().map(|name| KeyRef::new(ObjectKey::new("team", *name), "key")).collect();
        Verification { keys, ..Verification::default() }
    }

    fn without(unsigned: Unsigned, names: &[&str]) -> Verification {
        let without_entry = names.iter().map(|name| ObjectKey::new("team", *name)).collect();
        Verification { unsigned, without_entry, ..Verification::default() }
    }

    #[test]
    fn two_arrivals_prove_together_what_each_proved() {
        for (earlier, later, expected) in [
            (by(&["a"]), by(&["b"]), by(&["a", "b"])),
            (by(&["a", "b"]), by(&["a"]), by(&["b", "a"])),
            (by(&[]), by(&["a"]), by(&["a"])),
        ] {
            assert_eq!(earlier.merge(later), expected);
        }
        let (no, operator) = (Unsigned::No, Unsigned::Operator);
        for (earlier, later, expected) in [
            (without(no, &["a"]), without(no, &["b"]), without(no, &["a", "b"])),
            (without(operator, &["a"]), without(operator, &["a", "b"]), without(operator, &["a", "b"])),
            (without(operator, &["a"]), without(no, &["b"]), without(operator, &["a"])),
            (without(no, &["a"]), without(operator, &["b"]), without(operator, &["b"])),
        ] {
            assert_eq!(earlier.merge(later), expected);
        }
    }

    #[test]
    fn a_merged_verification_has_a_bounded_number_of_keys() {
        let names: Vec<_> = (0..2 * Verification::MOST_KEYS).map(|number| number.to_string()).collect();
        let merged = names.iter().fold(by(&[]), |known, name| known.merge(by(&[name])));
        assert_eq!(merged.keys.len(), Verification::MOST_KEYS);
        assert_eq!(merged.keys.last().map(|key| &*key.secret.name), names.last().map(String::as_str));
    }

    #[test]
    fn a_version_that_does_not_know_restrictions_reads_no_permission_of_a_restricted_replay() {
        let namespaces = ["team"].map(Arc::from).into();
        let restricted = without(Unsigned::Operator, &["clone"]).restricted_to(&namespaces);
        assert!(restricted.allows_unsigned() && restricted.admits("team") && !restricted.admits("other"));
        let stored = serde_json::to_value(&restricted).unwrap();
        assert_eq!((&stored["unsigned"], &stored["unsignedWithin"]), (&json!(false), &json!(true)));
        let read: Verification = serde_json::from_value(stored).unwrap();
        assert_eq!(read.restricted_to(&namespaces), restricted, "a replay of a replay");
        let none = without(Unsigned::No, &["clone"]).restricted_to(&namespaces);
        assert!(!none.allows_unsigned());
    }

    #[test]
    fn what_the_version_before_stored_is_read_and_it_reads_what_is_stored_now() {
        let before = json!({
            "secrets": [{"namespace": "team-a", "name": "hook"}],
            "unsigned": true,
            "keyless": [{"namespace": "team-a", "name": "clone"}],
        });
        let read: Verification = serde_json::from_value(before).unwrap();
        assert_eq!(read.keys, [KeyRef::new(ObjectKey::new("team-a", "hook"), "")]);
        assert_eq!((read.unsigned, &*read.route), (Unsigned::Operator, ""));
        assert_eq!(read.without_entry, [ObjectKey::new("team-a", "clone")]);

        let now = Verification {
            keys: vec![KeyRef::new(ObjectKey::new("team-a", "hook"), "webhook-secret")],
            route: "/hooks/github".into(),
            ..read
        };
        let stored = serde_json::to_value(&now).unwrap();
        assert_eq!(serde_json::from_value::<Verification>(stored.clone()).unwrap(), now);
        // The fields that the version before asks for, by the names it knows.
        let secrets: Vec<ObjectKey> = serde_json::from_value(stored["secrets"].clone()).unwrap();
        assert_eq!(secrets, [ObjectKey::new("team-a", "hook")]);
        assert_eq!(stored["unsigned"], json!(true));
    }

    #[test]
    fn a_restricted_verification_holds_the_keys_of_its_namespaces_only() {
        let hook = |namespace: &str| ObjectKey::new(namespace, "hook");
        let set = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<BTreeSet<Arc<str>>>();
        let all = Verification {
            keys: ["team-a", "team-b"].map(|namespace| KeyRef::new(hook(namespace), "token")).to_vec(),
            without_entry: vec![hook("team-a"), hook("team-c")],
            unsigned: Unsigned::Operator,
            route: "/hooks/github".into(),
            ..Verification::default()
        };
        assert!(all.admits("team-z"));
        let part = all.restricted_to(&set(&["team-a", "team-z"]));
        assert_eq!(part.keys, [KeyRef::new(hook("team-a"), "token")]);
        assert_eq!((&*part.without_entry, part.allows_unsigned()), (&[hook("team-a")][..], true));
        assert_eq!(["team-a", "team-b", "team-z"].map(|name| part.admits(name)), [true, false, true]);
        let stored = serde_json::to_value(&part).unwrap();
        assert_eq!(serde_json::from_value::<Verification>(stored).unwrap(), part);
        let less = part.restricted_to(&set(&["team-b", "team-a"]));
        assert_eq!(less.namespaces, Some(set(&["team-a"])), "a restriction is never lifted");
        let observed = Verification { observed: Some(hook("team-b")), ..Verification::default() };
        assert_eq!(observed.restricted_to(&set(&["team-a"])).observed, None);
    }
}
