//! The credential: a signature from GitLab 19 on, or the plain token `X-Gitlab-Token`.
//!
//! The signature follows Standard Webhooks. `webhook-signature` is a list, separated by spaces, of `v1,<base64>`: an
//! HMAC-SHA-256 over `{webhook-id}.{webhook-timestamp}.{body}`, with the bytes that the base64 text after `whsec_` stands
//! for as the key. Several stand there while a sender changes its key. Versions other than `v1` are ignored, as that
//! specification demands.
//!
//! A hook with a signing token and a secret token sends both. Then the signature alone counts: otherwise a sender that
//! knows the token could do without the signature.
//!
//! Sources: <https://docs.gitlab.com/user/project/integrations/webhooks/>,
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use trigger_core::{Credential, CredentialError, Credentials, KeyForm, single};

use crate::header::{LONGEST_VALUE, is_delivery_id};

pub(super) const ID: &str = "webhook-id";
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
pub(super) const SIGNATURE: &str = "webhook-signature";
pub(super) const TOKEN: &str = "x-gitlab-token";

/// The version of signatures that is understood.
pub(super) const VERSION: &str = "v1";

/// A timestamp may differ from the clock here by so many seconds, both ways. The specification leaves the number to the
/// receiver; five minutes are the value of its libraries.
const CLOCK_SKEW: u64 = 300;

/// The longest plain token, in bytes.
const LONGEST_TOKEN: usize = 4096;

/// The signatures in the headers, or the token if there is no signature header.
pub(super) fn from_headers(headers: &HeaderMap, now: Timestamp) -> Result<Credentials, CredentialError> {
    match single(headers, SIGNATURE)? {
        Some(signatures) => signed(signatures, headers, now),
        None => token(single(headers, TOKEN)?.ok_or(CredentialError::Missing)?),
    }
}

fn signed(
    signatures: &HeaderValue,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Credentials, CredentialError> {
    let text = |name| {
        let value = single(headers, name)?.ok_or(CredentialError::Malformed)?;
        value.to_str().map_err(|_| CredentialError::Malformed)
    };
    let (id, timestamp) = (text(ID)?, text(TIMESTAMP)?);
    // With a dot in the id, the signed text could be taken apart in two ways.
    if !is_delivery_id(id) || id.contains('.') {
        return Err(CredentialError::Malformed);
    }
    let seconds = seconds(timestamp).ok_or(CredentialError::Malformed)?;
    let prefix = format!("{id}.{timestamp}.");
    let signatures = signatures.to_str().ok().filter(|text| text.len() <= LONGEST_VALUE);
    let tags = signatures
        .ok_or(CredentialError::Malformed)?
        .split(' ')
        .filter_map(|signature| tag(signature).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    if tags.is_empty() {
        return Err(CredentialError::Malformed);
    }
    if now.as_second().abs_diff(seconds) > CLOCK_SKEW {
        return Err(CredentialError::Expired);
    }
    Credential::hmac_sha256_with_prefix(tags, prefix.as_bytes(), KeyForm::WebhookSecret)
        .map(Credentials::from)
}

/// The tag in one element of the list; `None` for a version that is not understood.
fn tag(signature: &str) -> Result<Option<[u8; 32]>, CredentialError> {
    let (version, tag) = signature.split_once(',').ok_or(CredentialError::Malformed)?;
    if version != VERSION {
        return Ok(None);
    }
    let tag = BASE64.decode(tag.as_bytes()).ok().and_then(|tag| tag.try_into().ok());
    tag.ok_or(CredentialError::Malformed).map(Some)
}

/// Seconds since 1970, as digits only: `parse` alone would take a sign too.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The token is compared as a whole with the text of the Secret's entry.
fn token(value: &HeaderValue) -> Result<Credentials, CredentialError> {
    let legal = (1..=LONGEST_TOKEN).contains(&value.len());
    if legal { Ok(Credential::token(value.as_bytes()).into()) } else { Err(CredentialError::Malformed) }
}
