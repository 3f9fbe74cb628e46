//! Tokens of the token services that registries name (distribution project, "Token authentication").

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use tokio::time::Instant;
use trigger_egress::{HttpRequest, Url, cleaned};
use trigger_runtime::ExpiringMap;
use zeroize::Zeroizing;

use super::Shared;
use super::budget::Budget;
use super::challenge::Bearer;
use super::error_response::resolve_error;
use super::resolve_error::{ResolveError, ResolveErrorKind};
use crate::RegistryCredential;

/// The purpose of a token, and the credential that it was exchanged for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
    credential: Option<[u8; 32]>,
}

/// Valid tokens.
#[derive(Debug)]
pub(super) struct Tokens(ExpiringMap<TokenKey, Zeroizing<String>>);

/// The response of a token service.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: Option<Zeroizing<String>>,
    #[serde(default)]
    access_token: Option<Zeroizing<String>>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// The life of a token in seconds if its service names none (the same page).
const USUAL_LIFE: u64 = 60;

/// A token is replaced after this time in seconds, even if it is valid for longer: rights change.
const MAX_LIFE: u64 = 60 * 60;

/// A token is not used in the last part of its life, since it takes time to arrive.
const MARGIN: Duration = Duration::from_secs(5);

/// Longer responses are no tokens.
pub(crate) const MAX_RESPONSE: usize = 64 * 1024;

/// Registries' tokens have 1 to 5 KiB; a longer one is used once.
pub(crate) const MAX_CACHED_TOKEN: usize = 8 * 1024;

/// The number of cached tokens. Many people choose the names of images and registries; the cache must not grow with them.
pub(crate) const MAX_TOKENS: usize = 2000;

impl Default for Tokens {
    fn default() -> Self {
        Self(ExpiringMap::new(MAX_TOKENS))
    }
}

impl TokenKey {
    pub(super) fn new(bearer: &Bearer, credential: Option<&RegistryCredential>) -> Self {
        Self {
            realm: bearer.realm.clone(),
            service: bearer.service.clone(),
            scope: bearer.scope.clone(),
            credential: credential.map(RegistryCredential::fingerprint),
        }
    }
}

impl Tokens {
    /// A token that is still valid.
    pub(super) fn get(&self, key: &TokenKey) -> Option<Zeroizing<String>> {
        self.0.get(key, Instant::now())
    }

    /// Removes a token that the registry has rejected.
    pub(super) fn remove(&self, key: &TokenKey) {
        self.0.remove(key);
    }

    /// Keeps a token.
    fn keep(&self, key: TokenKey, token: &Zeroizing<String>, life: Duration) {
        if token.len() <= MAX_CACHED_TOKEN {
            self.0.insert(key, token.clone(), life.saturating_sub(MARGIN), Instant::now());
        }
    }
}

impl Shared {
    /// Has a token service give a new token, for an image at `registry`.
    ///
    /// The registry names the service, and may name any: it gets the credentials itself and could pass them on
    /// anyway. But nothing is sent over plain HTTP or to private addresses only because a registry names them.
    pub(super) async fn fetch_token(
        &self,
        budget: &mut Budget,
        registry: &str,
        bearer: &Bearer,
        credential: Option<&RegistryCredential>,
    ) -> Result<Zeroizing<String>, ResolveError> {
        let garbled = |message: String| ResolveError::new(ResolveErrorKind::Garbled, message);
        let realm = Url::parse(&bearer.realm).ok().filter(|url| url.username().is_empty() && url.has_host());
        let realm = realm.ok_or_else(|| garbled("the registry names no usable token service".to_owned()))?;
        let host = cleaned(realm.host_str().unwrap_or_default());
        let identity = credential.and_then(RegistryCredential::identity_token);
        let asked = match identity {
            Some(identity) => exchange(realm, bearer, identity),
            None => request(realm, bearer, credential),
        };
        let response = self.send(budget, registry, asked).await?;
        if response.status() != http::StatusCode::OK {
            return Err(resolve_error(response, &host, "a request for a token").await);
        }
        let body = Zeroizing::new(response.body(MAX_RESPONSE).await?);
        let no_token = || garbled(format!("`{host}` gives no token; check that it is a token service"));
        // The message of serde could repeat the token.
        let given: Given = serde_json::from_slice(&body).map_err(|_| no_token())?;
        let value = given.token.filter(|token| !token.is_empty()).or(given.access_token);
        let legal = |value: &Zeroizing<String>| {
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let value = value.filter(legal).ok_or_else(no_token)?;
        let life = Duration::from_secs(given.expires_in.unwrap_or(USUAL_LIFE).min(MAX_LIFE));
        self.tokens.keep(TokenKey::new(bearer, credential), &value, life);
        Ok(value)
    }
}

fn scopes(bearer: &Bearer) -> impl Iterator<Item = &str> {
    bearer.scope.iter().flat_map(|scope| scope.split(' ')).filter(|scope| !scope.is_empty())
}

/// A request by GET, with the user and the password if there are some.
fn request(mut realm: Url, bearer: &Bearer, credential: Option<&RegistryCredential>) -> HttpRequest {
    {
        let mut query = realm.query_pairs_mut();
        query.extend_pairs(bearer.service.iter().map(|service| ("service", service)));
        query.extend_pairs(scopes(bearer).map(|scope| ("scope", scope)));
    }
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    headers.extend(
        credential
            .and_then(RegistryCredential::basic)
            .and_then(|basic| Some((AUTHORIZATION, secret(&basic)?))),
    );
    HttpRequest { headers, ..HttpRequest::new(Method::GET, realm) }
}

/// A request by POST, in exchange for an identity token (distribution project, "OAuth2 token authentication").
fn exchange(realm: Url, bearer: &Bearer, identity: &str) -> HttpRequest {
    let scope = scopes(bearer).collect::<Vec<_>>().join(" ");
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("client_id", "shipwright-trigger");
    form.extend_pairs(bearer.service.iter().map(|service| ("service", service)));
    form.append_pair("scope", &scope).append_pair("refresh_token", identity);
    let headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("application/json")),
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
    ]);
    HttpRequest {
        headers,
        body: Some(form.finish().into_bytes().into()),
        ..HttpRequest::new(Method::POST, realm)
    }
}

/// A header value that is marked sensitive.
pub(super) fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use http::header::WWW_AUTHENTICATE;

    use super::super::challenge::{Challenge, MAX_PARAMETER};
    use super::*;

    /// Registries of tenants choose them, and the caches hold thousands.
    #[test]
    fn long_tokens_and_challenges_are_not_kept() {
        let tokens = Tokens::default();
        let key = |scope: &str| TokenKey {
            realm: "https://auth.example/token".to_owned(),
            service: None,
            scope: Some(scope.to_owned()),
            credential: None,
        };
        for (scope, length, is_kept) in
            [("short", MAX_CACHED_TOKEN, true), ("long", MAX_CACHED_TOKEN + 1, false)]
        {
            tokens.keep(key(scope), &Zeroizing::new("t".repeat(length)), Duration::from_mins(1));
            assert_eq!(tokens.get(&key(scope)).is_some(), is_kept, "{scope}");
        }
        for (length, is_read) in [(MAX_PARAMETER, true), (MAX_PARAMETER + 1, false)] {
            let header = format!("Bearer realm=\"{}\"", "r".repeat(length));
            let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, header.parse().unwrap())]);
            assert_eq!(Challenge::of(&headers).is_some(), is_read, "{length}");
        }
        let bearer =
            Bearer { realm: "r".to_owned(), service: None, scope: Some(":a:".repeat(MAX_PARAMETER / 3)) };
        let moved = bearer.moved("a", &"b".repeat(255));
        assert!(moved.scope.is_some_and(|scope| scope.len() <= MAX_PARAMETER));
    }
}
