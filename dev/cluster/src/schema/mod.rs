//! Structural schemas: an `openAPIV3Schema`, compiled once, then used to prune, default and validate.
//!
//! Not evaluated: CEL rules (`x-kubernetes-validations`).

mod prune;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::status::Cause;

/// A compiled schema node.
#[expect(clippy::struct_excessive_bools, reason = "OpenAPI schemas are made of independent flags")]
#[derive(Debug, Default)]
pub(crate) struct Schema {
    kind: Kind,
    nullable: bool,
    properties: BTreeMap<String, Schema>,
    additional: Additional,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    allowed: Vec<Value>,
    length: (Option<u64>, Option<u64>),
    items_count: (Option<u64>, Option<u64>),
    properties_count: (Option<u64>, Option<u64>),
    range: (Option<f64>, Option<f64>),
    exclusive: (bool, bool),
    multiple_of: Option<f64>,
    unique_items: bool,
    pattern: Option<Regex>,
    format: String,
    default: Option<Value>,
    preserve_unknown: bool,
    embedded: bool,
    pub(crate) list: ListKind,
    pub(crate) atomic_map: bool,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Box<Schema>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

#[derive(Debug, Default)]
enum Additional {
    #[default]
    Unspecified,
    Anything,
    Of(Box<Schema>),
}

/// The merge strategy of a list in server-side apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListKind {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

impl Schema {
    /// A schema that accepts every value.
    pub(crate) fn anything() -> Self {
        Self { preserve_unknown: true, ..Self::default() }
    }

    /// Compiles an `openAPIV3Schema`. Unknown keywords are ignored.
    pub(crate) fn compile(source: &Value) -> Self {
        let number = |key: &str| source.get(key).and_then(Value::as_f64);
        let count = |key: &str| source.get(key).and_then(Value::as_u64);
        let flag = |key: &str| source.get(key) == Some(&Value::Bool(true));
        let text = |key: &str| source.get(key).and_then(Value::as_str);
        let several = |key: &str| -> Vec<Self> {
            source.get(key).and_then(Value::as_array).into_iter().flatten().map(Self::compile).collect()
        };
        let texts = |key: &str| -> Vec<String> {
            let list = source.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let properties = source.get("properties").and_then(Value::as_object).into_iter().flatten();
        Self {
            kind: Kind::of(source),
            nullable: flag("nullable"),
            properties: properties.map(|(name, schema)| (name.clone(), Self::compile(schema))).collect(),
            additional: match source.get("additionalProperties") {
                Some(schema @ Value::Object(_)) => Additional::Of(Box::new(Self::compile(schema))),
                Some(Value::Bool(true)) => Additional::Anything,
                _ => Additional::Unspecified,
            },
            items: source.get("items").map(|schema| Box::new(Self::compile(schema))),
            required: texts("required"),
            allowed: source.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            length: (count("minLength"), count("maxLength")),
            items_count: (count("minItems"), count("maxItems")),
            properties_count: (count("minProperties"), count("maxProperties")),
            range: (number("minimum"), number("maximum")),
            exclusive: (flag("exclusiveMinimum"), flag("exclusiveMaximum")),
            multiple_of: number("multipleOf"),
            unique_items: flag("uniqueItems"),
            pattern: text("pattern").and_then(|pattern| Regex::new(pattern).ok()),
            format: text("format").unwrap_or_default().to_owned(),
            default: source.get("default").cloned(),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            list: match text("x-kubernetes-list-type") {
                Some("set") => ListKind::Set,
                Some("map") => ListKind::Map(texts("x-kubernetes-list-map-keys")),
                _ => ListKind::Atomic,
            },
            atomic_map: text("x-kubernetes-map-type") == Some("atomic"),
            all_of: several("allOf"),
            any_of: several("anyOf"),
            one_of: several("oneOf"),
            not: source.get("not").map(|schema| Box::new(Self::compile(schema))),
        }
    }

    /// Errors for patterns in `source` that are no regular expressions.
    pub(crate) fn pattern_causes(source: &Value, path: &str) -> Vec<Cause> {
        let mut causes = Vec::new();
        if let Some(pattern) = source.get("pattern").and_then(Value::as_str)
            && let Err(error) = Regex::new(pattern)
        {
            let value = Value::from(pattern);
            causes.push(Cause::invalid(format!("{path}.pattern"), &value, &error.to_string()));
        }
        for (name, child) in source.get("properties").and_then(Value::as_object).into_iter().flatten() {
            causes.extend(Self::pattern_causes(child, &format!("{path}.properties[{name}]")));
        }
        for key in ["items", "additionalProperties"] {
            if let Some(child) = source.get(key) {
                causes.extend(Self::pattern_causes(child, &format!("{path}.{key}")));
            }
        }
        causes
    }

    /// The schema of a member of an object, if there is one.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(match &self.additional {
            Additional::Of(schema) => Some(schema),
            _ => None,
        })
    }

    /// The schema of the elements of a list.
    pub(crate) fn element(&self) -> Option<&Self> {
        self.items.as_deref()
    }
}

impl Kind {
    fn of(source: &Value) -> Self {
        if source.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
            return Self::IntOrString;
        }
        match source.get("type").and_then(Value::as_str) {
            Some("object") => Self::Object,
            Some("array") => Self::Array,
            Some("string") => Self::String,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            _ => Self::Any,
        }
    }
}
