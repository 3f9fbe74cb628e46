//! Removing unknown fields and setting defaults.

use serde_json::{Map, Value};

use super::{Additional, Kind, Schema};

impl Schema {
    /// Removes unknown fields. Returns their paths, for `fieldValidation`.
    pub(crate) fn prune(&self, value: &mut Value) -> Vec<String> {
        let mut removed = Vec::new();
        self.prune_at(value, "", &mut removed);
        removed
    }

    fn prune_at(&self, value: &mut Value, path: &str, removed: &mut Vec<String>) {
        match value {
            Value::Object(map) => self.prune_map(map, path, removed),
            Value::Array(list) => {
                let Some(items) = &self.items else { return };
                for (index, element) in list.iter_mut().enumerate() {
                    items.prune_at(element, &format!("{path}[{index}]"), removed);
                }
            }
            _ => {}
        }
    }

    fn prune_map(&self, map: &mut Map<String, Value>, path: &str, removed: &mut Vec<String>) {
        let open = self.preserve_unknown || matches!(self.additional, Additional::Anything);
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        map.retain(|key, value| {
            if let Some(schema) = self.member(key) {
                schema.prune_at(value, &below(key), removed);
                return true;
            }
            let known = open || (self.embedded && matches!(key.as_str(), "apiVersion" | "kind" | "metadata"));
            if !known {
                removed.push(below(key));
            }
            known
        });
    }

    /// Sets defaults, and removes nulls from fields that are not nullable.
    pub(crate) fn fill_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, member| {
                    !member.is_null() || self.member(key).is_none_or(|s| s.nullable || s.kind == Kind::Any)
                });
                for (name, schema) in &self.properties {
                    if let (false, Some(default)) = (map.contains_key(name), &schema.default) {
                        map.insert(name.clone(), default.clone());
                    }
                }
                for (name, member) in map.iter_mut() {
                    if let Some(schema) = self.member(name) {
                        schema.fill_defaults(member);
                    }
                }
            }
            Value::Array(list) => {
                let Some(items) = &self.items else { return };
                for element in list.iter_mut() {
                    items.fill_defaults(element);
                }
            }
            _ => {}
        }
    }
}
