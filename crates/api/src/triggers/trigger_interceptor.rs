use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{Decode, DecodeError, Decoder};
use super::{Kind, core_interceptors};
use crate::limits::{LARGEST_INTERCEPTOR_PARAMS, MOST_HEADERS, MOST_INTERCEPTOR_PARAMS};

/// An interceptor of a trigger or a group: a reference with params, or a webhook, which counts before a reference.
///
/// An entry with neither is possible: it lets nothing pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerInterceptor {
    /// Its name in this chain, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The interceptor. Its name is not empty.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<InterceptorRef>,
    /// What it is told, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<InterceptorParam>,
    /// A webhook of the old kind, which replaces body and headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookInterceptor>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for TriggerInterceptor {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        if value.is_null() {
            decoder.note_null();
        }
        let mut fields = decoder.fields(value)?;
        let reference: InterceptorRef = fields.object(decoder, "ref")?;
        fields.check_size(decoder, "params", LARGEST_INTERCEPTOR_PARAMS)?;
        let mut interceptor = Self {
            name: fields.optional_text(decoder, "name")?,
            reference: Some(reference).filter(|reference| !reference.name.is_empty()),
            params: fields.list(decoder, "params", MOST_INTERCEPTOR_PARAMS)?,
            webhook: fields.optional_object(decoder, "webhook")?,
            other: Map::new(),
        };
        let has_reference = interceptor.reference.is_some();
        if let Some((reference, params)) =
            core_interceptors::take_legacy(&mut fields, decoder, has_reference)?
        {
            interceptor.reference = Some(reference);
            interceptor.params = params;
        }
        interceptor.other = fields.other(decoder);
        Ok(interceptor)
    }
}

/// A reference to an interceptor.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterceptorRef {
    /// Its name.
    pub name: String,
    /// `ClusterInterceptor`, the default, or `NamespacedInterceptor`, which is an
    /// [`Interceptor`](super::Interceptor).
    pub kind: String,
    /// Its group and version, which count for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl InterceptorRef {
    /// The kind of a reference to an [`Interceptor`](super::Interceptor).
    pub const NAMESPACED: &str = "NamespacedInterceptor";

    /// A reference to a ClusterInterceptor.
    pub fn cluster(name: impl Into<String>) -> Self {
        let kind = Kind::ClusterInterceptor.name().to_owned();
        Self { name: name.into(), kind, api_version: None, other: Map::new() }
    }
}

impl Decode for InterceptorRef {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let name = fields.text(decoder, "name")?;
        let kind = fields.nonempty_text(decoder, "kind")?;
        Ok(Self {
            name,
            kind: kind.unwrap_or_else(|| Kind::ClusterInterceptor.name().to_owned()),
            api_version: fields.nonempty_text(decoder, "apiVersion")?,
            other: fields.other(decoder),
        })
    }
}

/// A param of an interceptor.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InterceptorParam {
    /// The name.
    pub name: String,
    /// The value, of any type; `null` if it is absent. Its keys are spelled as their author spelled them.
    pub value: Value,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for InterceptorParam {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.text(decoder, "name")?,
            value: fields.take("value"),
            other: fields.other(decoder),
        })
    }
}

/// A webhook of the old kind: a service that answers with another body and other headers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookInterceptor {
    /// The Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<ObjectReference>,
    /// The address, which counts before a Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headers that are added to the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<HeaderParam>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for WebhookInterceptor {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            object_ref: fields.optional_object(decoder, "objectRef")?,
            url: fields.optional_text(decoder, "url")?,
            header: fields.list(decoder, "header", MOST_HEADERS)?,
            other: fields.other(decoder),
        })
    }
}

/// A reference to the Service of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// `Service`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its namespace; that of the trigger if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `v1`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for ObjectReference {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let mut other = Map::new();
        for name in ["uid", "resourceVersion", "fieldPath"] {
            if let Some(text) = fields.optional_text(decoder, name)? {
                other.insert(name.to_owned(), text.into());
            }
        }
        let mut reference = Self {
            kind: fields.text(decoder, "kind")?,
            namespace: fields.nonempty_text(decoder, "namespace")?,
            name: fields.text(decoder, "name")?,
            api_version: fields.text(decoder, "apiVersion")?,
            other,
        };
        reference.other.extend(fields.other(decoder));
        Ok(reference)
    }
}

/// A header that a webhook interceptor adds to its request.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct HeaderParam {
    /// The name.
    pub name: String,
    /// The value or values.
    pub value: HeaderValue,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Values of headers can be tokens and are left out.
impl std::fmt::Debug for HeaderParam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderParam").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Decode for HeaderParam {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.text(decoder, "name")?,
            value: fields.object(decoder, "value")?,
            other: fields.other(decoder),
        })
    }
}

/// The value of a [`HeaderParam`]. Compare, but do not print: it can be a token.
#[derive(Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum HeaderValue {
    /// One value, which replaces those that the request has.
    One(String),
    /// Several values, which are added.
    Many(Vec<String>),
}

impl Default for HeaderValue {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl std::fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeaderValue(..)")
    }
}

/// Tekton takes any JSON here: a list of texts for several values, an object of texts for none, and all else for the
/// text that it is.
impl Decode for HeaderValue {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let is_text = |value: &Value| value.is_string() || value.is_null();
        match value {
            Value::Array(entries) if entries.iter().all(is_text) => {
                let text = |entry, decoder: &mut Decoder| Ok(decoder.text(entry)?.unwrap_or_default());
                Ok(Self::Many(decoder.list(Value::Array(entries), MOST_HEADERS, text)?))
            }
            Value::Object(entries) if entries.values().all(is_text) => Ok(Self::Many(Vec::new())),
            Value::Null | Value::String(_) => Ok(Self::One(decoder.text(value)?.unwrap_or_default())),
            other => Ok(Self::One(decoder.text(Value::String(other.to_string()))?.unwrap_or_default())),
        }
    }
}
