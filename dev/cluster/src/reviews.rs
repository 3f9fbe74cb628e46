//! Authentication, authorization and access reviews: from a static table of users, and for ServiceAccounts with tokens
//! of TokenRequests. Rights come from the table and from Roles and their bindings.
//!
//! Every request is authenticated. Rules always answer reviews; they restrict requests only on a cluster that was
//! built with `authorize`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::identity;
use crate::resources::Strategy;
use crate::status::{ApiError, Cause};

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

/// The tokens that are remembered: more than all scenarios request. They do not expire.
const MAX_TOKENS: usize = 10_000;

/// The rights that Roles and their bindings give a user.
pub(crate) trait Roles {
    fn rules_of(&self, user: &UserInfo) -> Vec<AccessRule>;
}

/// The user of a request.
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
            let groups = vec!["system:masters".to_owned(), "system:authenticated".to_owned()];
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

    fn by_token(&self, token: &str) -> Option<UserInfo> {
        let known = self.known.iter().find(|user| !token.is_empty() && user.token == token);
        let issued = || self.issued.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        known.map(User::info).or_else(issued)
    }

    /// Checks a request against the rules. `attributes` are the resource attributes, as in a SubjectAccessReview.
    pub(crate) fn authorize(
        &self,
        user: &UserInfo,
        attributes: &Value,
        roles: &dyn Roles,
    ) -> Result<(), ApiError> {
        let text = |key: &str| attributes[key].as_str().unwrap_or_default();
        // Kubernetes grants it to everybody by the ClusterRole `system:basic-user`.
        let is_own_review = text("group") == "authorization.k8s.io"
            && text("resource") == "selfsubjectaccessreviews"
            && text("verb") == "create";
        if !self.authorized || is_own_review || self.is_allowed(user, attributes, roles) {
            return Ok(());
        }
        let resource = resource_of(attributes);
        let message = format!(
            "{resource} \"{}\" is forbidden: User \"{}\" cannot {} resource \"{resource}\" in API group \"{}\" in \
             the namespace \"{}\"",
            text("name"),
            user.name,
            text("verb"),
            text("group"),
            text("namespace")
        );
        Err(ApiError::new(403, "Forbidden", message))
    }

    fn is_allowed(&self, user: &UserInfo, attributes: &Value, roles: &dyn Roles) -> bool {
        let is_master = user.groups.iter().any(|group| group == "system:masters");
        is_master
            || self.rules_of(user).any(|rule| rule.allows(attributes))
            || roles.rules_of(user).iter().any(|rule| rule.allows(attributes))
    }

    /// Sets the status of a review.
    pub(crate) fn review(
        &self,
        strategy: Strategy,
        review: &mut Value,
        requester: &UserInfo,
        roles: &dyn Roles,
    ) -> Result<(), ApiError> {
        let spec = review.get("spec").cloned().unwrap_or_default();
        check(strategy, &spec)?;
        review["status"] = match strategy {
            Strategy::TokenReview => self.token_status(&spec),
            Strategy::SelfSubjectAccessReview => self.access_status(&spec, requester, roles),
            Strategy::SubjectAccessReview => {
                let texts = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let user = UserInfo {
                    name: spec["user"].as_str().unwrap_or_default().to_owned(),
                    groups: texts.map(str::to_owned).collect(),
                };
                self.access_status(&spec, &user, roles)
            }
            _ => return Err(ApiError::method_not_allowed()),
        };
        Ok(())
    }

    fn token_status(&self, spec: &Value) -> Value {
        let Some(user) = self.by_token(spec["token"].as_str().unwrap_or_default()) else {
            return json!({"authenticated": false, "user": {}, "error": "the token is not known"});
        };
        let audiences = spec.get("audiences").cloned().unwrap_or(json!([]));
        json!({"authenticated": true, "audiences": audiences,
            "user": {"username": user.name, "uid": user.name, "groups": user.groups}})
    }

    fn access_status(&self, spec: &Value, user: &UserInfo, roles: &dyn Roles) -> Value {
        let attributes = &spec["resourceAttributes"];
        if self.is_allowed(user, attributes, roles) {
            return json!({"allowed": true});
        }
        json!({"allowed": false, "reason": format!("no rule of user \"{}\" allows it", user.name)})
    }

    fn rules_of(&self, user: &UserInfo) -> impl Iterator<Item = &AccessRule> {
        self.known.iter().filter(|known| known.name == user.name).flat_map(|known| &known.rules)
    }
}

/// Checks that a review has exactly one subject of review, and a user where it needs one.
fn check(strategy: Strategy, spec: &Value) -> Result<(), ApiError> {
    let is_set =
        |key: &str| spec.get(key).is_some_and(|value| !value.is_null() && value != "" && *value != json!([]));
    if strategy == Strategy::TokenReview {
        let error = ApiError::bad_request("token is required for TokenReview in authentication");
        return if is_set("token") { Ok(()) } else { Err(error) };
    }
    let mut causes = Vec::new();
    match (is_set("resourceAttributes"), is_set("nonResourceAttributes")) {
        (true, true) => {
            let detail = "cannot be specified in combination with resourceAttributes";
            causes.push(Cause::invalid("spec.nonResourceAttributes", &spec["nonResourceAttributes"], detail));
        }
        (false, false) => {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            causes.push(Cause::invalid("spec.resourceAttributes", &Value::Null, detail));
        }
        _ => {}
    }
    if strategy == Strategy::SubjectAccessReview && !is_set("user") && !is_set("groups") {
        let detail = "at least one of user or group must be specified";
        causes.push(Cause::invalid("spec.user", &"".into(), detail));
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid_review(&causes)) }
}

impl UserInfo {
    /// A ServiceAccount as the user of its token.
    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }
}

impl User {
    fn info(&self) -> UserInfo {
        let mut groups = self.groups.clone();
        groups.push("system:authenticated".to_owned());
        UserInfo { name: self.name.clone(), groups }
    }
}

impl AccessRule {
    fn allows(&self, attributes: &Value) -> bool {
        let text = |key: &str| attributes[key].as_str().unwrap_or_default();
        let has = |list: &[String], value: &str| list.iter().any(|entry| entry == "*" || entry == value);
        let resource = resource_of(attributes);
        let somewhere = self.namespaces.is_empty() || has(&self.namespaces, text("namespace"));
        attributes.is_object()
            && has(&self.verbs, text("verb"))
            && has(&self.groups, text("group"))
            && has(&self.resources, &resource)
            && somewhere
    }
}

/// The resource in resource attributes, followed by a slash and the subresource if there is one.
fn resource_of(attributes: &Value) -> String {
    let text = |key: &str| attributes[key].as_str().unwrap_or_default();
    match text("subresource") {
        "" => text("resource").to_owned(),
        subresource => format!("{}/{subresource}", text("resource")),
    }
}
