use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use trigger_runtime::{Access, AccessError, Action, User};

use super::Api;
use super::error::ApiError;
use crate::listener::Peer;

/// Who lets callers into the admin API.
#[derive(Clone)]
pub enum Authenticator {
    /// The cluster: tokens are its users', and its roles decide what each may see and do.
    Cluster(Arc<dyn Access>),
    /// Nobody: everybody is `anonymous` and may do everything.
    Nobody {
        /// Whether the port is asked under any name. Otherwise only as `localhost` or by an address: a web page
        /// in a browser on this machine could else have a name of its own lead here, and read the answers.
        under_any_name: bool,
    },
}

/// Who asks.
pub(super) struct Caller {
    doorkeeper: Authenticator,
    user: User,
    /// The address that the request came from.
    pub(super) from: String,
}

/// Who is not asked for a name.
const ANONYMOUS: &str = "anonymous";
const ASKED_ELSEWHERE: &str = "where nobody is asked who they are, this API is asked as `localhost` or by an \
                               address, so that no web page can ask it under a name of its own";

impl Caller {
    /// The user's name at the API server.
    pub(super) fn name(&self) -> &str {
        &self.user.name
    }

    /// Whether the caller may do `action` in `namespace`, or everywhere.
    pub(super) async fn may(&self, action: Action, namespace: Option<&str>) -> Result<bool, AccessError> {
        match &self.doorkeeper {
            Authenticator::Cluster(access) => access.allows(&self.user, action, namespace).await,
            Authenticator::Nobody { .. } => Ok(true),
        }
    }

    /// Whether the caller may do `action` in all of `namespaces`; everywhere, if there are none.
    pub(super) async fn may_in_all(
        &self,
        action: Action,
        namespaces: &BTreeSet<Arc<str>>,
    ) -> Result<bool, AccessError> {
        if self.may(action, None).await? {
            return Ok(true);
        }
        for namespace in namespaces {
            if !self.may(action, Some(namespace)).await? {
                return Ok(false);
            }
        }
        Ok(!namespaces.is_empty())
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let user = match &api.doorkeeper {
            Authenticator::Nobody { under_any_name: false } if !is_asked_here(&parts.headers) => {
                return Err(ApiError::new(StatusCode::FORBIDDEN, ASKED_ELSEWHERE));
            }
            Authenticator::Nobody { .. } => {
                User { name: ANONYMOUS.to_owned(), groups: Vec::new(), uid: None }
            }
            Authenticator::Cluster(access) => {
                let token = bearer(&parts.headers).ok_or_else(|| {
                    stranger(
                        "send a token of the cluster as `Authorization: Bearer TOKEN`; \
                         `kubectl create token SERVICE-ACCOUNT` makes one",
                    )
                })?;
                access.authenticate(token).await?.ok_or_else(|| {
                    stranger(
                        "the cluster does not know this token: it may have run out, or be another cluster's; \
                         `kubectl create token SERVICE-ACCOUNT` makes one",
                    )
                })?
            }
        };
        let peer = parts.extensions.get::<Peer>();
        let from = peer.map_or_else(|| "unknown".to_owned(), |Peer(address)| address.ip().to_string());
        Ok(Self { doorkeeper: api.doorkeeper.clone(), user, from })
    }
}

fn stranger(detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, detail)
}

/// Whether the one `Host` header names this machine, or an address, which no page can call its own.
fn is_asked_here(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::HOST).into_iter();
    let host = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        _ => None,
    };
    host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

/// The token, if there is exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_elsewhere_cannot_name_this_machine() {
        for (host, here) in [
            ("localhost:9090", true),
            ("LOCALHOST", true),
            ("127.0.0.1:9090", true),
            ("[::1]:9090", true),
            ("10.0.0.7", true),
            ("rebound.example:9090", false),
            ("localhost.rebound.example", false),
            ("127.0.0.1.rebound.example", false),
            ("a b", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(is_asked_here(&headers), here, "{host}");
            headers.append(header::HOST, "localhost".parse().unwrap());
            assert!(!is_asked_here(&headers), "two are none");
        }
        assert!(!is_asked_here(&HeaderMap::new()));
    }

    #[test]
    fn a_token_comes_as_rfc_6750_says() {
        for (value, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc", Some("abc")),
            ("Bearer ", None),
            ("Bearer", None),
            ("Basic abc", None),
            ("abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers), expected, "{value}");
            headers.append(header::AUTHORIZATION, "Bearer other".parse().unwrap());
            assert_eq!(bearer(&headers), None, "two are none");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
