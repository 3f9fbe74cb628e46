use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;
use trigger_runtime::{Access, AccessError, Action, User};

use super::Api;
use super::error::ApiError;
use crate::listener::Peer;

/// Authenticates callers of the admin API.
#[derive(Clone)]
pub enum Authenticator {
    /// By the cluster: callers present its tokens, and its RBAC rules decide what each may see and do.
    Cluster(Arc<dyn Access>),
    /// Not at all: every caller is `anonymous` and may do everything.
    Disabled {
        /// Whether any `Host` is accepted. Otherwise it must be `localhost` or an IP address: a web page could
        /// point a name of its own at this machine (DNS rebinding) and read the responses.
        any_host: bool,
    },
}

/// The authenticated caller of a request.
pub(super) struct Caller {
    authenticator: Authenticator,
    user: User,
    /// The turn of the request, see [`super::budget::Budget::request`].
    turn: Option<OwnedSemaphorePermit>,
    /// The IP address of the client.
    pub(super) from: String,
}

/// The user name of every caller while authentication is disabled.
const ANONYMOUS: &str = "anonymous";
const FOREIGN_HOST: &str = "without authentication, the `Host` of a request must be `localhost` or an IP address; \
                            this keeps web pages with a name of their own out";

impl Caller {
    /// The name of the user, as the API server reports it.
    pub(super) fn name(&self) -> &str {
        &self.user.name
    }

    /// Whether the caller may do `action` in `namespace`; in all namespaces if there is none.
    pub(super) async fn may(&self, action: Action, namespace: Option<&str>) -> Result<bool, AccessError> {
        match &self.authenticator {
            Authenticator::Cluster(access) => access.allows(&self.user, action, namespace).await,
            Authenticator::Disabled { .. } => Ok(true),
        }
    }

    /// The name under which the caller's use of the API is counted.
    pub(super) fn account(&self) -> &str {
        self.user.account()
    }

    /// The namespace of the caller, if it is a ServiceAccount.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.user.namespace()
    }

    /// Frees the turn of the request, which goes on.
    pub(super) fn end_request(&mut self) {
        self.turn = None;
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let user = match &api.authenticator {
            Authenticator::Disabled { any_host: false } if !has_local_host(&parts.headers) => {
                return Err(ApiError::new(StatusCode::FORBIDDEN, FOREIGN_HOST));
            }
            Authenticator::Disabled { .. } => {
                User { name: ANONYMOUS.to_owned(), groups: Vec::new(), uid: None }
            }
            Authenticator::Cluster(access) => {
                let token = bearer(&parts.headers).ok_or_else(|| {
                    unauthorized(
                        "send a token of the cluster as `Authorization: Bearer TOKEN`; \
                         create one with `kubectl create token SERVICE-ACCOUNT`",
                    )
                })?;
                access.authenticate(token).await?.ok_or_else(|| {
                    unauthorized(
                        "the cluster does not accept this token: it has expired or belongs to another cluster; \
                         create one with `kubectl create token SERVICE-ACCOUNT`",
                    )
                })?
            }
        };
        let peer = parts.extensions.get::<Peer>();
        let from = peer.map_or_else(|| "unknown".to_owned(), |Peer(address)| address.ip().to_string());
        let turn = Some(api.budget.request(user.account()).await?);
        Ok(Self { authenticator: api.authenticator.clone(), user, turn, from })
    }
}

fn unauthorized(detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, detail)
}

/// Whether the one `Host` header is `localhost` or an IP address. A web page cannot have either as its origin.
fn has_local_host(headers: &HeaderMap) -> bool {
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

/// The bearer token, if the request has exactly one.
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
    fn a_host_name_other_than_localhost_is_foreign() {
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
            assert_eq!(has_local_host(&headers), here, "{host}");
            headers.append(header::HOST, "localhost".parse().unwrap());
            assert!(!has_local_host(&headers), "two values count as none");
        }
        assert!(!has_local_host(&HeaderMap::new()));
    }

    #[test]
    fn a_token_is_read_as_rfc_6750_defines() {
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
            assert_eq!(bearer(&headers), None, "two values count as none");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
