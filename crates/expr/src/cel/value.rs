//! The values of an evaluation. What stands in the event is borrowed, and looked at only where an expression asks.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use trigger_core::canonical_header_name;

use crate::Headers;

/// A value of CEL. Clones are cheap.
#[derive(Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// Every number of JSON is one.
    Double(f64),
    String(Text<'a>),
    Bytes(Arc<[u8]>),
    List(List<'a>),
    Map(Map<'a>),
    Timestamp(Timestamp),
    Duration(SignedDuration),
    Type(&'static str),
}

/// Text of the event or of the program, or text that the evaluation made.
#[derive(Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Arc<str>),
}

/// A list of the event, or one that the evaluation made.
#[derive(Clone)]
pub(super) enum List<'a> {
    Json(&'a [Json]),
    Strings(&'a [String]),
    Made(Arc<[Value<'a>]>),
}

/// An object of the event, its headers, or a map that the evaluation made.
#[derive(Clone)]
pub(super) enum Map<'a> {
    Json(&'a serde_json::Map<String, Json>),
    Headers(&'a Headers),
    Made(Arc<BTreeMap<Key<'a>, Value<'a>>>),
}

/// A key of a map. Signed and unsigned integers of equal value are the same key.
#[derive(Clone)]
pub(super) enum Key<'a> {
    Bool(bool),
    Number { value: i128, unsigned: bool },
    String(Text<'a>),
}

impl<'a> Value<'a> {
    /// The view of a value of the event.
    pub(super) fn of_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::String(Text::Borrowed(text)),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(fields) => Self::Map(Map::Json(fields)),
        }
    }

    /// A string that the evaluation made.
    pub(super) fn made(text: impl Into<Arc<str>>) -> Self {
        Self::String(Text::Made(text.into()))
    }

    /// A list that the evaluation made.
    pub(super) fn list(items: Vec<Value<'a>>) -> Self {
        Self::List(List::Made(items.into()))
    }

    /// The name of the value's type, as `type()` and error texts have it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Strings(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Value::of_json),
            Self::Strings(items) => items.get(index).map(|text| Value::String(Text::Borrowed(text))),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(fields) => fields.len(),
            Self::Headers(headers) => headers.iter().count(),
            Self::Made(entries) => entries.len(),
        }
    }

    /// The value under a name. Names of headers are exact here: only their canonical spelling exists.
    pub(super) fn field(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Json(fields) => fields.get(name).map(Value::of_json),
            Self::Headers(headers) => {
                let exact = canonical_header_name(name) == name;
                let values = exact.then(|| headers.get(name)).flatten()?;
                Some(Value::List(List::Strings(values)))
            }
            Self::Made(entries) => entries.get(&Key::String(Text::Borrowed(name))).cloned(),
        }
    }

    pub(super) fn get(&self, key: &Value<'a>) -> Option<Value<'a>> {
        match (self, key) {
            (_, Value::String(name)) => self.field(name),
            (Self::Made(entries), key) => entries.get(&Key::of(key)?).cloned(),
            (Self::Json(_) | Self::Headers(_), _) => None,
        }
    }

    /// The entries in the order of their keys.
    pub(super) fn entries(&self) -> Box<dyn Iterator<Item = (Value<'a>, Value<'a>)> + '_> {
        let text = |name: &'a str| Value::String(Text::Borrowed(name));
        match self {
            Self::Json(fields) => {
                Box::new(fields.iter().map(move |(name, value)| (text(name), Value::of_json(value))))
            }
            Self::Headers(headers) => {
                let list = |values: &'a [String]| Value::List(List::Strings(values));
                Box::new(headers.iter().map(move |(name, values)| (text(name), list(values))))
            }
            Self::Made(entries) => {
                Box::new(entries.iter().map(|(key, value)| (key.to_value(), value.clone())))
            }
        }
    }

    /// The keys in their order.
    pub(super) fn keys(&self) -> Vec<Value<'a>> {
        let text = |name: &'a str| Value::String(Text::Borrowed(name));
        match self {
            Self::Json(fields) => fields.keys().map(|name| text(name)).collect(),
            Self::Headers(headers) => headers.iter().map(|(name, _)| text(name)).collect(),
            Self::Made(entries) => entries.keys().map(Key::to_value).collect(),
        }
    }
}

impl<'a> Key<'a> {
    /// The key that a value is; `None` for a value that cannot be one. A double is the key of the integer that it equals.
    pub(super) fn of(value: &Value<'a>) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Int(value) => Some(Self::Number { value: i128::from(*value), unsigned: false }),
            Value::Uint(value) => Some(Self::Number { value: i128::from(*value), unsigned: true }),
            #[expect(clippy::cast_possible_truncation, reason = "the value is integral and within 64 bits")]
            Value::Double(value) if value.fract() == 0.0 && value.abs() < 1.8e19 => {
                Some(Self::Number { value: *value as i128, unsigned: false })
            }
            Value::String(text) => Some(Self::String(text.clone())),
            _ => None,
        }
    }

    pub(super) fn to_value(&self) -> Value<'a> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Number { value, unsigned: true } => Value::Uint(u64::try_from(*value).unwrap_or(u64::MAX)),
            Self::Number { value, unsigned: false } => Value::Int(i64::try_from(*value).unwrap_or(i64::MAX)),
            Self::String(text) => Value::String(text.clone()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number { .. } => 1,
            Self::String(_) => 2,
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Number { value: left, .. }, Self::Number { value: right, .. }) => left.cmp(right),
            (Self::String(left), Self::String(right)) => (**left).cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}
