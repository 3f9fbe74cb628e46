//! The object of a resource template: the type and the name that it says, and what is added to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use trigger_core::{ObjectKey, ResourceRef};

use super::name::derived_name;
use crate::limits::LONGEST_IDENTITY;
use crate::resource_template_error::ResourceTemplateError;

/// The type and the name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) resource: ResourceRef,
    pub(super) version: String,
    /// Whether the template has the name, and not only the begin of it.
    pub(super) is_fixed: bool,
}

impl Identity {
    /// Reads them from a rendered object. An object without a namespace gets `namespace`. A name that is left to the API
    /// server follows from `identity`.
    pub(super) fn of(
        object: &Value,
        namespace: &str,
        identity: &[&[u8]],
    ) -> Result<Self, ResourceTemplateError> {
        let object = object.as_object().ok_or(ResourceTemplateError::NoObject)?;
        let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let is_form = !version.is_empty() && !version.contains('/') && !api_version.starts_with('/');
        if !is_form {
            return Err(ResourceTemplateError::ApiVersion);
        }
        let kind = object.get("kind").and_then(Value::as_str).filter(|kind| !kind.is_empty());
        let kind = kind.ok_or(ResourceTemplateError::Kind)?;
        let none = Map::new();
        let metadata = fields(object, "metadata", "metadata")?.unwrap_or(&none);
        let own_namespace = text(metadata, "namespace")?;
        let fixed = text(metadata, "name")?;
        let name = match (fixed, text(metadata, "generateName")?) {
            (Some(name), _) => name.to_owned(),
            (None, Some(base)) => derived_name(base, identity),
            (None, None) => return Err(ResourceTemplateError::NoName),
        };
        for (path, text) in [
            ("apiVersion", api_version),
            ("kind", kind),
            ("metadata.namespace", own_namespace.unwrap_or_default()),
            ("metadata.name", &name),
        ] {
            if text.len() > LONGEST_IDENTITY {
                return Err(ResourceTemplateError::TooLong(path));
            }
        }
        let key = ObjectKey::new(own_namespace.unwrap_or(namespace), name);
        let resource = ResourceRef::new(group, kind, key);
        Ok(Self { resource, version: version.to_owned(), is_fixed: fixed.is_some() })
    }
}

/// Gives an object its name, and these labels and annotations in place of those of the same keys.
pub(super) fn complete(
    object: &mut Value,
    name: &str,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Result<(), ResourceTemplateError> {
    let object = object.as_object_mut().ok_or(ResourceTemplateError::NoObject)?;
    let metadata = fields_mut(object, "metadata", "metadata")?;
    metadata.insert("name".to_owned(), name.into());
    let own = fields_mut(metadata, "labels", "metadata.labels")?;
    if let Some((key, _)) = own.iter().find(|(_, value)| !value.is_string()) {
        return Err(ResourceTemplateError::Text(format!("metadata.labels[{key:?}]")));
    }
    own.extend(labels.iter().map(|(key, value)| (key.clone(), value.clone().into())));
    let own = fields_mut(metadata, "annotations", "metadata.annotations")?;
    own.extend(annotations.iter().map(|(key, value)| (key.clone(), value.clone().into())));
    Ok(())
}

/// A field that is an object; `None` if it is absent or null.
fn fields<'a>(
    object: &'a Map<String, Value>,
    key: &str,
    path: &'static str,
) -> Result<Option<&'a Map<String, Value>>, ResourceTemplateError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(ResourceTemplateError::Object(path)),
    }
}

/// A field that is an object, which is made if it is absent or null.
fn fields_mut<'a>(
    object: &'a mut Map<String, Value>,
    key: &str,
    path: &'static str,
) -> Result<&'a mut Map<String, Value>, ResourceTemplateError> {
    let field = object.entry(key).or_insert(Value::Null);
    if field.is_null() {
        *field = Value::Object(Map::new());
    }
    field.as_object_mut().ok_or(ResourceTemplateError::Object(path))
}

/// A field of the metadata that is text; `None` if it is absent, null or empty.
fn text<'a>(metadata: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, ResourceTemplateError> {
    match metadata.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(ResourceTemplateError::Text(format!("metadata.{key}"))),
    }
}
