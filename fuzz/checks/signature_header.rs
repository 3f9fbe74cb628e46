//! What must hold for every signature header. The input is the values of `X-Hub-Signature-256`, a line each.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue};
use trigger_core::Credential;
use trigger_providers::{CredentialError, GitHub, Provider};

const KEY: &[u8] = b"key";
const BODY: &[u8] = b"{}";

/// Nothing panics; a claim says exactly what the header says; and only the right one holds.
pub(crate) fn check(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-hub-signature-256", value);
            values.push(line);
        }
    }
    match GitHub.claim(&headers) {
        Ok(Credential::HmacSha256(tag)) => {
            let [value] = values[..] else { panic!("{} headers make one claim", values.len()) };
            let written = format!("sha256={}", HEXLOWER.encode(&tag));
            assert!(value.eq_ignore_ascii_case(written.as_bytes()), "the claim is not what was written");
            let claim = Credential::HmacSha256(tag);
            let right = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), BODY);
            assert_eq!(claim.holds(KEY, BODY), right.as_ref() == tag);
            assert!(!claim.holds(b"", BODY), "an empty key proves nothing");
        }
        Ok(Credential::Token(_) | Credential::Nothing) => panic!("GitHub always claims a signature"),
        Err(CredentialError::Missing) => assert!(values.is_empty()),
        Err(CredentialError::Repeated) => assert!(values.len() > 1),
        Err(CredentialError::Malformed) => assert!(values.len() == 1),
        Err(CredentialError::Weak) => panic!("there is no weak signature"),
    }
}
