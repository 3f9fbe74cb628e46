//! What every object that comes in must pass: identity, schema, names, size.

use serde_json::{Value, json};

use super::{FieldValidation, OBJECT_BYTES, Target};
use crate::names::{label_fault, metadata_faults, subdomain_fault};
use crate::resources::{Role, definition_faults};
use crate::status::{ApiError, Cause};

/// Checks that `body` is an object of the target's kind and lies where the request says.
pub(super) fn identify(target: &Target, body: &mut Value) -> Result<(), ApiError> {
    let resource = &target.resource;
    if !body.is_object() {
        return Err(ApiError::bad_request("the body is not an object"));
    }
    let expected = target.api_version();
    fill_or_compare(body, "apiVersion", &expected, |found| {
        format!("the API version in the data ({found}) does not match the expected API version ({expected})")
    })?;
    fill_or_compare(body, "kind", &resource.kind, |found| {
        format!(
            "{} in version \"{}\" cannot be handled as a {}: the kind in the data is {found}",
            found, target.version, resource.kind
        )
    })?;
    match body.get("metadata") {
        None | Some(Value::Null) => body["metadata"] = json!({}),
        Some(Value::Object(_)) => {}
        Some(_) => return Err(ApiError::bad_request("metadata is not an object")),
    }
    if resource.namespaced {
        fill_or_compare(&mut body["metadata"], "namespace", &target.namespace, |found| {
            format!(
                "the namespace of the provided object does not match the namespace sent on the request ({found} is not {})",
                target.namespace
            )
        })?;
    } else if let Some(metadata) = body["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    if !target.name.is_empty() {
        fill_or_compare(&mut body["metadata"], "name", &target.name, |found| {
            format!("the name of the object ({found}) does not match the name on the URL ({})", target.name)
        })?;
    }
    Ok(())
}

fn fill_or_compare(
    map: &mut Value,
    key: &str,
    expected: &str,
    refuse: impl Fn(&str) -> String,
) -> Result<(), ApiError> {
    match map.get(key).and_then(Value::as_str) {
        Some(found) if found == expected => Ok(()),
        None | Some("") => {
            map[key] = expected.into();
            Ok(())
        }
        Some(found) => Err(ApiError::bad_request(refuse(found))),
    }
}

/// Removes unknown fields. Depending on `validation` they are refused or become warnings.
pub(super) fn prune(
    target: &Target,
    object: &mut Value,
    validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    let unknown = target.served()?.schema.prune(object);
    let sentences = unknown.iter().map(|path| format!("unknown field \"{path}\""));
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(sentences.collect()),
        FieldValidation::Strict if unknown.is_empty() => Ok(Vec::new()),
        FieldValidation::Strict => {
            let kind = &target.resource.kind;
            let all: Vec<String> = sentences.collect();
            Err(ApiError::bad_request(format!(
                "{kind} in version \"{}\" cannot be handled as a {kind}: strict decoding error: {}",
                target.version,
                all.join(", ")
            )))
        }
    }
}

/// Checks a complete object, in the shape of the target's version, before it is kept.
pub(super) fn validate(target: &Target, object: &Value) -> Result<(), ApiError> {
    let resource = &target.resource;
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let mut causes = Vec::new();
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else {
        let fault = if resource.role == Role::Namespace { label_fault(name) } else { subdomain_fault(name) };
        if let Some(fault) = fault {
            causes.push(Cause::invalid("metadata.name", &Value::from(name), fault));
        }
    }
    causes.extend(metadata_faults(&object["metadata"]));
    causes.extend(owner_faults(object));
    let found = target.served()?.schema.validate(object);
    if let Some(fault) = found.iter().find(|c| !resource.is_custom() && c.reason == "FieldValueTypeInvalid") {
        let kind = &resource.kind;
        return Err(ApiError::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: json: cannot unmarshal field {}: {}",
            target.version, fault.field, fault.message
        )));
    }
    causes.extend(found.into_iter().filter(|cause| !causes.contains(cause)).collect::<Vec<_>>());
    if resource.role == Role::Definition {
        causes.extend(definition_faults(object));
    }
    if !causes.is_empty() {
        return Err(ApiError::invalid(resource, name, &causes));
    }
    Ok(())
}

/// Drops what says nothing: nulls and empty lists and maps, as `omitempty` does.
pub(super) fn tidy(metadata: &mut Value) {
    let says_something = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    if let Some(map) = metadata.as_object_mut() {
        map.retain(|_, value| says_something(value));
    }
}

/// Refuses what would not fit into etcd.
pub(super) fn check_size(object: &Value) -> Result<(), ApiError> {
    let size = serde_json::to_vec(object).map_or(usize::MAX, |bytes| bytes.len());
    if size > OBJECT_BYTES {
        let message = format!("Request entity too large: limit is {OBJECT_BYTES}");
        return Err(ApiError::new(413, "RequestEntityTooLarge", message));
    }
    Ok(())
}

fn owner_faults(object: &Value) -> Vec<Cause> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owners = owners.map(Vec::as_slice).unwrap_or_default();
    let mut causes = Vec::new();
    for (index, owner) in owners.iter().enumerate() {
        for key in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(key).and_then(Value::as_str) == Some("") {
                let field = format!("metadata.ownerReferences[{index}].{key}");
                causes.push(Cause::invalid(field, &Value::from(""), "must not be empty"));
            }
        }
    }
    if owners.iter().filter(|owner| owner["controller"] == true).count() > 1 {
        let detail = "Only one reference can have Controller set to true";
        causes.push(Cause::invalid("metadata.ownerReferences", &Value::Array(owners.to_vec()), detail));
    }
    causes
}
