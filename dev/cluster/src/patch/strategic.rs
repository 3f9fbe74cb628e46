//! Strategic merge patches, as far as the built-in kinds of this server need them.
//!
//! Maps merge; lists are replaced, except those with a merge key or a merge strategy below. The directives
//! `$patch`, `$deleteFromPrimitiveList` and `$retainKeys` work where kubectl sends them. `$setElementOrder` is
//! ignored: elements keep their order.

use serde_json::{Map, Value};

/// Merge keys of lists of objects, by field name. The built-in kinds of this server do not contradict each other.
const MERGE_KEYS: &[(&str, &str)] =
    &[("ownerReferences", "uid"), ("secrets", "name"), ("imagePullSecrets", "name"), ("conditions", "type")];

/// Lists of scalars that merge as sets.
const SETS: &[&str] = &["finalizers"];

/// Merges `patch` into `target`, the value of the field `field`.
pub(super) fn merge(target: &mut Value, patch: &Value, field: &str) {
    match patch {
        Value::Object(changes) => merge_map(target, changes),
        Value::Array(elements) => merge_list(target, elements, field),
        scalar => *target = scalar.clone(),
    }
}

fn merge_map(target: &mut Value, changes: &Map<String, Value>) {
    let replace = changes.get("$patch").is_some_and(|directive| directive == "replace");
    if replace || !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else { return };
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| kept.iter().any(|k| k == key));
    }
    for (key, change) in changes {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            let removed = change.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(elements) = map.get_mut(list).and_then(Value::as_array_mut) {
                elements.retain(|element| !removed.contains(element));
            }
        } else if key.starts_with('$') {
            // Other directives set the order of elements, or are handled above.
        } else if change.is_null() || change.get("$patch").is_some_and(|d| d == "delete") {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), change, key);
        }
    }
}

fn merge_list(target: &mut Value, elements: &[Value], field: &str) {
    let key = MERGE_KEYS.iter().find(|(list, _)| *list == field).map(|(_, key)| *key);
    let replace = elements.iter().any(|e| e.get("$patch").is_some_and(|d| d == "replace"));
    let set = SETS.contains(&field);
    let Some(list) = target.as_array_mut().filter(|_| !replace && (set || key.is_some())) else {
        let kept = elements.iter().filter(|e| e.get("$patch").is_none());
        *target = Value::Array(kept.cloned().collect());
        return;
    };
    for element in elements {
        let found = match key {
            Some(key) => list.iter().position(|e| e.get(key) == element.get(key)),
            None => list.iter().position(|e| e == element),
        };
        match found {
            Some(index) if element.get("$patch").is_some_and(|d| d == "delete") => {
                list.remove(index);
            }
            Some(index) => {
                if let Some(existing) = list.get_mut(index) {
                    merge(existing, element, "");
                }
            }
            None if element.get("$patch").is_some() => {}
            None => list.push(element.clone()),
        }
    }
}
