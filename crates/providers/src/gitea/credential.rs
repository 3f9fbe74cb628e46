//! The signature: `X-Gitea-Signature`, 64 hexadecimal digits without a prefix: the HMAC-SHA-256 of the JSON, also of a
//! form. The same value stands under the names of Forgejo and Gogs.
//!
//! A hook without a secret sends the header with an empty value, which is no signature. `X-Hub-Signature` and
//! `X-Hub-Signature-256` stand beside it for receivers of GitHub, and are not read.

use http::HeaderMap;
use trigger_core::{Credential, CredentialError, Credentials, single};

pub(super) const SIGNATURES: [&str; 3] = ["x-gitea-signature", "x-forgejo-signature", "x-gogs-signature"];

/// The signature in the headers: one, under each of its names.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Credentials, CredentialError> {
    let mut found = None;
    for name in SIGNATURES {
        let Some(value) = single(headers, name)?.filter(|value| !value.is_empty()) else { continue };
        let signature = Credential::hmac_sha256_of_json_from_hex(value.as_bytes())?;
        if *found.get_or_insert_with(|| signature.clone()) != signature {
            return Err(CredentialError::Malformed);
        }
    }
    found.map(Credentials::from).ok_or(CredentialError::Missing)
}
