use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use trigger_dispatch::{Access, AccessFault, Action, User};

use super::Api;
use super::fault::Fault;
use crate::listener::Peer;

/// Who lets callers into the admin API.
#[derive(Clone)]
pub enum Doorkeeper {
    /// The cluster: tokens are its users', and its roles decide what each may see and do.
    Cluster(Arc<dyn Access>),
    /// Nobody: everybody is `anonymous` and may do everything.
    Nobody,
}

/// Who asks.
pub(super) struct Caller {
    doorkeeper: Doorkeeper,
    user: User,
    /// The address that the request came from.
    pub(super) from: String,
}

/// Who is not asked for a name.
const ANONYMOUS: &str = "anonymous";

impl Caller {
    /// The user's name at the API server.
    pub(super) fn name(&self) -> &str {
        &self.user.name
    }

    /// Whether the caller may do `action` in `namespace`, or everywhere.
    pub(super) async fn may(&self, action: Action, namespace: Option<&str>) -> Result<bool, AccessFault> {
        match &self.doorkeeper {
            Doorkeeper::Cluster(access) => access.allows(&self.user, action, namespace).await,
            Doorkeeper::Nobody => Ok(true),
        }
    }

    /// Whether the caller may do `action` in all of `namespaces`; everywhere, if there are none.
    pub(super) async fn may_in_all(
        &self,
        action: Action,
        namespaces: &BTreeSet<Arc<str>>,
    ) -> Result<bool, AccessFault> {
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
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Fault> {
        let user = match &api.doorkeeper {
            Doorkeeper::Nobody => User { name: ANONYMOUS.to_owned(), groups: Vec::new(), uid: None },
            Doorkeeper::Cluster(access) => {
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

fn stranger(detail: &str) -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, detail)
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
