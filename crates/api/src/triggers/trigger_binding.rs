use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{Decode, DecodeError, Decoder};
use super::object::kind;
use crate::limits::MOST_PARAMS;

kind! {
    /// A TriggerBinding: values that are taken from an event.
    ///
    /// Source: <https://tekton.dev/docs/triggers/triggerbindings/>.
    TriggerBinding, TriggerBindingSpec, "v1beta1", "triggerbindings", namespaced_resource
}

kind! {
    /// A ClusterTriggerBinding: a [`TriggerBinding`] for all namespaces.
    ClusterTriggerBinding, TriggerBindingSpec, "v1beta1", "clustertriggerbindings", cluster_resource
}

/// `spec` of a [`TriggerBinding`] or a [`ClusterTriggerBinding`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TriggerBindingSpec {
    /// The values, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for TriggerBindingSpec {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self { params: fields.list(decoder, "params", MOST_PARAMS)?, other: fields.other(decoder) })
    }
}

/// A value for a param of a template.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Param {
    /// The param.
    pub name: String,
    /// The value: text with expressions such as `$(body.ref)`.
    pub value: String,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for Param {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.text(decoder, "name")?,
            value: fields.text(decoder, "value")?,
            other: fields.other(decoder),
        })
    }
}
