//! Merging an applied configuration into an object, and removing fields from an object.

use serde_json::{Map, Value};

use super::fields::element_segment;
use crate::schema::{ListKind, Schema};

/// Merges `config` into `live`: maps by key, keyed lists by their keys, sets by value; other values are replaced.
pub(super) fn merge(live: &mut Value, config: &Value, schema: Option<&Schema>) {
    match config {
        Value::Object(fields) if !schema.is_some_and(|s| s.atomic_map) => {
            if !live.is_object() {
                *live = Value::Object(Map::new());
            }
            let Some(map) = live.as_object_mut() else { return };
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let member = schema.and_then(|s| s.member(name));
                merge(map.entry(name.clone()).or_insert(Value::Null), value, member);
            }
        }
        Value::Array(elements) => {
            let kind = schema.map_or(&ListKind::Atomic, |s| &s.list);
            let Some(list) = live.as_array_mut().filter(|_| *kind != ListKind::Atomic) else {
                *live = config.clone();
                return;
            };
            for element in elements {
                let segment = element_segment(element, kind);
                match list.iter_mut().find(|e| element_segment(e, kind) == segment) {
                    Some(existing) => merge(existing, element, schema.and_then(Schema::element)),
                    None => list.push(element.clone()),
                }
            }
        }
        leaf => *live = leaf.clone(),
    }
}

/// Removes the field at `path`, and parents that become empty, except fields of the root.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        drop_segment(object, first);
        return;
    }
    if let Some(child) = find_segment(object, first) {
        remove_below(child, rest);
    }
}

fn remove_below(at: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        drop_segment(at, first);
        return;
    }
    let Some(child) = find_segment(at, first) else { return };
    remove_below(child, rest);
    let is_empty = match child {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    if is_empty {
        drop_segment(at, first);
    }
}

fn find_segment<'a>(at: &'a mut Value, segment: &str) -> Option<&'a mut Value> {
    if let Some(name) = segment.strip_prefix("f:") {
        return at.get_mut(name);
    }
    at.as_array_mut()?.iter_mut().find(|element| is_element(element, segment))
}

fn drop_segment(at: &mut Value, segment: &str) {
    match at {
        Value::Object(map) => {
            map.remove(segment.strip_prefix("f:").unwrap_or(segment));
        }
        Value::Array(list) => list.retain(|element| !is_element(element, segment)),
        _ => {}
    }
}

fn is_element(element: &Value, segment: &str) -> bool {
    match segment.split_once(':') {
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            !keys.is_empty() && keys.iter().all(|(key, value)| element.get(key) == Some(value))
        }
        Some(("v", value)) => serde_json::from_str::<Value>(value).is_ok_and(|value| value == *element),
        _ => false,
    }
}
