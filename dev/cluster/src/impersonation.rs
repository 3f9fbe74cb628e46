//! Requests with the rights of another user: the headers `Impersonate-*`.
//!
//! As on the real server, a requester needs the verb `impersonate` on all that the headers name: on `serviceaccounts` in
//! their namespace, or else on `users`; on `groups`; on `uids` and `userextras` of `authentication.k8s.io`. Uids and extra
//! fields have no other effect here.

use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::attributes::Attributes;
use crate::authorizer::Authorizer;
use crate::names::{label_error, subdomain_error};
use crate::status::ApiError;
use crate::users::{AUTHENTICATED, UserInfo, service_account_groups};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA_PREFIX: &str = "impersonate-extra-";

/// The group of requests without credentials.
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// The user as whom a request was sent, in the log of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impersonated {
    /// Name of the user, for example `system:serviceaccount:team-a:robot`.
    pub user: String,
    /// The resource on which the requester needs the verb `impersonate`: `serviceaccounts` or `users`.
    pub resource: &'static str,
    /// Whether the requester had this right, and the request therefore the rights of the user.
    pub allowed: bool,
}

/// The headers of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Impersonation {
    user: String,
    groups: Vec<String>,
    uid: String,
    /// Keys and values.
    extras: Vec<(String, String)>,
}

impl Impersonation {
    /// Reads the headers of a request for `uri`. `None` if it has none of them.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Result<Option<Self>, ApiError> {
        if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
            return Ok(None);
        }
        let all = |name: &str| -> Vec<String> {
            headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect()
        };
        let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
        let extras = headers.iter().filter_map(|(name, value)| {
            let key = percent_decode_str(name.as_str().strip_prefix(EXTRA_PREFIX)?).decode_utf8_lossy();
            Some((key.into_owned(), text(value.as_bytes())))
        });
        let (groups, uid, extras) = (all(GROUP), first(UID), extras.collect::<Vec<_>>());
        let asked = Self { user: first(USER), groups, uid, extras };
        if !asked.user.is_empty() {
            return Ok(Some(asked));
        }
        if asked.groups.is_empty() && asked.uid.is_empty() && asked.extras.is_empty() {
            return Ok(None);
        }
        let message =
            format!("Internal Server Error: \"{uri}\": requested {asked:?} without impersonating a user");
        Err(ApiError { plain_text: true, ..ApiError::new(500, "InternalError", message) })
    }

    /// The user whose rights the request has, if the requester may impersonate all that the headers name.
    pub(crate) fn acting_user(
        &self,
        requester: &UserInfo,
        authorizer: Authorizer<'_>,
    ) -> Result<UserInfo, ApiError> {
        let identities = Attributes { group: "authentication.k8s.io", ..Attributes::default() };
        let mut wanted = vec![self.wanted_user()];
        let groups = self.groups.iter();
        wanted.extend(groups.map(|name| Attributes { resource: "groups", name, ..Attributes::default() }));
        let extras = self.extras.iter();
        wanted.extend(extras.map(|(key, value)| Attributes {
            resource: "userextras",
            subresource: key,
            name: value,
            ..identities
        }));
        if !self.uid.is_empty() {
            wanted.push(Attributes { resource: "uids", name: &self.uid, ..identities });
        }
        for wanted in wanted {
            authorizer.check(requester, Attributes { verb: "impersonate", ..wanted })?;
        }
        Ok(self.user())
    }

    /// The entry in the log of requests.
    pub(crate) fn logged(&self, allowed: bool) -> Impersonated {
        let resource = if self.account().is_some() { "serviceaccounts" } else { "users" };
        Impersonated { user: self.user.clone(), resource, allowed }
    }

    fn wanted_user(&self) -> Attributes<'_> {
        match self.account() {
            Some((namespace, name)) => {
                Attributes { resource: "serviceaccounts", namespace, name, ..Attributes::default() }
            }
            None => Attributes { resource: "users", name: &self.user, ..Attributes::default() },
        }
    }

    /// Namespace and name, if the user is a ServiceAccount.
    fn account(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self.user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        let is_valid = label_error(namespace).is_none() && subdomain_error(name).is_none();
        is_valid.then_some((namespace, name))
    }

    /// The groups of the headers, or else those that a ServiceAccount has anyway.
    fn user(&self) -> UserInfo {
        let mut groups = match self.account() {
            Some((namespace, _)) if self.groups.is_empty() => service_account_groups(namespace),
            _ => self.groups.clone(),
        };
        if !groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        UserInfo { name: self.user.clone(), groups }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Result<Option<Impersonation>, ApiError> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Impersonation::of(&headers.collect(), &Uri::from_static("/api"))
    }

    #[test]
    fn a_service_account_is_told_from_other_users_by_its_name() {
        for (name, resource, groups) in [
            (
                "system:serviceaccount:team-a:ci",
                "serviceaccounts",
                vec!["system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated"],
            ),
            ("system:serviceaccount:team-a:", "users", vec!["system:authenticated"]),
            ("system:serviceaccount:team-a:ci:x", "users", vec!["system:authenticated"]),
            ("system:serviceaccount:Team:ci", "users", vec!["system:authenticated"]),
            ("system:admin", "users", vec!["system:authenticated"]),
        ] {
            let asked = of(&[("impersonate-user", name)]).unwrap().unwrap();
            let logged = Impersonated { user: name.to_owned(), resource, allowed: true };
            assert_eq!(asked.logged(true), logged);
            let groups = groups.into_iter().map(str::to_owned).collect();
            assert_eq!(asked.user(), UserInfo { name: name.to_owned(), groups });
        }
    }

    #[test]
    fn groups_of_the_headers_take_the_place_of_those_of_the_account() {
        let account = ("impersonate-user", "system:serviceaccount:team-a:ci");
        let groups = |groups: &[&'static str]| {
            let headers: Vec<_> = [account]
                .into_iter()
                .chain(groups.iter().map(|group| ("impersonate-group", *group)))
                .collect();
            of(&headers).unwrap().unwrap().user().groups
        };
        assert_eq!(groups(&["a", "b"]), ["a", "b", "system:authenticated"]);
        assert_eq!(groups(&["system:unauthenticated"]), ["system:unauthenticated"]);
    }

    #[test]
    fn other_headers_need_a_user() {
        assert_eq!(of(&[("user-agent", "x")]).unwrap(), None);
        for header in ["impersonate-group", "impersonate-uid", "impersonate-extra-scopes"] {
            let error = of(&[(header, "x")]).unwrap_err();
            assert!(error.code == 500 && error.message.contains("without impersonating a user"), "{error}");
        }
    }
}
