use std::fmt;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};

use crate::DeliveryId;
use crate::credential::{Credential, Credentials, HmacAlgorithm, KeyForm, sha256, tag};
use crate::form::SignedText;

/// The credentials of a request as they are stored while the Secret that could verify them cannot be read: of each
/// token and each tag the SHA-256 only, together with the id of the delivery.
///
/// A digest verifies nothing at a provider or here: it is compared with the digest of what a key would present. With
/// the id in it, equal tokens of two deliveries have different digests.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presented {
    /// The delivery whose sender presented them. A copy of the delivery under another id keeps this one.
    of: DeliveryId,
    credentials: Vec<PresentedCredential>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum PresentedCredential {
    Token {
        digest: Sum,
    },
    Hmac {
        /// A version that does not know the field takes SHA-256, which then verifies nothing.
        #[serde(default, skip_serializing_if = "HmacAlgorithm::is_default")]
        algorithm: HmacAlgorithm,
        digests: Vec<Sum>,
        prefix: Prefix,
        key: KeyForm,
        /// A version that does not know the field takes the body, which then verifies no form.
        #[serde(default, skip_serializing_if = "SignedText::is_default")]
        text: SignedText,
    },
}

/// A SHA-256, as 64 hexadecimal digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Sum([u8; 32]);

/// The signed text before the body, as base64 in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Prefix(Box<[u8]>);

impl Credentials {
    /// The digests of these credentials, which the sender of `delivery` presented.
    pub(crate) fn digest(&self, delivery: &DeliveryId) -> Presented {
        let credentials = self.iter().map(|one| PresentedCredential::of(delivery, one)).collect();
        Presented { of: delivery.clone(), credentials }
    }
}

impl Presented {
    /// The delivery whose sender presented this.
    pub(crate) fn delivery(&self) -> &DeliveryId {
        &self.of
    }

    /// Whether the sender presented nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.credentials.is_empty()
    }

    /// Whether `key` verifies one of the credentials for `body`. Compares all of them, in constant time. An empty key
    /// verifies nothing.
    pub fn is_verified_by(&self, key: &[u8], body: &[u8]) -> bool {
        let verifies = |one: &PresentedCredential| one.is_verified_by(&self.of, key, body);
        self.credentials.iter().fold(false, |verified, one| verifies(one) | verified)
    }

    /// The id of the delivery that waits in `namespace` with this. Another presentation of the same delivery has another
    /// id: a sender with the key of one tenant must not take the place of another tenant's.
    pub(crate) fn id_in(&self, namespace: &str) -> DeliveryId {
        let mut parts: Vec<&[u8]> = vec![b"waiting", self.of.as_str().as_bytes(), namespace.as_bytes()];
        for credential in &self.credentials {
            match credential {
                PresentedCredential::Token { digest } => parts.push(&digest.0),
                PresentedCredential::Hmac { digests, .. } => {
                    parts.extend(digests.iter().map(|one| &one.0[..]));
                }
            }
        }
        DeliveryId::derive(&parts)
    }
}

impl PresentedCredential {
    fn of(delivery: &DeliveryId, credential: &Credential) -> Self {
        match credential {
            Credential::Token(token) => Self::Token { digest: Sum::of(delivery, "token", token) },
            Credential::Hmac(hmac) => Self::Hmac {
                algorithm: hmac.algorithm,
                digests: hmac.tags.iter().map(|tag| Sum::of(delivery, "hmac", tag)).collect(),
                prefix: Prefix(hmac.prefix.clone()),
                key: hmac.key,
                text: hmac.text,
            },
        }
    }

    fn is_verified_by(&self, delivery: &DeliveryId, key: &[u8], body: &[u8]) -> bool {
        match self {
            Self::Token { digest } => !key.is_empty() && digest.is(&Sum::of(delivery, "token", &sha256(key))),
            Self::Hmac { algorithm, digests, prefix, key: form, text } => {
                let Some(key) = form.bytes(key) else { return false };
                let Some(tag) = tag(*algorithm, &key, &prefix.0, *text, body) else { return false };
                let expected = Sum::of(delivery, "hmac", tag.as_ref());
                digests.iter().fold(false, |verified, digest| digest.is(&expected) | verified)
            }
        }
    }
}

impl Sum {
    fn of(delivery: &DeliveryId, kind: &str, value: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        // The id has one length and the value is the last part, so the parts cannot run into each other.
        for part in [kind.as_bytes(), b"\0", delivery.as_str().as_bytes(), value] {
            context.update(part);
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(context.finish().as_ref());
        Self(sum)
    }

    fn is(&self, expected: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &expected.0).is_ok()
    }
}

impl TryFrom<String> for Sum {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        let sum = bytes.and_then(|bytes| bytes.try_into().ok());
        sum.map(Self).ok_or("not a SHA-256: 64 hexadecimal digits in lower case are expected")
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        HEXLOWER.encode(&sum.0)
    }
}

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| "not base64")?;
        Ok(Self(bytes.into()))
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        BASE64.encode(&prefix.0)
    }
}

/// Without the digests: a log needs none of them.
impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("of", &self.of).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign;

    const BODY: &[u8] = b"{\"ref\":\"refs/heads/main\"}";
    const STANDARD_KEY: &[u8] = b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    const SHA1: &str = "261ae77c26df0df7f8d6863181c4259905a52c58";

    fn id(name: &str) -> DeliveryId {
        DeliveryId::derive(&[name.as_bytes()])
    }

    fn hmac(key: &[u8], form: KeyForm, prefix: &[u8]) -> Credentials {
        let tags = vec![[7; 32], sign(key, form, prefix, BODY).unwrap()];
        Credential::hmac_sha256_with_prefix(tags, prefix, form).unwrap().into()
    }

    fn over_json(key: &[u8], json: &[u8]) -> Credentials {
        let tag = HEXLOWER.encode(&sign(key, KeyForm::Raw, b"", json).unwrap());
        Credential::hmac_sha256_of_json_from_hex(tag.as_bytes()).unwrap().into()
    }

    #[test]
    fn a_digest_of_a_tag_over_json_holds_for_the_form_with_it() {
        let form = b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D";
        for (credentials, holds) in
            [(over_json(b"key", BODY), true), (hmac(b"key", KeyForm::Raw, b""), false)]
        {
            let stored = serde_json::to_string(&credentials.digest(&id("a"))).unwrap();
            assert_eq!(stored.contains(r#""text":"json""#), holds, "{stored}");
            let presented: Presented = serde_json::from_str(&stored).unwrap();
            assert_eq!(presented.is_verified_by(b"key", form), holds, "{stored}");
            assert!(presented.is_verified_by(b"key", BODY) && !presented.is_verified_by(b"other", form));
        }
    }

    #[test]
    fn a_digest_is_verified_by_the_key_that_verifies_the_credential_and_by_no_other() {
        for (credentials, key) in [
            (hmac(b"key", KeyForm::Raw, b""), b"key".as_slice()),
            (hmac(STANDARD_KEY, KeyForm::WebhookSecret, b"id.1700000000."), STANDARD_KEY),
            (Credential::token(b"key").into(), b"key"),
            (over_json(b"key", BODY), b"key"),
            // HMAC-SHA-1, made with the module `hmac` of Python.
            (Credential::hmac_from_hex(HmacAlgorithm::Sha1, SHA1.as_bytes()).unwrap().into(), b"key"),
        ] {
            let presented = credentials.digest(&id("a"));
            let stored = serde_json::to_string(&presented).unwrap();
            let presented: Presented = serde_json::from_str(&stored).unwrap();
            assert!(presented.is_verified_by(key, BODY), "{stored}");
            for wrong in [b"".as_slice(), b"other", b"whsec_", b"whsec_not base64"] {
                assert!(!presented.is_verified_by(wrong, BODY), "{stored} {wrong:?}");
                assert_eq!(credentials.are_verified_by(wrong, BODY), presented.is_verified_by(wrong, BODY));
            }
        }
    }

    #[test]
    fn neither_a_token_nor_a_tag_is_stored_and_a_digest_holds_for_one_delivery() {
        let tag = sign(b"key", KeyForm::Raw, b"", BODY).unwrap();
        for (credentials, secret) in [
            (Credentials::from(Credential::hmac_sha256(tag)), tag),
            (Credential::token(b"key").into(), sha256(b"key")),
        ] {
            let stored = serde_json::to_string(&credentials.digest(&id("a"))).unwrap();
            assert!(!stored.contains(&HEXLOWER.encode(&secret)) && !stored.contains(&BASE64.encode(&secret)));
            let elsewhere = stored.replace(id("a").as_str(), id("b").as_str());
            let elsewhere: Presented = serde_json::from_str(&elsewhere).unwrap();
            assert!(!elsewhere.is_verified_by(b"key", BODY), "{stored}");
        }
    }

    #[test]
    fn no_credential_has_no_digest_and_each_presentation_has_an_id_of_its_own() {
        let none = Credentials::none().digest(&id("a"));
        assert!(none.is_empty() && !none.is_verified_by(b"key", BODY) && !none.is_verified_by(b"", BODY));
        let presented = |key: &[u8]| Credentials::from(Credential::token(key)).digest(&id("a"));
        assert_ne!(presented(b"one").id_in("team-a"), none.id_in("team-a"));
        assert_eq!(presented(b"one").id_in("team-a"), presented(b"one").id_in("team-a"));
        assert_ne!(presented(b"one").id_in("team-a"), presented(b"two").id_in("team-a"));
        assert_ne!(presented(b"one").id_in("team-a"), presented(b"one").id_in("team-b"));
    }
}
