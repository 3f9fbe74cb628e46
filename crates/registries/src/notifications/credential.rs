use http::{HeaderMap, HeaderValue};
use trigger_core::{Credential, CredentialError, Credentials, single};

use super::CredentialLocation;

const AUTHORIZATION: &str = "authorization";
const HUB_SIGNATURE: &str = "x-hub-signature-256";
const HUB_SCHEME: &str = "sha256=";
const EVENT_AUTH: &str = "x-jfrog-event-auth";

/// The longest value of a header or path that is taken for a key, in bytes.
pub(crate) const MAX_KEY: usize = 4096;

/// The credentials of a request: the key in its path, `token`, and the values in the headers at `locations`. At least one; one that a key verifies is enough.
pub fn credentials(
    locations: &[CredentialLocation],
    headers: &HeaderMap,
    token: Option<&str>,
) -> Result<Credentials, CredentialError> {
    let mut credentials = Vec::new();
    let mut rejected = None;
    if let Some(token) = token {
        match key(token.as_bytes()) {
            Ok(credential) => credentials.push(credential),
            Err(error) => rejected = Some(error),
        }
    }
    for location in locations {
        match from_headers(*location, headers) {
            Ok(found) => credentials.extend(found),
            // Two values of a header cannot both be meant.
            Err(CredentialError::Repeated) => return Err(CredentialError::Repeated),
            Err(CredentialError::Missing) => {}
            Err(error) => rejected = Some(error),
        }
    }
    match rejected {
        Some(error) if credentials.is_empty() => Err(error),
        _ => Credentials::any_of(credentials),
    }
}

fn from_headers(
    location: CredentialLocation,
    headers: &HeaderMap,
) -> Result<Vec<Credential>, CredentialError> {
    match location {
        CredentialLocation::Authorization => authorization(required(headers, AUTHORIZATION)?.as_bytes()),
        CredentialLocation::HubSignature => {
            let value = required(headers, HUB_SIGNATURE)?.as_bytes();
            let digits = value.strip_prefix(HUB_SCHEME.as_bytes()).ok_or(CredentialError::Malformed)?;
            Ok(vec![Credential::hmac_sha256_from_hex(digits)?])
        }
        CredentialLocation::EventAuth => {
            let value = required(headers, EVENT_AUTH)?.as_bytes();
            let signature = Credential::hmac_sha256_from_hex(value).ok();
            Ok(signature.into_iter().chain([key(value)?]).collect())
        }
        CredentialLocation::IdToken => Ok(Vec::new()),
    }
}

/// The header called `name`, which has to be there.
pub(super) fn required<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a HeaderValue, CredentialError> {
    single(headers, name)?.ok_or(CredentialError::Missing)
}

/// Registries send the text of their settings: the key, with a scheme before it or without.
fn authorization(value: &[u8]) -> Result<Vec<Credential>, CredentialError> {
    let mut credentials = vec![key(value)?];
    if let Some(space) = value.iter().position(|byte| *byte == b' ')
        && let Ok(credential) = key(value.get(space..).unwrap_or_default().trim_ascii())
    {
        credentials.push(credential);
    }
    Ok(credentials)
}

fn key(text: &[u8]) -> Result<Credential, CredentialError> {
    let legal = (1..=MAX_KEY).contains(&text.len());
    if legal { Ok(Credential::token(text)) } else { Err(CredentialError::Malformed) }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use trigger_core::{KeyForm, sign};

    use super::*;

    const KEY: &[u8] = b"0123456789abcdef";
    const BODY: &[u8] = b"{}";

    fn verified(
        locations: &[CredentialLocation],
        headers: &[(&'static str, &str)],
        token: Option<&str>,
    ) -> Option<bool> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        Some(credentials(locations, &headers, token).ok()?.are_verified_by(KEY, BODY))
    }

    fn hmac(key: &[u8]) -> String {
        HEXLOWER.encode(&sign(key, KeyForm::Raw, b"", BODY).unwrap())
    }

    #[test]
    fn a_request_is_verified_by_the_key_it_presents_or_signs_with() {
        use CredentialLocation::{Authorization, EventAuth, HubSignature};
        let (right, wrong) = (hmac(KEY), hmac(b"another key 0000"));
        let (hub, hub_wrong) = (format!("sha256={right}"), format!("sha256={wrong}"));
        let key = "0123456789abcdef";
        for (locations, headers, token, expected) in [
            (&[Authorization][..], vec![("authorization", key)], None, Some(true)),
            (&[Authorization], vec![("authorization", "Bearer 0123456789abcdef")], None, Some(true)),
            (&[Authorization], vec![("authorization", "Token  0123456789abcdef")], None, Some(true)),
            (&[Authorization], vec![("authorization", "Bearer 0123456789abcde")], None, Some(false)),
            (&[Authorization], vec![("authorization", "Bearer ")], None, Some(false)),
            (&[Authorization], vec![("authorization", "")], None, None),
            (&[Authorization], vec![("authorization", key), ("authorization", key)], None, None),
            (&[Authorization], vec![("authorization", key), ("authorization", "x")], Some(key), None),
            (&[Authorization], vec![("x-hub-signature-256", &hub)], None, None),
            (&[HubSignature], vec![("x-hub-signature-256", &hub)], None, Some(true)),
            (&[HubSignature], vec![("x-hub-signature-256", &hub_wrong)], None, Some(false)),
            (&[HubSignature], vec![("x-hub-signature-256", &right)], None, None),
            (&[HubSignature], vec![("x-hub-signature-256", &hub[..70])], None, None),
            (&[HubSignature], vec![("authorization", key)], None, None),
            (&[HubSignature], vec![("x-hub-signature-256", "nonsense")], Some(key), Some(true)),
            (&[EventAuth], vec![("x-jfrog-event-auth", key)], None, Some(true)),
            (&[EventAuth], vec![("x-jfrog-event-auth", &right)], None, Some(true)),
            (&[EventAuth], vec![("x-jfrog-event-auth", &wrong)], None, Some(false)),
            (&[EventAuth], vec![("x-jfrog-event-auth", "")], None, None),
            (&[Authorization, HubSignature], vec![("x-hub-signature-256", &hub)], None, Some(true)),
            (&[Authorization, HubSignature], vec![("authorization", key)], None, Some(true)),
            (&[], vec![("authorization", key)], None, None),
            (&[], vec![], Some(key), Some(true)),
            (&[], vec![], Some("0123456789abcdeX"), Some(false)),
            (&[], vec![], Some(""), None),
            (&[], vec![], None, None),
        ] {
            assert_eq!(verified(locations, &headers, token), expected, "{locations:?} {headers:?} {token:?}");
        }
    }

    #[test]
    fn a_missing_credential_is_told_from_a_malformed_one() {
        let mut headers = HeaderMap::new();
        let hub = [CredentialLocation::HubSignature];
        assert_eq!(credentials(&hub, &headers, None), Err(CredentialError::Missing));
        headers.insert(HUB_SIGNATURE, HeaderValue::from_static("sha256=00"));
        assert_eq!(credentials(&hub, &headers, None), Err(CredentialError::Malformed));
        let long = "x".repeat(MAX_KEY + 1);
        assert_eq!(credentials(&[], &headers, Some(&long)), Err(CredentialError::Malformed));
    }
}
