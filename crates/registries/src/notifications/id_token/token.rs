use std::sync::Arc;

use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use trigger_core::CredentialError;

use super::keys::KeyCache;
use super::{KeySource, KeySourceError};
use crate::notifications::credential::required;

/// The issuer of the tokens.
const ISSUER: &str = "https://accounts.google.com";
/// The longest token, in bytes. Google's have about 1 KiB.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 60;

/// The tokens that are accepted. Google signs for all its customers, so both have to be the operator's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenPolicy {
    /// The audience of the token: one of these.
    pub audiences: Vec<String>,
    /// The service account of the token: one of these.
    pub emails: Vec<String>,
}

/// Checks ID tokens.
pub struct IdTokens {
    keys: KeyCache,
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    /// It is no token that is signed with RS256 and names its key.
    #[error("the ID token is not signed with RS256 by a key that it names")]
    Kind,
    /// Its key is not published.
    #[error("the ID token is signed with a key that is not published")]
    UnknownKey,
    /// The signature is wrong, the audience or the issuer is another, it is not valid yet, or it has expired. The text
    /// names which.
    #[error("the ID token is not valid: {0}")]
    Invalid(&'static str),
    /// It belongs to another account.
    #[error("the ID token belongs to another account, or its e-mail address is not verified")]
    Account,
    /// It cannot be checked now.
    #[error(transparent)]
    Unavailable(#[from] KeySourceError),
}

#[derive(Deserialize)]
struct Claims {
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
}

impl IdTokens {
    /// Checks with the keys that `source` publishes.
    pub fn new(source: Arc<dyn KeySource>) -> Self {
        Self { keys: KeyCache::new(source) }
    }

    /// Whether `token` is one of those that `policy` accepts.
    pub async fn check(&self, token: &str, policy: &IdTokenPolicy) -> Result<(), IdTokenError> {
        let header = decode_header(token).map_err(|_| IdTokenError::Kind)?;
        // The key decides how it may be used, never the token.
        let kid = header.kid.filter(|_| header.alg == Algorithm::RS256).ok_or(IdTokenError::Kind)?;
        let key = self.keys.key(&kid).await?.ok_or(IdTokenError::UnknownKey)?;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&policy.audiences);
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        rules.leeway = LEEWAY;
        rules.validate_nbf = true;
        let claims = decode::<Claims>(token, &key, &rules).map_err(|error| invalid(&error))?.claims;
        let ours = claims.email.is_some_and(|email| policy.emails.contains(&email));
        if ours && claims.email_verified { Ok(()) } else { Err(IdTokenError::Account) }
    }
}

/// The error without any text of the token.
fn invalid(error: &jsonwebtoken::errors::Error) -> IdTokenError {
    use jsonwebtoken::errors::ErrorKind;
    IdTokenError::Invalid(match error.kind() {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::InvalidIssuer => "it is from another issuer",
        _ => "it is malformed",
    })
}

/// The token that a request presents in `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Result<&str, CredentialError> {
    let value = required(headers, header::AUTHORIZATION.as_str())?;
    let value = value.to_str().map_err(|_| CredentialError::Malformed)?;
    let (scheme, token) = value.split_once(' ').ok_or(CredentialError::Malformed)?;
    let parts = || token.split('.');
    let legal = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let good = scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN;
    if good && parts().count() == 3 && parts().all(legal) {
        Ok(token)
    } else {
        Err(CredentialError::Malformed)
    }
}
