use data_encoding::HEXLOWER_PERMISSIVE;
use http::{HeaderMap, HeaderValue};
use trigger_core::Credential;

use super::CredentialLocation;

const AUTHORIZATION: &str = "authorization";
const HUB_SIGNATURE: &str = "x-hub-signature-256";
const HUB_SCHEME: &str = "sha256=";
const EVENT_AUTH: &str = "x-jfrog-event-auth";

/// The longest value of a header or path that is taken for a key, in bytes.
const LONGEST_KEY: usize = 4096;

/// Why a request presents nothing that could be compared with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There is nothing.
    #[error("the notification carries neither a key nor a signature")]
    Missing,
    /// What there is is not written as it should be.
    #[error("the key or signature of the notification is malformed")]
    Malformed,
    /// A header occurs more than once, so that two readers could pick different ones.
    #[error("the notification has more than one key or signature")]
    Repeated,
}

/// What a request presents, of that which proves its sender: the key in its path, `token`, and what stands in
/// the headers. At least one; any of them that a key makes true is enough.
pub fn claims(
    evidence: &[CredentialLocation],
    headers: &HeaderMap,
    token: Option<&str>,
) -> Result<Vec<Credential>, CredentialError> {
    let mut claims = Vec::new();
    let mut fault = CredentialError::Missing;
    if let Some(token) = token {
        match plain(token.as_bytes()) {
            Ok(claim) => claims.push(claim),
            Err(error) => fault = error,
        }
    }
    for one in evidence {
        match from_headers(*one, headers) {
            Ok(found) => claims.extend(found),
            // Two values of a header cannot both be meant.
            Err(CredentialError::Repeated) => return Err(CredentialError::Repeated),
            Err(CredentialError::Missing) => {}
            Err(error) => fault = error,
        }
    }
    if claims.is_empty() { Err(fault) } else { Ok(claims) }
}

fn from_headers(
    evidence: CredentialLocation,
    headers: &HeaderMap,
) -> Result<Vec<Credential>, CredentialError> {
    match evidence {
        CredentialLocation::Authorization => authorization(single(headers, AUTHORIZATION)?.as_bytes()),
        CredentialLocation::HubSignature => {
            let digits = single(headers, HUB_SIGNATURE)?.as_bytes().strip_prefix(HUB_SCHEME.as_bytes());
            Ok(vec![digits.and_then(signature).ok_or(CredentialError::Malformed)?])
        }
        CredentialLocation::EventAuth => {
            let value = single(headers, EVENT_AUTH)?.as_bytes();
            Ok(signature(value).into_iter().chain([plain(value)?]).collect())
        }
        CredentialLocation::IdToken => Ok(Vec::new()),
    }
}

/// The only header called `name`.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a HeaderValue, CredentialError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or(CredentialError::Missing)?;
    if values.next().is_some() { Err(CredentialError::Repeated) } else { Ok(first) }
}

/// Registries send what was typed in as the value, which is the key or has a scheme before it.
fn authorization(value: &[u8]) -> Result<Vec<Credential>, CredentialError> {
    let mut claims = vec![plain(value)?];
    if let Some(space) = value.iter().position(|byte| *byte == b' ')
        && let Ok(claim) = plain(value.get(space..).unwrap_or_default().trim_ascii())
    {
        claims.push(claim);
    }
    Ok(claims)
}

fn plain(key: &[u8]) -> Result<Credential, CredentialError> {
    let good = (1..=LONGEST_KEY).contains(&key.len());
    if good { Ok(Credential::token(key)) } else { Err(CredentialError::Malformed) }
}

fn signature(digits: &[u8]) -> Option<Credential> {
    let mut tag = [0; 32];
    if digits.len() != 2 * tag.len() {
        return None;
    }
    HEXLOWER_PERMISSIVE.decode_mut(digits, &mut tag).ok()?;
    Some(Credential::HmacSha256(tag))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    const KEY: &[u8] = b"0123456789abcdef";
    const BODY: &[u8] = b"{}";

    fn holds(
        evidence: &[CredentialLocation],
        headers: &[(&'static str, &str)],
        token: Option<&str>,
    ) -> Option<bool> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let claims = claims(evidence, &headers, token).ok()?;
        Some(claims.iter().any(|claim| claim.holds(KEY, BODY)))
    }

    fn hmac(key: &[u8]) -> String {
        let Credential::HmacSha256(tag) = Credential::hmac_sha256(key, BODY) else { unreachable!() };
        HEXLOWER.encode(&tag)
    }

    #[test]
    fn what_a_request_presents_is_compared_with_the_key() {
        use CredentialLocation::{Authorization, EventAuth, HubSignature};
        let (right, wrong) = (hmac(KEY), hmac(b"another key 0000"));
        let (hub, hub_wrong) = (format!("sha256={right}"), format!("sha256={wrong}"));
        let key = "0123456789abcdef";
        for (evidence, headers, token, expected) in [
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
            assert_eq!(holds(evidence, &headers, token), expected, "{evidence:?} {headers:?} {token:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_malformed() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            claims(&[CredentialLocation::HubSignature], &headers, None),
            Err(CredentialError::Missing)
        );
        headers.insert(HUB_SIGNATURE, HeaderValue::from_static("sha256=00"));
        assert_eq!(
            claims(&[CredentialLocation::HubSignature], &headers, None),
            Err(CredentialError::Malformed)
        );
        let long = "x".repeat(LONGEST_KEY + 1);
        assert_eq!(claims(&[], &headers, Some(&long)), Err(CredentialError::Malformed));
    }
}
