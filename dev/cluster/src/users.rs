//! Authentication by bearer token: from a static table of users, and of ServiceAccounts with tokens of TokenRequests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::attributes::Attributes;
use crate::identity;
use crate::status::ApiError;

/// The group of all authenticated users.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";

/// The group whose members may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// The tokens that are remembered: more than all scenarios request. They do not expire.
const MAX_TOKENS: usize = 10_000;

/// A user with a bearer token.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The bearer token.
    pub token: String,
    /// User name, for example `system:serviceaccount:team-a:robot`.
    pub name: String,
    /// Groups of the user.
    pub groups: Vec<String>,
    /// Rights of the user, in access reviews and with `authorize`.
    pub rules: Vec<AccessRule>,
}

/// Allows `verbs` on `resources` of `groups` in `namespaces`. `*` means all.
#[derive(Clone, Debug, Default)]
pub struct AccessRule {
    /// For example `get`, `list`, `create`.
    pub verbs: Vec<String>,
    /// API groups; the core group is the empty string.
    pub groups: Vec<String>,
    /// Plural names, followed by a slash and the subresource if there is one.
    pub resources: Vec<String>,
    /// Namespaces; an empty list means all namespaces and cluster-wide resources.
    pub namespaces: Vec<String>,
}

/// The user whose rights a request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserInfo {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// The table of users.
#[derive(Debug, Default)]
pub(crate) struct Users {
    pub(crate) known: Vec<User>,
    /// Whether rules restrict requests.
    pub(crate) authorized: bool,
    /// The ServiceAccounts of tokens that were requested.
    pub(crate) issued: Mutex<HashMap<String, UserInfo>>,
}

impl Users {
    /// The user of an `Authorization` header. Without the header: the administrator.
    pub(crate) fn authenticate(&self, header: Option<&str>) -> Result<UserInfo, ApiError> {
        let Some(header) = header else {
            let groups = vec![MASTERS.to_owned(), AUTHENTICATED.to_owned()];
            return Ok(UserInfo { name: "system:admin".to_owned(), groups });
        };
        let token = header.strip_prefix("Bearer ").unwrap_or_default().trim();
        self.by_token(token).ok_or_else(ApiError::unauthorized)
    }

    /// A new token of a ServiceAccount.
    pub(crate) fn issue(&self, namespace: &str, name: &str) -> Result<String, ApiError> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() >= MAX_TOKENS {
            return Err(ApiError::new(429, "TooManyRequests", "too many tokens were requested"));
        }
        let token = format!("{}.{}", identity::uid(), identity::uid());
        issued.insert(token.clone(), UserInfo::service_account(namespace, name));
        Ok(token)
    }

    pub(crate) fn by_token(&self, token: &str) -> Option<UserInfo> {
        let known = self.known.iter().find(|user| !token.is_empty() && user.token == token);
        let issued = || self.issued.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        known.map(User::info).or_else(issued)
    }

    /// The rules that the table has for a user.
    pub(crate) fn rules_of(&self, user: &UserInfo) -> impl Iterator<Item = &AccessRule> {
        self.known.iter().filter(|known| known.name == user.name).flat_map(|known| &known.rules)
    }
}

impl UserInfo {
    /// A ServiceAccount as the user of its token.
    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        let mut groups = service_account_groups(namespace);
        groups.push(AUTHENTICATED.to_owned());
        Self { name: service_account_name(namespace, name), groups }
    }

    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }
}

/// The user name of a ServiceAccount.
pub(crate) fn service_account_name(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// The groups that a ServiceAccount has for being one.
pub(crate) fn service_account_groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

impl User {
    fn info(&self) -> UserInfo {
        let mut groups = self.groups.clone();
        groups.push(AUTHENTICATED.to_owned());
        UserInfo { name: self.name.clone(), groups }
    }
}

impl AccessRule {
    pub(crate) fn allows(&self, wanted: Attributes<'_>) -> bool {
        let namespaces = &self.namespaces;
        let somewhere =
            namespaces.is_empty() || namespaces.iter().any(|one| one == "*" || one == wanted.namespace);
        somewhere && wanted.match_rule(&self.verbs, &self.groups, &self.resources)
    }
}
