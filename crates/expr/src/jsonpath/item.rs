use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};
use trigger_core::canonical_header_name;

use super::error::EvaluateError;
use crate::go_json::{JsonText, JsonTextError};
use crate::{EventInput, Headers};

/// A value on the way of a path. The event itself, its headers and its context are no JSON.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// The event: `header`, `body`, `extensions` and `context`.
    Event(&'a EventInput<'a>),
    /// `context`: `eventID`.
    Context(&'a EventInput<'a>),
    /// `header`: each with its values, joined by commas.
    Headers(&'a Headers),
    /// The values of a header.
    Header(&'a [String]),
    /// An object, such as `extensions`.
    Object(&'a Map<String, Value>),
    /// A value that is no object and no string.
    Json(&'a Value),
    /// A string.
    Text(&'a str),
    /// A byte of a string.
    Byte(u8),
    /// An integer of the path.
    Int(i64),
    /// A number of the path.
    Float(f64),
    /// A boolean of the path.
    Bool(bool),
}

/// A value that can be compared.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Float(f64),
    Int(i64),
    Byte(u8),
    Bool(bool),
}

impl<'a> From<&'a Value> for Item<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Object(fields) => Self::Object(fields),
            Value::String(text) => Self::Text(text),
            other => Self::Json(other),
        }
    }
}

impl<'a> Item<'a> {
    /// Whether it is null, which has neither fields nor elements.
    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Json(Value::Null))
    }

    /// The value of a key. The names of the event's own fields have Go's spelling too, as Tekton has them in a struct.
    pub(super) fn field(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Event(event), "header" | "Header") => Some(Self::Headers(event.header)),
            (Self::Event(event), "body" | "Body") => Some(Self::from(event.body)),
            (Self::Event(event), "extensions" | "Extensions") => Some(Self::Object(event.extensions)),
            (Self::Event(event), "context" | "Context") => Some(Self::Context(event)),
            (Self::Context(event), "eventID" | "EventID") => Some(Self::Text(event.event_id)),
            // Another spelling is another key.
            (Self::Headers(headers), _) if canonical_header_name(key) == key => {
                headers.get(key).map(Self::Header)
            }
            (Self::Object(fields), _) => fields.get(key).map(Self::from),
            _ => None,
        }
    }

    /// The elements of a list.
    pub(super) fn elements(self) -> Option<&'a [Value]> {
        match self {
            Self::Json(Value::Array(elements)) => Some(elements),
            _ => None,
        }
    }

    /// Gives `visit` each value in it, in the order of the keys: of a string, its bytes.
    pub(super) fn for_each_child<E>(self, mut visit: impl FnMut(Self) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Event(event) => {
                visit(Self::Headers(event.header))?;
                visit(Self::from(event.body))?;
                visit(Self::Object(event.extensions))?;
                visit(Self::Context(event))
            }
            Self::Context(event) => visit(Self::Text(event.event_id)),
            Self::Headers(headers) => headers.iter().try_for_each(|(_, values)| visit(Self::Header(values))),
            Self::Object(fields) => fields.values().try_for_each(|value| visit(Self::from(value))),
            Self::Json(Value::Array(elements)) => {
                elements.iter().try_for_each(|element| visit(Self::from(element)))
            }
            Self::Text(_) | Self::Header(_) => {
                let text = self.text().unwrap_or_default();
                text.bytes().try_for_each(|byte| visit(Self::Byte(byte)))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has values in it.
    pub(super) fn has_children(self) -> bool {
        self.for_each_child(|_| Err(())).is_err()
    }

    /// Its text, if it is a string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Header([only]) => Some(Cow::Borrowed(only)),
            Self::Header(values) => Some(Cow::Owned(values.join(","))),
            _ => None,
        }
    }

    /// Its type, as Go names it.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Event(_) => "template.event",
            Self::Context(_) => "template.TriggerContext",
            Self::Headers(_) => "map[string]string",
            Self::Object(_) | Self::Json(Value::Object(_)) => "map[string]interface {}",
            Self::Json(Value::Array(_)) => "[]interface {}",
            Self::Json(Value::Null) => "<nil>",
            Self::Json(Value::Number(_)) | Self::Float(_) => "float64",
            Self::Json(Value::Bool(_)) | Self::Bool(_) => "bool",
            Self::Header(_) | Self::Text(_) | Self::Json(Value::String(_)) => "string",
            Self::Byte(_) => "uint8",
            Self::Int(_) => "int",
        }
    }

    fn scalar(self) -> Option<Scalar<'a>> {
        match self {
            Self::Json(Value::Number(number)) => number.as_f64().map(Scalar::Float),
            Self::Json(Value::Bool(value)) => Some(Scalar::Bool(*value)),
            Self::Byte(byte) => Some(Scalar::Byte(byte)),
            Self::Int(number) => Some(Scalar::Int(number)),
            Self::Float(number) => Some(Scalar::Float(number)),
            Self::Bool(value) => Some(Scalar::Bool(value)),
            other => other.text().map(Scalar::Text),
        }
    }

    /// Whether two values are equal. Only scalars of one type can be.
    pub(super) fn equals(self, other: Self) -> Result<bool, EvaluateError> {
        let (left, right) = scalars(self, other)?;
        Ok(match (left, right) {
            (Scalar::Bool(left), Scalar::Bool(right)) => left == right,
            (left, right) => compare(&left, &right)?.is_eq(),
        })
    }

    /// The order of two values. Only numbers and strings have one.
    pub(super) fn order(self, other: Self) -> Result<Ordering, EvaluateError> {
        let (left, right) = scalars(self, other)?;
        compare(&left, &right)
    }

    /// Writes it as JSON.
    pub(super) fn write(self, out: &mut JsonText) -> Result<(), JsonTextError> {
        match self {
            Self::Event(event) => {
                let fields = [
                    ("header", Self::Headers(event.header)),
                    ("body", Self::from(event.body)),
                    ("extensions", Self::Object(event.extensions)),
                    ("context", Self::Context(event)),
                ];
                out.fields(fields.into_iter(), |out, item| item.write(out))
            }
            Self::Context(event) => out.fields([("eventID", event.event_id)].into_iter(), JsonText::string),
            Self::Headers(headers) => {
                out.fields(headers.iter(), |out, values| Self::Header(values).write(out))
            }
            Self::Object(fields) => out.object(fields.iter().map(|(key, value)| (key.as_str(), value))),
            Self::Json(value) => out.value(value),
            Self::Byte(byte) => out.raw(&byte.to_string()),
            Self::Int(number) => out.raw(&number.to_string()),
            Self::Float(number) => out.float(number),
            Self::Bool(value) => out.raw(if value { "true" } else { "false" }),
            Self::Text(_) | Self::Header(_) => out.string(&self.text().unwrap_or_default()),
        }
    }
}

fn scalars<'a>(left: Item<'a>, right: Item<'a>) -> Result<(Scalar<'a>, Scalar<'a>), EvaluateError> {
    let left = left.scalar().ok_or(EvaluateError::ComparisonType)?;
    let right = right.scalar().ok_or(EvaluateError::ComparisonType)?;
    Ok((left, right))
}

fn compare(left: &Scalar<'_>, right: &Scalar<'_>) -> Result<Ordering, EvaluateError> {
    match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => Ok(left.as_bytes().cmp(right.as_bytes())),
        // Neither JSON nor a path has a number without an order.
        (Scalar::Float(left), Scalar::Float(right)) => {
            left.partial_cmp(right).ok_or(EvaluateError::ComparisonType)
        }
        (Scalar::Int(left), Scalar::Int(right)) => Ok(left.cmp(right)),
        (Scalar::Byte(left), Scalar::Byte(right)) => Ok(left.cmp(right)),
        (Scalar::Byte(left), Scalar::Int(right)) => Ok(i64::from(*left).cmp(right)),
        (Scalar::Int(left), Scalar::Byte(right)) => Ok(left.cmp(&i64::from(*right))),
        (Scalar::Bool(_), Scalar::Bool(_)) => Err(EvaluateError::ComparisonType),
        _ => Err(EvaluateError::IncompatibleTypes),
    }
}
