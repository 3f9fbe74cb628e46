//! Validation of names, label keys and label values, with the messages of the real server.

use serde_json::Value;

use crate::status::Cause;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const DATA_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// Limit of all annotations of an object together; the real server's.
const ANNOTATIONS_BYTES: usize = 256 * 1024;

/// The error if `name` is no DNS-1123 subdomain.
pub(crate) fn subdomain_error(name: &str) -> Option<&'static str> {
    if name.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    (!name.split('.').all(is_label)).then_some(SUBDOMAIN)
}

/// The error if `name` is no DNS-1123 label, such as the name of a namespace.
pub fn label_error(name: &str) -> Option<&'static str> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    (!is_label(name)).then_some(LABEL)
}

fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner)
}

/// The error if `value` is no valid value of a label.
pub fn label_value_error(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        return Some("must be no more than 63 bytes");
    }
    (!value.is_empty() && !is_qualified_part(value)).then_some(LABEL_VALUE)
}

/// The error if `key` is no valid key of a label or an annotation.
pub(crate) fn key_error(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("prefix part must be non-empty");
        }
        if let Some(error) = subdomain_error(prefix) {
            return Some(error);
        }
    }
    match name {
        "" => Some("name part must be non-empty"),
        long if long.len() > 63 => Some("name part must be no more than 63 bytes"),
        other => (!is_qualified_part(other)).then_some(QUALIFIED),
    }
}

/// The error if `key` is no valid key of a Secret or a ConfigMap.
pub(crate) fn data_key_error(key: &str) -> Option<&'static str> {
    let is_valid = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    match key {
        long if long.len() > 253 => Some("must be no more than 253 characters"),
        "." => Some("must not be '.'"),
        ".." => Some("must not be '..'"),
        parent if parent.starts_with("..") => Some("must not start with '..'"),
        key => (key.is_empty() || !key.bytes().all(is_valid)).then_some(DATA_KEY),
    }
}

fn is_qualified_part(text: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    edge(text.bytes().next()) && edge(text.bytes().last()) && text.bytes().all(inner)
}

/// Errors in the labels, annotations and finalizers of `metadata`.
pub(crate) fn metadata_causes(metadata: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(labels) = metadata.get("labels").and_then(Value::as_object) {
        for (key, value) in labels {
            if let Some(error) = key_error(key) {
                causes.push(Cause::invalid("metadata.labels", &Value::from(key.as_str()), error));
            }
            if let Some(error) = label_value_error(value.as_str().unwrap_or_default()) {
                causes.push(Cause::invalid("metadata.labels", value, error));
            }
        }
    }
    if let Some(annotations) = metadata.get("annotations").and_then(Value::as_object) {
        let mut total = 0;
        for (key, value) in annotations {
            if let Some(error) = key_error(&key.to_ascii_lowercase()) {
                causes.push(Cause::invalid("metadata.annotations", &Value::from(key.as_str()), error));
            }
            total += key.len() + value.as_str().map_or(0, str::len);
        }
        if total > ANNOTATIONS_BYTES {
            causes.push(Cause::too_long("metadata.annotations", ANNOTATIONS_BYTES));
        }
    }
    for finalizer in metadata["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(error) = key_error(finalizer) {
            causes.push(Cause::invalid("metadata.finalizers", &Value::from(finalizer), error));
        }
    }
    causes
}
