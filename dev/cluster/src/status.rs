//! Errors as Kubernetes clients expect them: a `Status` object with a code, a reason and causes.

use serde_json::{Map, Value, json};

use crate::resource_name::ResourceName;

/// An invalid field, an entry of `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// Path of the field, for example `spec.trigger.when[0].name`.
    pub(crate) field: String,
    /// Machine-readable reason, for example `FieldValueRequired`.
    pub(crate) reason: &'static str,
    /// Message without the field's path, for example `Required value`.
    pub(crate) message: String,
}

impl Cause {
    pub(crate) fn new(field: impl Into<String>, reason: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), reason, message: message.into() }
    }

    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message =
            if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self::new(field, "FieldValueRequired", message)
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new(field, "FieldValueInvalid", format!("Invalid value: {}: {detail}", shown(value)))
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|one| format!("\"{one}\"")).collect();
        let message = format!("Unsupported value: \"{value}\": supported values: {}", supported.join(", "));
        Self::new(field, "FieldValueNotSupported", message)
    }

    pub(crate) fn too_long(field: impl Into<String>, most: usize) -> Self {
        Self::new(field, "FieldValueTooLong", format!("Too long: may not be more than {most} bytes"))
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new(field, "FieldValueForbidden", format!("Forbidden: {detail}"))
    }

    pub(crate) fn wrong_type(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::new(field, "FieldValueTypeInvalid", format!("Invalid value: {}: {detail}", shown(value)))
    }
}

/// A value as the real server prints it in messages: scalars as JSON, other values by their type.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "\"object\"".to_owned(),
        Value::Array(_) => "\"array\"".to_owned(),
        scalar => scalar.to_string(),
    }
}

/// An error response of the API server.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status code, for example 409.
    pub code: u16,
    /// Reason as in `Status.reason`, for example `AlreadyExists`.
    pub reason: String,
    /// Human-readable message.
    pub message: String,
    /// `Status.details`, or null.
    pub details: Value,
    /// Seconds for the `Retry-After` header.
    pub retry_after: Option<u32>,
    /// Whether the response is the message as plain text.
    pub plain_text: bool,
}

impl ApiError {
    pub(crate) fn new(code: u16, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            details: Value::Null,
            retry_after: None,
            plain_text: false,
        }
    }

    fn about(mut self, resource: &ResourceName, name: &str) -> Self {
        self.details = details(&resource.plural, &resource.group, name);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn unknown_resource() -> Self {
        let mut error = Self::new(404, "NotFound", "the server could not find the requested resource");
        error.details = json!({});
        error
    }

    pub(crate) fn not_found(resource: &ResourceName, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified()))
            .about(resource, name)
    }

    pub(crate) fn namespace_not_found(name: &str) -> Self {
        let mut error = Self::new(404, "NotFound", format!("namespaces \"{name}\" not found"));
        error.details = details("namespaces", "", name);
        error
    }

    pub(crate) fn already_exists(resource: &ResourceName, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
            .about(resource, name)
    }

    /// A generated name that exists already.
    pub(crate) fn try_again(verb: &str, resource: &ResourceName, name: &str) -> Self {
        let message = format!(
            "The {verb} operation against {} could not be completed at this time, please try again.",
            resource.qualified()
        );
        Self::new(500, "ServerTimeout", message).about(resource, name)
    }

    pub(crate) fn conflict(resource: &ResourceName, name: &str, detail: &str) -> Self {
        let what = resource.qualified();
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} \"{name}\": {detail}"))
            .about(resource, name)
    }

    pub(crate) fn modified(resource: &ResourceName, name: &str) -> Self {
        let detail =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, detail)
    }

    pub(crate) fn forbidden(resource: &ResourceName, name: &str, detail: &str) -> Self {
        let mut what = resource.qualified();
        if !name.is_empty() {
            what = format!("{what} \"{name}\"");
        }
        Self::new(403, "Forbidden", format!("{what} is forbidden: {detail}")).about(resource, name)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    pub(crate) fn unsupported_media(offered: &str, accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted} (got {offered})"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn invalid(resource: &ResourceName, name: &str, causes: &[Cause]) -> Self {
        Self::invalid_kind(&resource.kind, &resource.group, name, causes)
    }

    /// An invalid access review; the real server names no kind.
    pub(crate) fn invalid_review(causes: &[Cause]) -> Self {
        Self::invalid_kind("", "authorization.k8s.io", "", causes)
    }

    fn invalid_kind(kind: &str, group: &str, name: &str, causes: &[Cause]) -> Self {
        let sentences: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let all = match sentences.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut error = Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {all}"));
        error.details = details(kind, group, name);
        error.set_causes(causes);
        error
    }

    /// An invalid option of a request. `options` is the kind, for example `PatchOptions`.
    pub(crate) fn invalid_options(options: &str, cause: Cause) -> Self {
        Self::invalid_kind(options, "meta.k8s.io", "", &[cause])
    }

    /// A body that does not decode into the resource's type.
    pub(crate) fn undecodable(resource: &ResourceName, version: &str, detail: &str) -> Self {
        let kind = &resource.kind;
        Self::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {detail}"))
    }

    pub(crate) fn set_causes(&mut self, causes: &[Cause]) {
        let list: Vec<Value> = causes
            .iter()
            .map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}))
            .collect();
        if !self.details.is_object() {
            self.details = json!({});
        }
        if let Some(map) = self.details.as_object_mut() {
            map.insert("causes".to_owned(), Value::Array(list));
        }
    }

    /// The `Status` object of the response body.
    pub fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        let mut details = self.details.clone();
        if let Some(seconds) = self.retry_after {
            if !details.is_object() {
                details = json!({});
            }
            if let Some(map) = details.as_object_mut() {
                map.insert("retryAfterSeconds".to_owned(), seconds.into());
            }
        }
        if let (Some(map), false) = (status.as_object_mut(), details.is_null()) {
            map.insert("details".to_owned(), details);
        }
        status
    }
}

fn details(kind: &str, group: &str, name: &str) -> Value {
    let mut map = Map::new();
    if !name.is_empty() {
        map.insert("name".to_owned(), name.into());
    }
    if !group.is_empty() {
        map.insert("group".to_owned(), group.into());
    }
    map.insert("kind".to_owned(), kind.into());
    Value::Object(map)
}

/// The `Status` of a deletion that removed the object immediately.
pub(crate) fn deleted(resource: &ResourceName, name: &str, uid: &str) -> Value {
    let mut details = details(&resource.plural, &resource.group, name);
    if let Some(map) = details.as_object_mut() {
        map.insert("uid".to_owned(), uid.into());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
