//! What every object that comes in must pass: identity, schema, names, size.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{FieldValidation, OBJECT_BYTES, Target};
use crate::names::{label_fault, metadata_faults, subdomain_fault};
use crate::resources::{Role, builtin_faults, definition_faults, meta_schema, new_event_faults};
use crate::schema::Schema;
use crate::status::{ApiError, Cause};

/// Checks that `body` is an object of the target's kind and lies where the request says.
pub(super) fn identify(target: &Target, body: &mut Value) -> Result<(), ApiError> {
    let resource = &target.resource;
    if !body.is_object() {
        return Err(ApiError::bad_request("the body is not an object"));
    }
    if resource.is_custom() {
        must_be_named(target, body)?;
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
        Some(metadata @ Value::Object(_)) => {
            if let Some(fault) = metadata_type_fault(metadata) {
                let detail = format!("metadata.{}: {}", fault.field, fault.message);
                return Err(ApiError::undecodable(resource, &target.version, &detail));
            }
        }
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

/// Of a custom object the server knows nothing but what the object itself says: it must say its kind and version.
fn must_be_named(target: &Target, body: &Value) -> Result<(), ApiError> {
    let said = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(kind) = said("kind") else {
        let detail = format!("unmarshalerDecoder: Object 'Kind' is missing in '{body}'");
        return Err(ApiError::undecodable(&target.resource, &target.version, &detail));
    };
    let (expected, version) = (&target.resource.kind, target.api_version());
    let Some(said) = said("apiVersion") else {
        let message =
            format!("the API version in the data () does not match the expected API version ({version})");
        return Err(ApiError::bad_request(message));
    };
    // Another version is refused next.
    if kind == expected || said != version {
        return Ok(());
    }
    let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let cause = Cause::invalid("kind", &kind.into(), &format!("must be {expected}"));
    Err(ApiError::invalid(&target.resource, name, &[cause]))
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
            let all: Vec<String> = sentences.collect();
            let detail = format!("strict decoding error: {}", all.join(", "));
            Err(ApiError::undecodable(&target.resource, &target.version, &detail))
        }
    }
}

/// Checks a complete object, in the shape of the target's version, before it is kept.
pub(super) fn validate(target: &Target, object: &Value) -> Result<(), ApiError> {
    let resource = &target.resource;
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let mut causes = name_faults(resource.role, &object["metadata"]);
    causes.extend(metadata_faults(&object["metadata"]));
    causes.extend(owner_faults(object));
    let found = target.served()?.schema.validate(object);
    if let Some(fault) = found.iter().find(|c| !resource.is_custom() && c.reason == "FieldValueTypeInvalid") {
        let detail = format!("json: cannot unmarshal field {}: {}", fault.field, fault.message);
        return Err(ApiError::undecodable(resource, &target.version, &detail));
    }
    causes.extend(found.into_iter().filter(|cause| !causes.contains(cause)).collect::<Vec<_>>());
    causes.extend(builtin_faults(resource.role, object));
    if resource.role == Role::Definition {
        causes.extend(definition_faults(object));
    }
    if !causes.is_empty() {
        return Err(ApiError::invalid(resource, name, &causes));
    }
    Ok(())
}

/// Checks what is asked of objects that are created, and not of changed ones.
pub(super) fn check_new(target: &Target, object: &Value) -> Result<(), ApiError> {
    let causes = new_event_faults(target.resource.role, object);
    if causes.is_empty() {
        return Ok(());
    }
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    Err(ApiError::invalid(&target.resource, name, &causes))
}

/// What is wrong with the name, and with what it was made from.
fn name_faults(role: Role, metadata: &Value) -> Vec<Cause> {
    let fault = if role == Role::Namespace { label_fault } else { subdomain_fault };
    let text = |key: &str| metadata[key].as_str().unwrap_or_default();
    let (name, prefix) = (text("name"), text("generateName"));
    let mut causes = Vec::new();
    // What is generated follows a dash that the prefix may end with.
    if let Some(fault) = Some(prefix.trim_end_matches('-')).filter(|p| !p.is_empty()).and_then(fault) {
        causes.push(Cause::invalid("metadata.generateName", &Value::from(prefix), fault));
    }
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(fault) = fault(name) {
        causes.push(Cause::invalid("metadata.name", &Value::from(name), fault));
    }
    causes
}

/// The first field of some metadata that is not of its type. Nulls say nothing and are of every type.
fn metadata_type_fault(metadata: &Value) -> Option<Cause> {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::compile(&meta_schema()));
    let mut said = metadata.clone();
    drop_nulls(&mut said);
    SCHEMA.validate(&said).into_iter().find(|cause| cause.reason == "FieldValueTypeInvalid")
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
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
    let mut refuse = |key: &str, value: &str, detail: &str| {
        let field = format!("metadata.ownerReferences.{key}");
        causes.push(Cause::invalid(field, &Value::from(value), detail));
    };
    for owner in owners {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        let version = text("apiVersion");
        if version.split('/').count() > 2 || version.rsplit('/').next().is_none_or(str::is_empty) {
            refuse("apiVersion", version, "version must not be empty");
        }
        for key in ["kind", "name", "uid"].into_iter().filter(|key| text(key).is_empty()) {
            refuse(key, "", &format!("{key} must not be empty"));
        }
    }
    let has_event = owners.iter().any(|owner| owner["apiVersion"] == "v1" && owner["kind"] == "Event");
    if has_event {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        causes.push(Cause::invalid("metadata.ownerReferences", &Value::Array(owners.to_vec()), detail));
    }
    if owners.iter().filter(|owner| owner["controller"] == true).count() > 1 {
        let detail = "Only one reference can have Controller set to true";
        causes.push(Cause::invalid("metadata.ownerReferences", &Value::Array(owners.to_vec()), detail));
    }
    causes
}
