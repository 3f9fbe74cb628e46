//! The interceptors that Tekton brings, and the fields of their own that `v1alpha1` has for four of them.
//!
//! Tekton's admission rewrites these fields to a reference with params. Objects that it has not seen still have them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::decode::{Decode, DecodeError, Decoder, Fields};
use super::{InterceptorParam, InterceptorRef};
use crate::limits::MOST_LEGACY_ENTRIES;

/// The names of the interceptors.
pub(super) const NAMES: [&str; 5] = ["bitbucket", "cel", "github", "gitlab", "slack"];
/// The fields of an interceptor that Tekton names where more than one is set. It counts that of Bitbucket too.
pub(super) const EXCLUSIVE_FIELDS: [&str; 3] = ["webhook", "github", "gitlab"];

/// The fields of `v1alpha1`, in the order in which the first one counts.
const FIELDS: [&str; 4] = ["bitbucket", "cel", "github", "gitlab"];

/// Takes these fields out of those of an interceptor, and rewrites the first one unless there is a reference.
pub(super) fn take_legacy(
    fields: &mut Fields,
    decoder: &mut Decoder,
    has_reference: bool,
) -> Result<Option<(InterceptorRef, Vec<InterceptorParam>)>, DecodeError> {
    let mut rewritten = None;
    for field in FIELDS {
        let params = if field == "cel" {
            fields.optional_object::<Expressions>(decoder, field)?.map(Expressions::into_params)
        } else {
            fields.optional_object::<Provider>(decoder, field)?.map(Provider::into_params)
        };
        let Some(params) = params else { continue };
        let is_rewritten = !has_reference && rewritten.is_none();
        decoder.note_legacy(field, is_rewritten);
        if is_rewritten {
            rewritten = Some((InterceptorRef::cluster(field), params));
        }
    }
    Ok(rewritten)
}

fn param(name: &str, value: impl Serialize) -> InterceptorParam {
    // Texts and lists of texts always have a JSON form.
    InterceptorParam { name: name.to_owned(), value: json!(value), other: Map::new() }
}

/// The interceptor of a Git provider.
struct Provider {
    secret_ref: Option<SecretRef>,
    event_types: Option<Vec<String>>,
}

impl Provider {
    fn into_params(self) -> Vec<InterceptorParam> {
        vec![param("secretRef", self.secret_ref), param("eventTypes", self.event_types)]
    }
}

impl Decode for Provider {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let provider = Self {
            secret_ref: fields.optional_object(decoder, "secretRef")?,
            event_types: fields.optional_object::<Texts>(decoder, "eventTypes")?.map(|Texts(texts)| texts),
        };
        fields.other(decoder);
        Ok(provider)
    }
}

struct Texts(Vec<String>);

impl Decode for Texts {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let text = |entry, decoder: &mut Decoder| Ok(decoder.text(entry)?.unwrap_or_default());
        decoder.list(value, MOST_LEGACY_ENTRIES, text).map(Self)
    }
}

/// The place of a Secret's value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretRef {
    #[serde(skip_serializing_if = "String::is_empty")]
    secret_key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    secret_name: String,
}

impl Decode for SecretRef {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let reference = Self {
            secret_key: fields.text(decoder, "secretKey")?,
            secret_name: fields.text(decoder, "secretName")?,
        };
        fields.other(decoder);
        Ok(reference)
    }
}

/// The interceptor of expressions.
struct Expressions {
    filter: String,
    overlays: Option<Vec<Overlay>>,
}

impl Expressions {
    fn into_params(self) -> Vec<InterceptorParam> {
        vec![param("filter", self.filter), param("overlays", self.overlays)]
    }
}

impl Decode for Expressions {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let expressions = Self {
            filter: fields.text(decoder, "filter")?,
            overlays: fields.read(decoder, "overlays", |value, decoder| {
                if value.is_null() {
                    return Ok(None);
                }
                decoder.list(value, MOST_LEGACY_ENTRIES, Overlay::decode).map(Some)
            })?,
        };
        fields.other(decoder);
        Ok(expressions)
    }
}

/// A value that is added to an event.
#[derive(Serialize)]
struct Overlay {
    #[serde(skip_serializing_if = "String::is_empty")]
    key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    expression: String,
}

impl Decode for Overlay {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let overlay =
            Self { key: fields.text(decoder, "key")?, expression: fields.text(decoder, "expression")? };
        fields.other(decoder);
        Ok(overlay)
    }
}
