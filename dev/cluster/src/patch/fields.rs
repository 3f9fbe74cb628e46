//! Sets of fields in the format of `managedFields[].fieldsV1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Bound;

use serde_json::{Map, Value};

use crate::schema::{ListKind, Schema};

/// A path of encoded segments: `f:spec`, `k:{"name":"x"}`, `v:"x"`.
pub(super) type FieldPath = Vec<String>;

/// The fields that a manager owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(pub(super) BTreeSet<FieldPath>);

/// The leaves of an object with their values, and the elements of its keyed lists without a value.
pub(super) type Leaves<'a> = BTreeMap<FieldPath, Option<&'a Value>>;

/// Fields of `metadata` that no manager owns.
const UNOWNED: &[&str] = &[
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "selfLink",
];

/// The ownable leaves of an object.
pub(super) fn leaves<'a>(object: &'a Value, schema: &Schema) -> Leaves<'a> {
    let mut found = Leaves::new();
    let Some(map) = object.as_object() else { return found };
    for (name, value) in map {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                let meta = schema.member("metadata");
                for (name, value) in value.as_object().into_iter().flatten() {
                    if !UNOWNED.contains(&name.as_str()) {
                        let path = vec!["f:metadata".to_owned(), format!("f:{name}")];
                        collect(value, meta.and_then(|s| s.member(name)), path, &mut found);
                    }
                }
            }
            _ => collect(value, schema.member(name), vec![format!("f:{name}")], &mut found),
        }
    }
    found
}

fn collect<'a>(value: &'a Value, schema: Option<&Schema>, path: FieldPath, found: &mut Leaves<'a>) {
    match value {
        Value::Object(map) if !map.is_empty() && !schema.is_some_and(|s| s.atomic_map) => {
            for (name, member) in map {
                let child = extend(&path, format!("f:{name}"));
                collect(member, schema.and_then(|s| s.member(name)), child, found);
            }
        }
        Value::Array(list) => {
            let kind = schema.map_or(&ListKind::Atomic, |s| &s.list);
            if *kind == ListKind::Atomic || list.is_empty() {
                found.insert(path, Some(value));
                return;
            }
            for element in list {
                let child = extend(&path, element_segment(element, kind));
                if matches!(kind, ListKind::Map(_)) {
                    found.insert(child.clone(), None);
                    collect(element, schema.and_then(Schema::element), child, found);
                } else {
                    found.insert(child, Some(element));
                }
            }
        }
        leaf => {
            found.insert(path, Some(leaf));
        }
    }
}

fn extend(path: &FieldPath, segment: String) -> FieldPath {
    let mut longer = path.clone();
    longer.push(segment);
    longer
}

/// The segment that names an element of a keyed list or a set.
pub(super) fn element_segment(element: &Value, kind: &ListKind) -> String {
    match kind {
        ListKind::Map(keys) => {
            // serde_json sorts the keys of maps, as the real server does in this place.
            let key: Map<String, Value> =
                keys.iter().filter_map(|k| Some((k.clone(), element.get(k)?.clone()))).collect();
            format!("k:{}", Value::Object(key))
        }
        _ => format!("v:{element}"),
    }
}

impl FieldSet {
    pub(super) fn of_leaves(leaves: &Leaves<'_>) -> Self {
        Self(leaves.keys().cloned().collect())
    }

    /// Parses `fieldsV1`.
    pub(super) fn parse(fields: &Value) -> Self {
        let mut set = BTreeSet::new();
        parse_below(fields, &mut Vec::new(), &mut set);
        Self(set)
    }

    /// The set as `fieldsV1`.
    pub(super) fn to_value(&self) -> Value {
        let mut root = Value::Object(Map::new());
        for path in &self.0 {
            let mut at = &mut root;
            for segment in path {
                at = &mut at[segment.as_str()];
                if at.is_null() {
                    *at = Value::Object(Map::new());
                }
            }
            let is_element = path.last().is_some_and(|s| s.starts_with("k:"));
            if is_element {
                at["."] = Value::Object(Map::new());
            }
        }
        root
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the set contains `path` or a field below it.
    pub(super) fn touches(&self, path: &[String]) -> bool {
        let next = self.0.range::<[String], _>((Bound::Included(path), Bound::Unbounded)).next();
        next.is_some_and(|found| found.starts_with(path))
    }
}

fn parse_below(node: &Value, path: &mut FieldPath, set: &mut BTreeSet<FieldPath>) {
    let Some(map) = node.as_object() else { return };
    if (map.is_empty() || map.contains_key(".")) && !path.is_empty() {
        set.insert(path.clone());
    }
    for (segment, child) in map.iter().filter(|(segment, _)| *segment != ".") {
        path.push(segment.clone());
        parse_below(child, path, set);
        path.pop();
    }
}

/// The path in the notation of conflict messages: `.spec.ports[port=80].name`.
pub(super) fn readable(path: &[String]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment.split_once(':') {
            Some(("f", name)) => {
                text.push('.');
                text.push_str(name);
            }
            Some(("k", keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let pairs: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                let _ = write!(text, "[{}]", pairs.join(","));
            }
            Some(("v", value)) => drop(write!(text, "[={value}]")),
            _ => text.push_str(segment),
        }
    }
    text
}
