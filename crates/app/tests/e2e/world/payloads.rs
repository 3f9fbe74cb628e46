//! Changes to a payload that say the same for every provider: fields are found by what they hold.

use serde_json::Value;

/// Removes every field, at any depth, that holds this text.
pub fn remove_text(payload: &mut Value, text: &str) {
    match payload {
        Value::Object(fields) => {
            fields.retain(|_, value| value != text);
            fields.values_mut().for_each(|value| remove_text(value, text));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove_text(item, text)),
        _ => {}
    }
}

/// Replaces every text, at any depth, for which there is a replacement.
pub fn replace_texts(payload: &mut Value, replacement: &mut impl FnMut(&str) -> Option<Value>) {
    match payload {
        Value::Object(fields) => fields.values_mut().for_each(|value| replace_texts(value, replacement)),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_texts(item, replacement)),
        Value::String(text) => {
            if let Some(new) = replacement(text) {
                *payload = new;
            }
        }
        _ => {}
    }
}

/// The name of the field, not inside of another, that holds this text, or a text somewhere in it that begins so.
pub fn field_with(payload: &Value, beginning: &str) -> String {
    let holds = |value: &Value| match value {
        Value::String(text) => text.starts_with(beginning),
        Value::Object(fields) => {
            fields.values().any(|value| value.as_str().is_some_and(|text| text.starts_with(beginning)))
        }
        _ => false,
    };
    let mut fields = payload.as_object().unwrap().iter();
    fields.find(|(_, value)| holds(value)).unwrap_or_else(|| panic!("no {beginning} in {payload}")).0.clone()
}
