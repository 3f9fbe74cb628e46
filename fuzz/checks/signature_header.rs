//! The properties of every signature header. The input is the values of `X-Hub-Signature-256`, a line each.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER_PERMISSIVE;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use trigger_core::{Credential, CredentialError, Credentials};
use trigger_providers::{GitHub, Provider};

const KEY: &[u8] = b"key";
const BODY: &[u8] = b"{}";

/// Nothing panics; the credential is the one written in the header; and only the right one is verified.
pub(crate) fn check(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-hub-signature-256", value);
            values.push(line);
        }
    }
    match GitHub.credentials(&headers, Timestamp::UNIX_EPOCH) {
        Ok(credentials) => {
            let [value] = values[..] else { panic!("{} headers make one credential", values.len()) };
            let digits = value.strip_prefix(b"sha256=").expect("the scheme");
            let tag: [u8; 32] =
                HEXLOWER_PERMISSIVE.decode(digits).expect("digits").try_into().expect("32 bytes");
            assert_eq!(credentials, Credentials::from(Credential::hmac_sha256(tag)));
            let right = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), BODY);
            assert_eq!(credentials.are_verified_by(KEY, BODY), right.as_ref() == tag);
            assert!(!credentials.are_verified_by(b"", BODY), "an empty key verifies nothing");
        }
        Err(CredentialError::Missing) => assert!(values.is_empty()),
        Err(CredentialError::Repeated) => assert!(values.len() > 1),
        Err(CredentialError::Malformed) => assert!(values.len() == 1),
        Err(error @ (CredentialError::Weak | CredentialError::Expired)) => panic!("{error}"),
    }
}
