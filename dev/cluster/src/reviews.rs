//! Users from a static table: who a token is, and what a user may do.
//!
//! Requests are authenticated. They are authorized only if the cluster was asked to; otherwise a rule answers
//! reviews and never stops a request.

use serde_json::{Value, json};

use crate::resources::Role;
use crate::status::{ApiError, Cause};

/// Somebody who may present a token.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The bearer token.
    pub token: String,
    /// User name, for example `system:serviceaccount:team-a:robot`.
    pub name: String,
    /// Groups the user is in.
    pub groups: Vec<String>,
    /// What access reviews say the user may do.
    pub rules: Vec<AccessRule>,
}

/// Allows `verbs` on `resources` of `groups` in `namespaces`. `*` stands for all.
#[derive(Clone, Debug, Default)]
pub struct AccessRule {
    /// For example `get`, `list`, `create`.
    pub verbs: Vec<String>,
    /// API groups; the core group is the empty string.
    pub groups: Vec<String>,
    /// Plural names, with a slash and the subresource if it has one.
    pub resources: Vec<String>,
    /// Namespaces; an empty list means all of them and cluster-wide resources.
    pub namespaces: Vec<String>,
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// The table of users.
#[derive(Debug, Default)]
pub(crate) struct Users {
    pub(crate) known: Vec<User>,
    /// Whether their rules decide about their requests.
    pub(crate) authorized: bool,
}

impl Users {
    /// Who presents this `Authorization` header. Without one it is the administrator.
    pub(crate) fn authenticate(&self, header: Option<&str>) -> Result<Identity, ApiError> {
        let Some(header) = header else {
            let groups = vec!["system:masters".to_owned(), "system:authenticated".to_owned()];
            return Ok(Identity { name: "system:admin".to_owned(), groups });
        };
        let token = header.strip_prefix("Bearer ").unwrap_or_default().trim();
        self.by_token(token).map(User::identity).ok_or_else(ApiError::unauthorized)
    }

    fn by_token(&self, token: &str) -> Option<&User> {
        self.known.iter().find(|user| !token.is_empty() && user.token == token)
    }

    /// Whether the rules let a request through. `asked` is what a review would ask, its resource attributes.
    pub(crate) fn permit(&self, identity: &Identity, asked: &Value) -> Result<(), ApiError> {
        if !self.authorized || self.may(identity, asked) {
            return Ok(());
        }
        let text = |key: &str| asked[key].as_str().unwrap_or_default();
        let resource = resource_of(asked);
        let message = format!(
            "{resource} \"{}\" is forbidden: User \"{}\" cannot {} resource \"{resource}\" in API group \"{}\" in \
             the namespace \"{}\"",
            text("name"),
            identity.name,
            text("verb"),
            text("group"),
            text("namespace")
        );
        Err(ApiError::new(403, "Forbidden", message))
    }

    fn may(&self, identity: &Identity, asked: &Value) -> bool {
        let is_master = identity.groups.iter().any(|group| group == "system:masters");
        is_master || self.rules_of(identity).any(|rule| rule.allows(asked))
    }

    /// Answers a review by filling in its status.
    pub(crate) fn review(
        &self,
        role: Role,
        review: &mut Value,
        requester: &Identity,
    ) -> Result<(), ApiError> {
        let spec = review.get("spec").cloned().unwrap_or_default();
        check(role, &spec)?;
        review["status"] = match role {
            Role::TokenReview => self.token_status(&spec),
            Role::SelfSubjectAccessReview => self.access_status(&spec, requester),
            Role::SubjectAccessReview => {
                let texts = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let identity = Identity {
                    name: spec["user"].as_str().unwrap_or_default().to_owned(),
                    groups: texts.map(str::to_owned).collect(),
                };
                self.access_status(&spec, &identity)
            }
            _ => return Err(ApiError::method_not_allowed()),
        };
        Ok(())
    }

    fn token_status(&self, spec: &Value) -> Value {
        let Some(user) = self.by_token(spec["token"].as_str().unwrap_or_default()) else {
            return json!({"authenticated": false, "user": {}, "error": "the token is not known"});
        };
        let identity = user.identity();
        let audiences = spec.get("audiences").cloned().unwrap_or(json!([]));
        json!({"authenticated": true, "audiences": audiences,
            "user": {"username": identity.name, "uid": identity.name, "groups": identity.groups}})
    }

    fn access_status(&self, spec: &Value, identity: &Identity) -> Value {
        let asked = &spec["resourceAttributes"];
        if self.may(identity, asked) {
            return json!({"allowed": true});
        }
        json!({"allowed": false, "reason": format!("no rule of user \"{}\" allows it", identity.name)})
    }

    fn rules_of(&self, identity: &Identity) -> impl Iterator<Item = &AccessRule> {
        self.known.iter().filter(|user| user.name == identity.name).flat_map(|user| &user.rules)
    }
}

/// Refuses a review that asks for nothing, or for two things.
fn check(role: Role, spec: &Value) -> Result<(), ApiError> {
    let says =
        |key: &str| spec.get(key).is_some_and(|value| !value.is_null() && value != "" && *value != json!([]));
    if role == Role::TokenReview {
        let refusal = ApiError::bad_request("token is required for TokenReview in authentication");
        return if says("token") { Ok(()) } else { Err(refusal) };
    }
    let mut causes = Vec::new();
    match (says("resourceAttributes"), says("nonResourceAttributes")) {
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
    if role == Role::SubjectAccessReview && !says("user") && !says("groups") {
        let detail = "at least one of user or group must be specified";
        causes.push(Cause::invalid("spec.user", &"".into(), detail));
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid_review(&causes)) }
}

impl User {
    fn identity(&self) -> Identity {
        let mut groups = self.groups.clone();
        groups.push("system:authenticated".to_owned());
        Identity { name: self.name.clone(), groups }
    }
}

impl AccessRule {
    fn allows(&self, asked: &Value) -> bool {
        let text = |key: &str| asked[key].as_str().unwrap_or_default();
        let has = |list: &[String], wanted: &str| list.iter().any(|entry| entry == "*" || entry == wanted);
        let resource = resource_of(asked);
        let somewhere = self.namespaces.is_empty() || has(&self.namespaces, text("namespace"));
        asked.is_object()
            && has(&self.verbs, text("verb"))
            && has(&self.groups, text("group"))
            && has(&self.resources, &resource)
            && somewhere
    }
}

/// The resource of a review's attributes, with a slash and the subresource if it has one.
fn resource_of(asked: &Value) -> String {
    let text = |key: &str| asked[key].as_str().unwrap_or_default();
    match text("subresource") {
        "" => text("resource").to_owned(),
        subresource => format!("{}/{subresource}", text("resource")),
    }
}
