//! The signature: `X-Hub-Signature-256: sha256=<64 hexadecimal digits>`, the HMAC of the raw body.
//!
//! The older `X-Hub-Signature` (SHA-1) stands beside it for compatibility. It never verifies a delivery; it only
//! explains why a delivery without the newer one is rejected.

use http::HeaderMap;
use trigger_core::{Credential, CredentialError, Credentials, single};

pub(super) const SIGNATURE: &str = "x-hub-signature-256";
pub(super) const SCHEME: &str = "sha256=";
const WEAK_SIGNATURE: &str = "x-hub-signature";

/// The signature in the headers.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Credentials, CredentialError> {
    let Some(value) = single(headers, SIGNATURE)? else {
        let weak = headers.contains_key(WEAK_SIGNATURE);
        return Err(if weak { CredentialError::Weak } else { CredentialError::Missing });
    };
    let digits = value.as_bytes().strip_prefix(SCHEME.as_bytes()).ok_or(CredentialError::Malformed)?;
    Credential::hmac_sha256_from_hex(digits).map(Credentials::from)
}
