//! Admission of incoming objects: identity, schema, names and size.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{FieldValidation, OBJECT_BYTES, Target};
use crate::names::{label_error, metadata_causes, subdomain_error};
use crate::resources::{Strategy, builtin_causes, definition_causes, meta_schema, new_event_causes};
use crate::schema::Schema;
use crate::status::{ApiError, Cause};

/// Checks that `body` is an object of the target's kind, namespace and name. Fills in what it lacks of them.
pub(super) fn check_identity(target: &Target, body: &mut Value) -> Result<(), ApiError> {
    let resource = &target.resource;
    if !body.is_object() {
        return Err(ApiError::bad_request("the body is not an object"));
    }
    if resource.is_custom() {
        require_type_meta(target, body)?;
    }
    let expected = target.api_version();
    fill_or_compare(body, "apiVersion", &expected, |found| {
        format!("the API version in the data ({found}) does not match the expected API version ({expected})")
    })?;
    fill_or_compare(body, "kind", &resource.name.kind, |found| {
        format!(
            "{} in version \"{}\" cannot be handled as a {}: the kind in the data is {found}",
            found, target.version, resource.name.kind
        )
    })?;
    match body.get("metadata") {
        None | Some(Value::Null) => body["metadata"] = json!({}),
        Some(metadata @ Value::Object(_)) => {
            if let Some(cause) = metadata_type_cause(metadata) {
                let detail = format!("metadata.{}: {}", cause.field, cause.message);
                return Err(ApiError::undecodable(&resource.name, &target.version, &detail));
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

/// A custom object must name its kind and version: the server has no Go type to fill them in.
fn require_type_meta(target: &Target, body: &Value) -> Result<(), ApiError> {
    let named = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(kind) = named("kind") else {
        let detail = format!("unmarshalerDecoder: Object 'Kind' is missing in '{body}'");
        return Err(ApiError::undecodable(&target.resource.name, &target.version, &detail));
    };
    let (expected, version) = (&target.resource.name.kind, target.api_version());
    let Some(named_version) = named("apiVersion") else {
        let message =
            format!("the API version in the data () does not match the expected API version ({version})");
        return Err(ApiError::bad_request(message));
    };
    // The next check refuses another version.
    if kind == expected || named_version != version {
        return Ok(());
    }
    let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let cause = Cause::invalid("kind", &kind.into(), &format!("must be {expected}"));
    Err(ApiError::invalid(&target.resource.name, name, &[cause]))
}

fn fill_or_compare(
    map: &mut Value,
    key: &str,
    expected: &str,
    mismatch: impl Fn(&str) -> String,
) -> Result<(), ApiError> {
    match map.get(key).and_then(Value::as_str) {
        Some(found) if found == expected => Ok(()),
        None | Some("") => {
            map[key] = expected.into();
            Ok(())
        }
        Some(found) => Err(ApiError::bad_request(mismatch(found))),
    }
}

/// Removes unknown fields. Depending on `validation` they become an error or warnings.
pub(super) fn prune(
    target: &Target,
    object: &mut Value,
    validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    let unknown = target.served()?.schema.prune(object);
    let messages = unknown.iter().map(|path| format!("unknown field \"{path}\""));
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(messages.collect()),
        FieldValidation::Strict if unknown.is_empty() => Ok(Vec::new()),
        FieldValidation::Strict => {
            let all: Vec<String> = messages.collect();
            let detail = format!("strict decoding error: {}", all.join(", "));
            Err(ApiError::undecodable(&target.resource.name, &target.version, &detail))
        }
    }
}

/// Checks a complete object at the target's version before it is stored.
pub(super) fn validate(target: &Target, object: &Value) -> Result<(), ApiError> {
    let resource = &target.resource;
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let mut causes = name_causes(resource.strategy, &object["metadata"]);
    causes.extend(metadata_causes(&object["metadata"]));
    causes.extend(owner_causes(object));
    let found = target.served()?.schema.validate(object);
    if let Some(cause) = found.iter().find(|c| !resource.is_custom() && c.reason == "FieldValueTypeInvalid") {
        let detail = format!("json: cannot unmarshal field {}: {}", cause.field, cause.message);
        return Err(ApiError::undecodable(&resource.name, &target.version, &detail));
    }
    causes.extend(found.into_iter().filter(|cause| !causes.contains(cause)).collect::<Vec<_>>());
    causes.extend(builtin_causes(resource.strategy, object));
    if resource.strategy == Strategy::Definition {
        causes.extend(definition_causes(object));
    }
    if !causes.is_empty() {
        return Err(ApiError::invalid(&resource.name, name, &causes));
    }
    Ok(())
}

/// Checks that apply to new objects but not to changed ones.
pub(super) fn check_new(target: &Target, object: &Value) -> Result<(), ApiError> {
    let causes = new_event_causes(target.resource.strategy, object);
    if causes.is_empty() {
        return Ok(());
    }
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    Err(ApiError::invalid(&target.resource.name, name, &causes))
}

/// Errors in `name` and `generateName`.
fn name_causes(strategy: Strategy, metadata: &Value) -> Vec<Cause> {
    let check = if strategy == Strategy::Namespace { label_error } else { subdomain_error };
    let text = |key: &str| metadata[key].as_str().unwrap_or_default();
    let (name, prefix) = (text("name"), text("generateName"));
    let mut causes = Vec::new();
    // The prefix may end with a dash; the generated suffix follows it.
    if let Some(error) = Some(prefix.trim_end_matches('-')).filter(|p| !p.is_empty()).and_then(check) {
        causes.push(Cause::invalid("metadata.generateName", &Value::from(prefix), error));
    }
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(error) = check(name) {
        causes.push(Cause::invalid("metadata.name", &Value::from(name), error));
    }
    causes
}

/// The first field of `metadata` with a wrong type. Null is a value of every type.
fn metadata_type_cause(metadata: &Value) -> Option<Cause> {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::compile(&meta_schema()));
    let mut present = metadata.clone();
    drop_nulls(&mut present);
    SCHEMA.validate(&present).into_iter().find(|cause| cause.reason == "FieldValueTypeInvalid")
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

/// Removes nulls, empty lists and empty maps, as Go's `omitempty` does.
pub(super) fn drop_empty_fields(metadata: &mut Value) {
    let has_content = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    };
    if let Some(map) = metadata.as_object_mut() {
        map.retain(|_, value| has_content(value));
    }
}

/// Refuses objects beyond etcd's size limit.
pub(super) fn check_size(object: &Value) -> Result<(), ApiError> {
    let size = serde_json::to_vec(object).map_or(usize::MAX, |bytes| bytes.len());
    if size > OBJECT_BYTES {
        let message = format!("Request entity too large: limit is {OBJECT_BYTES}");
        return Err(ApiError::new(413, "RequestEntityTooLarge", message));
    }
    Ok(())
}

fn owner_causes(object: &Value) -> Vec<Cause> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owners = owners.map(Vec::as_slice).unwrap_or_default();
    let mut causes = Vec::new();
    let mut invalid = |key: &str, value: &str, detail: &str| {
        let field = format!("metadata.ownerReferences.{key}");
        causes.push(Cause::invalid(field, &Value::from(value), detail));
    };
    for owner in owners {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        let version = text("apiVersion");
        if version.split('/').count() > 2 || version.rsplit('/').next().is_none_or(str::is_empty) {
            invalid("apiVersion", version, "version must not be empty");
        }
        for key in ["kind", "name", "uid"].into_iter().filter(|key| text(key).is_empty()) {
            invalid(key, "", &format!("{key} must not be empty"));
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
