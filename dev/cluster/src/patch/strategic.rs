//! Strategic merge patches, as far as the built-in kinds served here need them.
//!
//! Maps merge; lists are replaced, except those with a known merge key or merge strategy below. The directives
//! `$patch`, `$deleteFromPrimitiveList`, `$setElementOrder` (ignored: order is kept as found) and `$retainKeys`
//! are understood where kubectl emits them.

use serde_json::{Map, Value};

/// Lists of objects that merge by a key, by field name: no two built-in kinds served here disagree about them.
const MERGE_KEYS: &[(&str, &str)] =
    &[("ownerReferences", "uid"), ("secrets", "name"), ("imagePullSecrets", "name"), ("conditions", "type")];

/// Lists of scalars that merge as sets.
const SETS: &[&str] = &["finalizers"];

/// Merges `patch` into `target`; `field` is the name under which `target` is found.
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
            let gone = change.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(elements) = map.get_mut(list).and_then(Value::as_array_mut) {
                elements.retain(|element| !gone.contains(element));
            }
        } else if key.starts_with('$') {
            // Remaining directives order elements or were handled above.
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
