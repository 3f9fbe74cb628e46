//! The signature: `X-Hub-Signature-256: sha256=<64 hexadecimal digits>`, the HMAC of the raw body.
//!
//! The older `X-Hub-Signature` (SHA-1) stands beside it for compatibility and is never looked at, except to
//! say why a delivery without the newer one is refused.

use data_encoding::HEXLOWER_PERMISSIVE;
use http::HeaderMap;
use trigger_core::Credential;

use crate::CredentialError;
use crate::header::single;

const SIGNATURE: &str = "x-hub-signature-256";
const WEAK_SIGNATURE: &str = "x-hub-signature";
const SCHEME: &str = "sha256=";

/// What the headers claim.
///
/// The digits may be of either case: they are decoded before they are compared, so that nothing but the
/// writing differs.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Credential, CredentialError> {
    let Some(value) = single(headers, SIGNATURE).map_err(|_| CredentialError::Repeated)? else {
        let weak = headers.contains_key(WEAK_SIGNATURE);
        return Err(if weak { CredentialError::Weak } else { CredentialError::Missing });
    };
    let digits = value.as_bytes().strip_prefix(SCHEME.as_bytes()).ok_or(CredentialError::Malformed)?;
    let mut tag = [0; 32];
    if digits.len() != 2 * tag.len() {
        return Err(CredentialError::Malformed);
    }
    HEXLOWER_PERMISSIVE.decode_mut(digits, &mut tag).map_err(|_| CredentialError::Malformed)?;
    Ok(Credential::HmacSha256(tag))
}
