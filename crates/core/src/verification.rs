use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{constant_time, hmac};
use serde::{Deserialize, Serialize};

use crate::{Delivery, DeliveryId, ObjectKey};

/// A value whose origin has been proven.
///
/// Only [`Verifier::finish`] and [`Verified::observed`] make one, so what is typed `Verified<Delivery>`
/// has been checked against a secret (or let through by the operator's explicit decision), or was seen on the
/// cluster by ourselves; and the journal accepts nothing else.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    value: T,
    verification: Verification,
}

/// What proves the origin of a delivery. Kept with it for as long as the delivery is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The Secrets whose key verifies the delivery. Only rules bound to one of them may act on it.
    pub secrets: Vec<ObjectKey>,
    /// Whether rules without any secret may act on it, because the operator allowed unsigned deliveries.
    #[serde(default)]
    pub unsigned: bool,
    /// Clone Secrets that hold no webhook key: with `unsigned`, rules that name no other secret may act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_entry: Vec<ObjectKey>,
    /// What we saw it happen to ourselves: an object on the cluster, or an image by its reference. Then no
    /// secret is concerned, and only rules in this namespace may act on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<ObjectKey>,
}

/// What a sender presents to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// HMAC-SHA-256 over the raw body (RFC 2104), as GitHub, Gitea and Bitbucket send it.
    HmacSha256([u8; 32]),
    /// The key itself, of which only the SHA-256 is kept, as registries send it in a header or a path.
    Token([u8; 32]),
    /// Nothing at all.
    Nothing,
}

/// Whether a rule that names no secret accepts deliveries that nobody signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It refuses them. The default.
    Refused,
    /// The operator allowed them, and the repository has rules without a secret.
    Allowed,
}

/// The check of one delivery against the secrets of the rules that could care about it.
#[derive(Debug)]
pub struct Verifier {
    delivery: Delivery,
    claim: Credential,
    verification: Verification,
}

impl Credential {
    /// The claim that somebody who has `key` makes for `body`.
    pub fn hmac_sha256(key: &[u8], body: &[u8]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Self::HmacSha256(bytes)
    }

    /// The claim of somebody who presents `token`.
    pub fn token(token: &[u8]) -> Self {
        Self::Token(sha256(token))
    }

    /// Whether `key` makes the claim true for `body`. Compares in constant time.
    ///
    /// An empty key proves nothing: anybody could sign with it.
    pub fn holds(&self, key: &[u8], body: &[u8]) -> bool {
        match self {
            Self::HmacSha256(tag) if !key.is_empty() => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), body, tag).is_ok()
            }
            Self::Token(presented) if !key.is_empty() => {
                constant_time::verify_slices_are_equal(presented, &sha256(key)).is_ok()
            }
            Self::HmacSha256(_) | Self::Token(_) | Self::Nothing => false,
        }
    }
}

fn sha256(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}

impl Verifier {
    /// Begins the check of `delivery`, whose sender claims `claim`.
    pub fn new(delivery: Delivery, claim: Credential) -> Self {
        Self { delivery, claim, verification: Verification::default() }
    }

    /// Tries one key of `secret`; several keys of one Secret may be active. True if it verifies.
    pub fn try_key(&mut self, secret: &ObjectKey, key: &[u8]) -> bool {
        let holds = self.claim.holds(key, &self.delivery.body);
        if holds && !self.verification.secrets.contains(secret) {
            self.verification.secrets.push(secret.clone());
        }
        holds
    }

    /// Notes that `secret`, a clone Secret, holds no webhook key.
    pub fn without_entry(&mut self, secret: &ObjectKey) {
        if !self.verification.without_entry.contains(secret) {
            self.verification.without_entry.push(secret.clone());
        }
    }

    /// The proven delivery; or the delivery as it was if no key verified it.
    pub fn finish(mut self, unsigned: Unsigned) -> Result<Verified<Delivery>, Box<Delivery>> {
        self.verification.unsigned = unsigned == Unsigned::Allowed;
        if self.verification.secrets.is_empty() && !self.verification.unsigned {
            return Err(Box::new(self.delivery));
        }
        Ok(Verified { value: self.delivery, verification: self.verification })
    }
}

impl Verified<Delivery> {
    /// A delivery about something that we saw happen to `object` ourselves, over an authenticated connection:
    /// to an object on the cluster, or to an image, named by its reference, in a registry.
    pub fn observed(delivery: Delivery, object: ObjectKey) -> Self {
        Self {
            value: delivery,
            verification: Verification { observed: Some(object), ..Verification::default() },
        }
    }

    /// The same delivery for the rules of one of its secrets only, under an id of its own.
    ///
    /// Two tenants who each made a hook at the provider get equal bodies, signed with different keys. The
    /// second to arrive is no repetition for the tenant whose key verifies it. `None` if `secret` does not.
    pub fn narrowed_to(&self, secret: &ObjectKey) -> Option<Self> {
        if !self.verification.secrets.contains(secret) {
            return None;
        }
        let (namespace, name) = (secret.namespace.as_bytes(), secret.name.as_bytes());
        let id = DeliveryId::derive(&[self.value.id.as_str().as_bytes(), namespace, name]);
        let verification = Verification { secrets: vec![secret.clone()], ..Verification::default() };
        Some(Self { value: Delivery { id, ..self.value.clone() }, verification })
    }
}

impl<T> Verified<T> {
    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What proves it.
    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    /// Both parts. The value is no longer marked as proven.
    pub fn into_parts(self) -> (T, Verification) {
        (self.value, self.verification)
    }
}
