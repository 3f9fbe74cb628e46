//! TEMPORARY until cel::set_overlay exists.
use serde_json::{Map, Value};
pub(super) fn set_overlay(
    extensions: &mut Map<String, Value>,
    key: &str,
    value: Value,
) -> Result<(), String> {
    if key.is_empty() {
        return Err("path cannot be empty".to_owned());
    }
    match key.split_once('.') {
        None => {
            extensions.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = extensions.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                set_overlay(inner, rest, value)?;
            }
        }
    }
    Ok(())
}
