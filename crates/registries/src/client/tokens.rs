//! Tokens of the services that registries send us to (distribution project, "Token authentication").

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use tokio::time::Instant;
use trigger_egress::{Egress, HttpRequest, Url, cleaned};
use trigger_runtime::ExpiringMap;
use zeroize::Zeroizing;

use super::challenge::Bearer;
use super::error_response::resolve_error;
use super::resolve_error::{ResolveError, ResolveErrorKind};
use crate::RegistryCredential;

/// What a token is had with and for.
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

/// What a service gives.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: Option<Zeroizing<String>>,
    #[serde(default)]
    access_token: Option<Zeroizing<String>>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// A token whose service does not say how long it is good for is good for so long (the same page).
const USUAL_LIFE: u64 = 60;

/// However long it is good for, it is had anew after this time: rights change.
const LONGEST_LIFE: u64 = 60 * 60;

/// A token is not used in the last part of its life, since it takes time to arrive.
const MARGIN: Duration = Duration::from_secs(5);

/// Longer answers are no tokens.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The names of images and registries are chosen by many people; the cache does not grow with all of them.
const MAX_TOKENS: usize = 10_000;

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

    /// Has a service give a new token.
    ///
    /// The registry names the service, and any it likes: a registry that wants to give its users' credentials
    /// away has other ways to do so, since it is shown them. But nothing is sent over plain HTTP or to private
    /// addresses only because a registry says so.
    pub(super) async fn fetch(
        &self,
        egress: &Egress,
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
        let response = egress.send(asked).await?;
        if response.status() != http::StatusCode::OK {
            return Err(resolve_error(response, &host, "a request for a token").await);
        }
        let body = Zeroizing::new(response.body(LONGEST_ANSWER).await?);
        let no_token = || garbled(format!("`{host}` gives no token; check that it is a token service"));
        // What serde says of it could repeat the token.
        let given: Given = serde_json::from_slice(&body).map_err(|_| no_token())?;
        let value = given.token.filter(|token| !token.is_empty()).or(given.access_token);
        let legal = |value: &Zeroizing<String>| {
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let value = value.filter(legal).ok_or_else(no_token)?;
        let life = Duration::from_secs(given.expires_in.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE));
        let ttl = life.saturating_sub(MARGIN);
        self.0.insert(TokenKey::new(bearer, credential), value.clone(), ttl, Instant::now());
        Ok(value)
    }
}

fn scopes(bearer: &Bearer) -> impl Iterator<Item = &str> {
    bearer.scope.iter().flat_map(|scope| scope.split(' ')).filter(|scope| !scope.is_empty())
}

/// By GET, with the user and the password if there are some.
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

/// By POST, in exchange for an identity token (distribution project, "OAuth2 token authentication").
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
    HttpRequest { headers, body: Some(form.finish().into_bytes()), ..HttpRequest::new(Method::POST, realm) }
}

/// A header value that is not shown.
pub(super) fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
