use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{constant_time, hmac};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

use crate::form::SignedText;

/// The signature or token with which a sender authenticates a request. All comparing with keys happens here, in constant time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An HMAC (RFC 2104) that the sender made with the key.
    Hmac(Hmac),
    /// The key itself, of which only the SHA-256 is kept.
    Token([u8; 32]),
}

/// HMAC tags over a text that ends with the body. One of them has to be right: a sender that rotates its keys sends a
/// tag for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    pub(crate) algorithm: HmacAlgorithm,
    /// Each as long as the tags of the algorithm.
    pub(crate) tags: Vec<Box<[u8]>>,
    /// The prefix of the body in the signed text: nothing, or `id.timestamp.`.
    pub(crate) prefix: Box<[u8]>,
    pub(crate) key: KeyForm,
    pub(crate) text: SignedText,
}

/// The hash function of an HMAC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HmacAlgorithm {
    /// SHA-1, with tags of 20 bytes. Its known weaknesses do not break an HMAC, but no hook of a provider is accepted with
    /// it: only listeners, whose senders have always been allowed to use it.
    Sha1,
    /// SHA-256, with tags of 32 bytes.
    #[default]
    Sha256,
    /// SHA-512, with tags of 64 bytes.
    Sha512,
}

/// The encoding of a key's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// The bytes themselves.
    Raw,
    /// The prefix `whsec_` and standard base64 with padding. A key of another form verifies nothing.
    /// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
    WebhookSecret,
}

/// Everything that one request presents. One of them has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials(Vec<Credential>);

/// The longest list of credentials, or of tags: a sender that rotates keys presents two or three.
pub(crate) const MOST_CREDENTIALS: usize = 8;

/// Why a sender presents nothing that could be checked. The messages never quote what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The request carries no credential. Where the operator allows unsigned deliveries, intake goes on with
    /// [`Credentials::none`].
    #[error("the request carries no signature or token")]
    Missing,
    /// The credential is not written as the sender's documentation says.
    #[error("the signature or token is malformed")]
    Malformed,
    /// The only signature is of a kind that is no longer accepted (SHA-1).
    #[error("the only signature is SHA-1, which is not accepted")]
    Weak,
    /// A header with a credential occurs more than once, or lists too many.
    #[error("the request carries more signatures or tokens than one sender would")]
    Repeated,
    /// The signature was made at a moment too far from ours.
    #[error("the timestamp of the signature is too far from the clock here; compare both clocks")]
    Expired,
}

impl Credential {
    fn is_token(&self, value: &[u8]) -> bool {
        matches!(self, Self::Token(presented) if presented[..] == *digest(&SHA256, value).as_ref())
    }

    /// An HMAC-SHA-256 tag over the body, made with the key's own bytes.
    pub fn hmac_sha256(tag: [u8; 32]) -> Self {
        Self::hmac(HmacAlgorithm::Sha256, tag.into())
    }

    fn hmac(algorithm: HmacAlgorithm, tag: Box<[u8]>) -> Self {
        Self::Hmac(Hmac {
            algorithm,
            tags: vec![tag],
            prefix: Box::default(),
            key: KeyForm::Raw,
            text: SignedText::Body,
        })
    }

    /// HMAC-SHA-256 tags over `prefix` and the body, made with keys of the form `key`: at least one, and no more than
    /// a sender that rotates its keys would present.
    pub fn hmac_sha256_with_prefix(
        tags: Vec<[u8; 32]>,
        prefix: &[u8],
        key: KeyForm,
    ) -> Result<Self, CredentialError> {
        match tags.len() {
            0 => Err(CredentialError::Missing),
            count if count > MOST_CREDENTIALS => Err(CredentialError::Repeated),
            _ => {
                let tags = tags.into_iter().map(Into::into).collect();
                Ok(Self::prefixed(tags, prefix, key))
            }
        }
    }

    /// The same with one tag, as hexadecimal digits of either case.
    pub fn hmac_sha256_with_prefix_from_hex(
        digits: &[u8],
        prefix: &[u8],
        key: KeyForm,
    ) -> Result<Self, CredentialError> {
        let tag = tag_from_hex(HmacAlgorithm::Sha256, digits)?;
        Ok(Self::prefixed(vec![tag], prefix, key))
    }

    fn prefixed(tags: Vec<Box<[u8]>>, prefix: &[u8], key: KeyForm) -> Self {
        let (algorithm, text) = (HmacAlgorithm::Sha256, SignedText::Body);
        Self::Hmac(Hmac { algorithm, tags, prefix: prefix.into(), key, text })
    }

    /// An HMAC-SHA-256 tag over the body, made with the key's own bytes, as 64 hexadecimal digits of either case: they
    /// are decoded before they are compared.
    pub fn hmac_sha256_from_hex(digits: &[u8]) -> Result<Self, CredentialError> {
        Self::hmac_from_hex(HmacAlgorithm::Sha256, digits)
    }

    /// The same over the JSON in the body. If the body is a form with the one field `payload`, the tag covers the text of
    /// that field and not the form: see [`FormPayload`](crate::FormPayload).
    pub fn hmac_sha256_of_json_from_hex(digits: &[u8]) -> Result<Self, CredentialError> {
        let algorithm = HmacAlgorithm::Sha256;
        let (tags, prefix) = (vec![tag_from_hex(algorithm, digits)?], Box::default());
        Ok(Self::Hmac(Hmac { algorithm, tags, prefix, key: KeyForm::Raw, text: SignedText::Json }))
    }

    /// An HMAC tag over the body, made with the key's own bytes, as hexadecimal digits of either case.
    pub fn hmac_from_hex(algorithm: HmacAlgorithm, digits: &[u8]) -> Result<Self, CredentialError> {
        tag_from_hex(algorithm, digits).map(|tag| Self::hmac(algorithm, tag))
    }

    /// A token, which is the key itself.
    pub fn token(token: &[u8]) -> Self {
        Self::Token(sha256(token))
    }

    /// Whether `key` verifies the credential for `body`. Compares in constant time.
    ///
    /// An empty key verifies nothing: every sender could sign with it.
    pub fn is_verified_by(&self, key: &[u8], body: &[u8]) -> bool {
        match self {
            Self::Hmac(hmac) => hmac.key.bytes(key).is_some_and(|key| hmac.verify(&key, body)),
            Self::Token(presented) => {
                !key.is_empty() && constant_time::verify_slices_are_equal(presented, &sha256(key)).is_ok()
            }
        }
    }
}

fn tag_from_hex(algorithm: HmacAlgorithm, digits: &[u8]) -> Result<Box<[u8]>, CredentialError> {
    if digits.len() != 2 * algorithm.tag_length() {
        return Err(CredentialError::Malformed);
    }
    HEXLOWER_PERMISSIVE.decode(digits).map(Into::into).map_err(|_| CredentialError::Malformed)
}

/// The HMAC-SHA-256 tag over `prefix` and `body`, for a sender that has `key` in the form `form`. `None` if the key is
/// not of that form.
pub fn sign(key: &[u8], form: KeyForm, prefix: &[u8], body: &[u8]) -> Option<[u8; 32]> {
    let signed = tag(HmacAlgorithm::Sha256, &form.bytes(key)?, prefix, SignedText::Body, body)?;
    let mut tag = [0; 32];
    tag.copy_from_slice(signed.as_ref());
    Some(tag)
}

/// The tag over `prefix` and the signed text of `body`; `None` if the body has none.
pub(crate) fn tag(
    algorithm: HmacAlgorithm,
    key: &[u8],
    prefix: &[u8],
    text: SignedText,
    body: &[u8],
) -> Option<hmac::Tag> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm.function(), key));
    context.update(prefix);
    text.pieces(body, |piece| context.update(piece)).then(|| context.sign())
}

impl HmacAlgorithm {
    /// The length of its tags, in bytes.
    fn tag_length(self) -> usize {
        self.function().digest_algorithm().output_len()
    }

    fn function(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Hmac {
    /// Reads the body once, however many tags there are. Every tag is compared: the time must not tell which is right.
    fn verify(&self, key: &[u8], body: &[u8]) -> bool {
        let Some(expected) = tag(self.algorithm, key, &self.prefix, self.text, body) else { return false };
        let is_right = |tag: &[u8]| constant_time::verify_slices_are_equal(expected.as_ref(), tag).is_ok();
        self.tags.iter().fold(false, |verified, tag| is_right(tag) | verified)
    }
}

impl KeyForm {
    /// The prefix of a key of the form [`KeyForm::WebhookSecret`].
    pub const WEBHOOK_SECRET: &str = "whsec_";

    /// The bytes that sign; `None` for a key that is empty or not of this form.
    pub(crate) fn bytes(self, key: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let bytes = match self {
            Self::Raw => key.to_vec(),
            Self::WebhookSecret => {
                BASE64.decode(key.trim_ascii().strip_prefix(Self::WEBHOOK_SECRET.as_bytes())?).ok()?
            }
        };
        (!bytes.is_empty()).then(|| bytes.into())
    }
}

impl Credentials {
    /// No credential at all, for deliveries that the operator accepts unsigned.
    pub fn none() -> Self {
        Self::default()
    }

    /// Several credentials, of which one has to hold; at least one, and no more than a sender that rotates its keys
    /// would present.
    pub fn any_of(credentials: Vec<Credential>) -> Result<Self, CredentialError> {
        match credentials.len() {
            0 => Err(CredentialError::Missing),
            count if count > MOST_CREDENTIALS => Err(CredentialError::Repeated),
            _ => Ok(Self(credentials)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.0.iter()
    }

    /// Whether this value is a key that is presented. For leaving it out of what is stored, not for verifying.
    pub fn include_token(&self, value: &[u8]) -> bool {
        self.0.iter().any(|credential| credential.is_token(value))
    }

    /// Whether `key` verifies one of them for `body`. Every one is compared: the time must not tell which held.
    pub fn are_verified_by(&self, key: &[u8], body: &[u8]) -> bool {
        self.0.iter().fold(false, |verified, credential| credential.is_verified_by(key, body) | verified)
    }
}

impl From<Credential> for Credentials {
    fn from(credential: Credential) -> Self {
        Self(vec![credential])
    }
}

pub(crate) fn sha256(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"ref\":\"refs/heads/main\"}";

    fn signed(key: &[u8], form: KeyForm, prefix: &[u8]) -> Credential {
        let tags = vec![sign(key, form, prefix, BODY).unwrap()];
        Credential::hmac_sha256_with_prefix(tags, prefix, form).unwrap()
    }

    #[test]
    fn a_credential_holds_for_its_key_and_its_body_only() {
        let secret = b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        for (credential, key) in [
            (signed(b"key", KeyForm::Raw, b""), b"key".as_slice()),
            (signed(secret, KeyForm::WebhookSecret, b"id.1700000000."), secret),
            (Credential::token(b"key"), b"key"),
        ] {
            assert!(credential.is_verified_by(key, BODY), "{credential:?}");
            for wrong in [b"".as_slice(), b"other", b"whsec_", b"whsec_not base64"] {
                assert!(!credential.is_verified_by(wrong, BODY), "{credential:?} {wrong:?}");
            }
            let is_token = matches!(credential, Credential::Token(_));
            assert_eq!(credential.is_verified_by(key, b"{}"), is_token, "{credential:?}");
        }
    }

    #[test]
    fn what_precedes_the_body_is_signed_too() {
        let tag = sign(b"key", KeyForm::Raw, b"id.1.", BODY).unwrap();
        for (prefix, holds) in [(b"id.1.".as_slice(), true), (b"id.2.", false), (b"", false)] {
            let credential = Credential::hmac_sha256_with_prefix(vec![tag], prefix, KeyForm::Raw).unwrap();
            assert_eq!(credential.is_verified_by(b"key", BODY), holds, "{prefix:?}");
        }
    }

    #[test]
    fn a_tag_over_json_holds_for_the_json_and_for_the_form_with_it() {
        let tag = data_encoding::HEXLOWER.encode(&sign(b"key", KeyForm::Raw, b"", BODY).unwrap());
        let of_json = Credential::hmac_sha256_of_json_from_hex(tag.as_bytes()).unwrap();
        let of_body = Credential::hmac_sha256_from_hex(tag.as_bytes()).unwrap();
        let form = b"payload=%7B%22ref%22%3a%22refs%2Fheads%2Fmain%22%7D";
        for (body, holds) in [
            (BODY, (true, true)),
            (form, (true, false)),
            (b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fdev%22%7D", (false, false)),
            (b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D&", (false, false)),
            (b"payload=", (false, false)),
        ] {
            let verified =
                |key: &[u8]| (of_json.is_verified_by(key, body), of_body.is_verified_by(key, body));
            assert_eq!(verified(b"key"), holds, "{}", body.escape_ascii());
            assert_eq!((verified(b"other"), verified(b"")), ((false, false), (false, false)));
        }
        let signed = sign(b"key", KeyForm::Raw, b"", form).unwrap();
        let of_form = data_encoding::HEXLOWER.encode(&signed);
        let of_json = Credential::hmac_sha256_of_json_from_hex(of_form.as_bytes()).unwrap();
        assert!(!of_json.is_verified_by(b"key", form), "the form itself is not what is signed");
        let malformed = Credential::hmac_sha256_of_json_from_hex(&tag.as_bytes()[2..]);
        assert_eq!(malformed, Err(CredentialError::Malformed));
    }

    #[test]
    fn the_tag_is_that_of_the_provider_documentation() {
        // The example of GitHub's page on validating deliveries.
        let tag = sign(b"It's a Secret to Everybody", KeyForm::Raw, b"", b"Hello, World!").unwrap();
        let expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(data_encoding::HEXLOWER.encode(&tag), expected);
    }

    #[test]
    fn an_hmac_is_compared_with_the_algorithm_that_it_names() {
        // Made with the module `hmac` of Python.
        let sha1 = "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9";
        let sha256 = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        let sha512 = "b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb82f948a549f7b791a5b41915ee4d1ec3\
                      935357e4e2317250d0372afa2ebeeb3a";
        let text = b"The quick brown fox jumps over the lazy dog";
        let algorithms = [HmacAlgorithm::Sha1, HmacAlgorithm::Sha256, HmacAlgorithm::Sha512];
        for (place, digits) in [sha1, sha256, sha512].into_iter().enumerate() {
            for (other, algorithm) in algorithms.into_iter().enumerate() {
                let credential = Credential::hmac_from_hex(algorithm, digits.as_bytes());
                assert_eq!(credential.is_ok(), place == other, "{digits} {algorithm:?}");
                let holds = |key: &[u8], body: &[u8]| {
                    credential.as_ref().is_ok_and(|one| one.is_verified_by(key, body))
                };
                assert_eq!(holds(b"key", text), place == other, "{digits} {algorithm:?}");
                assert!(!holds(b"key", b"") && !holds(b"other", text) && !holds(b"", text));
            }
        }
        let not_hex = "g".repeat(40);
        let malformed = Credential::hmac_from_hex(HmacAlgorithm::Sha1, not_hex.as_bytes());
        assert_eq!(malformed, Err(CredentialError::Malformed));
    }

    #[test]
    fn one_of_several_credentials_is_enough_and_the_list_is_bounded() {
        let several = vec![signed(b"old", KeyForm::Raw, b""), signed(b"new", KeyForm::Raw, b"")];
        let credentials = Credentials::any_of(several).unwrap();
        assert!(credentials.are_verified_by(b"new", BODY) && credentials.are_verified_by(b"old", BODY));
        assert!(!credentials.are_verified_by(b"other", BODY));
        assert_eq!(Credentials::any_of(Vec::new()), Err(CredentialError::Missing));
        let many = vec![Credential::token(b"key"); MOST_CREDENTIALS + 1];
        assert_eq!(Credentials::any_of(many), Err(CredentialError::Repeated));
        assert!(!Credentials::none().are_verified_by(b"", BODY));
    }

    #[test]
    fn one_of_several_tags_is_enough_and_the_list_is_bounded() {
        let tag = |key: &[u8]| sign(key, KeyForm::Raw, b"id.1.", BODY).unwrap();
        let with = |tags| Credential::hmac_sha256_with_prefix(tags, b"id.1.", KeyForm::Raw);
        let credential = with(vec![tag(b"old"), tag(b"new")]).unwrap();
        for (key, holds) in [(b"old".as_slice(), true), (b"new", true), (b"other", false), (b"", false)] {
            assert_eq!(credential.is_verified_by(key, BODY), holds, "{key:?}");
        }
        assert_eq!(with(Vec::new()), Err(CredentialError::Missing));
        assert!(with(vec![tag(b"key"); MOST_CREDENTIALS]).is_ok());
        assert_eq!(with(vec![tag(b"key"); MOST_CREDENTIALS + 1]), Err(CredentialError::Repeated));
    }
}
