use serde::Serialize;
use serde_json::{Map, Value};

use super::OLD_ESCAPE_QUOTES;
use super::decode::{Decode, DecodeError, Decoder};
use super::object::kind;
use crate::limits::{LARGEST_RESOURCE_TEMPLATES, MOST_PARAMS, MOST_RESOURCE_TEMPLATES};

kind! {
    /// A TriggerTemplate: objects to create, with params.
    ///
    /// Source: <https://tekton.dev/docs/triggers/triggertemplates/>.
    TriggerTemplate, TriggerTemplateSpec, "v1beta1", "triggertemplates", namespaced_resource
}

impl TriggerTemplate {
    /// Whether quotes in params are escaped once more. A template in place has no annotations and never does.
    pub fn escapes_quotes(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations.is_some_and(|annotations| annotations.contains_key(OLD_ESCAPE_QUOTES))
    }
}

/// `spec` of a [`TriggerTemplate`], and a template in place.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TriggerTemplateSpec {
    /// The params that the objects refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<ParamSpec>,
    /// The objects, in the order of their creation, with placeholders such as `$(tt.params.ref)`.
    #[serde(rename = "resourcetemplates", skip_serializing_if = "Vec::is_empty")]
    pub resource_templates: Vec<Value>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for TriggerTemplateSpec {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            params: fields.list(decoder, "params", MOST_PARAMS)?,
            resource_templates: fields.values(
                decoder,
                "resourcetemplates",
                MOST_RESOURCE_TEMPLATES,
                LARGEST_RESOURCE_TEMPLATES,
            )?,
            other: fields.other(decoder),
        })
    }
}

/// A param that a template declares.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ParamSpec {
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The value where a binding gives none. It may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for ParamSpec {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.text(decoder, "name")?,
            description: fields.text(decoder, "description")?,
            default: fields.optional_text(decoder, "default")?,
            other: fields.other(decoder),
        })
    }
}
