//! TokenReviews, and reviews of the rights of users.

use serde_json::{Value, json};

use crate::attributes::Attributes;
use crate::authorizer::Authorizer;
use crate::resources::Strategy;
use crate::status::{ApiError, Cause};
use crate::users::{MASTERS, UserInfo, Users};

/// Sets the status of a review that `requester` sends.
pub(crate) fn answer(
    strategy: Strategy,
    review: &mut Value,
    requester: &UserInfo,
    authorizer: Authorizer<'_>,
) -> Result<(), ApiError> {
    let spec = review.get("spec").cloned().unwrap_or_default();
    check(strategy, &spec)?;
    review["status"] = match strategy {
        Strategy::TokenReview => token_status(&spec, authorizer.users),
        Strategy::SelfSubjectAccessReview => access_status(&spec, requester, authorizer),
        Strategy::SubjectAccessReview => {
            let texts = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let user = UserInfo {
                name: spec["user"].as_str().unwrap_or_default().to_owned(),
                groups: texts.map(str::to_owned).collect(),
            };
            access_status(&spec, &user, authorizer)
        }
        _ => return Err(ApiError::method_not_allowed()),
    };
    Ok(())
}

fn token_status(spec: &Value, users: &Users) -> Value {
    let Some(user) = users.by_token(spec["token"].as_str().unwrap_or_default()) else {
        return json!({"authenticated": false, "user": {}, "error": "the token is not known"});
    };
    let audiences = spec.get("audiences").cloned().unwrap_or(json!([]));
    json!({"authenticated": true, "audiences": audiences,
        "user": {"username": user.name, "uid": user.name, "groups": user.groups}})
}

/// Only members of `system:masters` have rights on other than resources.
fn access_status(spec: &Value, user: &UserInfo, authorizer: Authorizer<'_>) -> Value {
    let wanted = Attributes::of_review(&spec["resourceAttributes"]);
    let allowed = match wanted {
        Some(wanted) => authorizer.allows(user, wanted),
        None => user.is_in(MASTERS),
    };
    if allowed {
        return json!({"allowed": true});
    }
    json!({"allowed": false, "reason": format!("no rule of user \"{}\" allows it", user.name)})
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
