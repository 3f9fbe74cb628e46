use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use bytes::Bytes;
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RepoId;
use crate::form::SignedText;

/// One thing that reached us, as it is kept in the journal.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Our id, derived from what makes two deliveries the same.
    pub id: DeliveryId,
    /// The source: the name of a provider, such as `github`.
    pub source: Arc<str>,
    /// The path of the hook it came in by, such as `/hooks/github`.
    pub path: Arc<str>,
    /// The sender's own id, for looking things up on its side. Not covered by any signature.
    pub provider_id: Option<String>,
    /// The sender's name of the event, such as `push`. Not covered by any signature.
    pub event: String,
    /// The repository it is about, where it names one: for finding it again.
    pub repository: Option<RepoId>,
    /// When we had read it to its end.
    pub received_at: Timestamp,
    /// The headers worth keeping, names in lower case: never a signature, token or cookie.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// The earlier delivery that this one replays, and who asked for it.
    pub replay: Option<Replay>,
}

/// An earlier delivery that is worked on once more because a person asked for it.
///
/// It enters the journal as a delivery of its own, with the body and the verification of the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The earlier delivery.
    pub of: DeliveryId,
    /// Who asked: the user's name at the API server.
    pub by: String,
    /// From where: the address of the client.
    pub from: String,
}

/// What makes two deliveries the same.
///
/// Some providers sign the body but no header, so a captured delivery could be sent again under a fresh id: only the
/// path and the body count. Others sign the id too, or send a bare token or nothing. There, equal bodies may be
/// different events, so the sender's id counts too.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryKey<'a> {
    /// The path of the hook; of a provider that has several, the first.
    pub path: &'a str,
    /// The sender's id, for senders whose id counts.
    pub provider_id: Option<&'a str>,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Names a delivery: 26 characters of lower-case base32 (130 bits of SHA-256 over the key).
///
/// Every replica derives the same id from the same key without talking to the others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId(Arc<str>);

/// The text is not 26 characters of lower-case base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a delivery id: 26 characters of a-z and 2-7 are expected")]
pub struct InvalidDeliveryId;

const ID_LENGTH: usize = 26;

impl DeliveryKey<'_> {
    /// The id of every delivery with this key.
    pub fn id(&self) -> DeliveryId {
        self.id_with(&digest(&SHA256, self.body))
    }

    /// The id of every delivery with this key and the same JSON, for senders that sign the JSON of a body and not the
    /// body: a form with the one field `payload` and its JSON are one delivery.
    pub fn id_of_json(&self) -> DeliveryId {
        let mut json = Context::new(&SHA256);
        let is_json = SignedText::Json.pieces(self.body, |piece| json.update(piece));
        if is_json { self.id_with(&json.finish()) } else { self.id() }
    }

    fn id_with(&self, body: &Digest) -> DeliveryId {
        let provider_id = self.provider_id.unwrap_or_default();
        DeliveryId::derive(&[self.path.as_bytes(), provider_id.as_bytes(), body.as_ref()])
    }
}

impl DeliveryId {
    /// Derives an id from the parts of a key. Lengths are hashed too, so parts cannot run into each other.
    pub fn derive(parts: &[&[u8]]) -> Self {
        let mut text = BASE32_NOPAD.encode(digest_of(parts).as_ref()).to_ascii_lowercase();
        text.truncate(ID_LENGTH);
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of the parts. Lengths are hashed too, so parts cannot run into each other.
pub(crate) fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish()
}

impl FromStr for DeliveryId {
    type Err = InvalidDeliveryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = text.len() == ID_LENGTH && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        legal.then(|| Self(text.into())).ok_or(InvalidDeliveryId)
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = InvalidDeliveryId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DeliveryId> for String {
    fn from(id: DeliveryId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(path: &'a str, provider_id: Option<&'a str>, body: &'a [u8]) -> DeliveryKey<'a> {
        DeliveryKey { path, provider_id, body }
    }

    #[test]
    fn equal_keys_have_equal_ids_and_others_do_not() {
        let first = key("/hooks/github", None, b"{}").id();
        assert_eq!(first, key("/hooks/github", None, b"{}").id());
        assert_ne!(first, key("/hooks/github", None, b"{ }").id());
        assert_ne!(first, key("/hooks/gitlab", None, b"{}").id());
        assert_ne!(first, key("/hooks/github", Some("1"), b"{}").id());
        assert_ne!(key("/a", Some("bc"), b"").id(), key("/ab", Some("c"), b"").id());
    }

    #[test]
    fn a_form_and_its_json_have_one_id_of_json() {
        let json = key("/hooks/gitea", None, b"{\"a\":1}");
        assert_eq!(json.id_of_json(), json.id());
        for form in ["payload=%7B%22a%22%3A1%7D", "payload=%7b%22%61%22%3a1%7d"] {
            let form = key("/hooks/gitea", None, form.as_bytes());
            assert_eq!(form.id_of_json(), json.id());
            assert_ne!(form.id(), json.id());
        }
        let other = key("/hooks/gitea", None, b"payload=%7B%22a%22%3A2%7D");
        assert_ne!(other.id_of_json(), json.id());
        let broken = key("/hooks/gitea", None, b"payload=&");
        assert_eq!(broken.id_of_json(), broken.id());
    }

    #[test]
    fn an_id_survives_text() {
        let id = key("/hooks/github", None, b"{}").id();
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for bad in ["", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxy1", "abc"] {
            assert_eq!(bad.parse::<DeliveryId>(), Err(InvalidDeliveryId), "{bad}");
        }
    }
}
