use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{Decode, DecodeError, Decoder};
use crate::limits::MOST_SELECTED;

/// Namespaces from which Triggers are taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// Their names; `*` as the only one means all namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_names: Vec<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl NamespaceSelector {
    /// Whether it is as good as absent.
    pub fn is_empty(&self) -> bool {
        self.match_names.is_empty() && self.other.is_empty()
    }
}

impl Decode for NamespaceSelector {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            match_names: fields.texts(decoder, "matchNames", MOST_SELECTED)?,
            other: fields.other(decoder),
        })
    }
}

/// The Triggers that a group applies to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerSelector {
    /// Their namespaces.
    #[serde(skip_serializing_if = "NamespaceSelector::is_empty")]
    pub namespace_selector: NamespaceSelector,
    /// Their labels. An empty selector selects all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for TriggerSelector {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            namespace_selector: fields.object(decoder, "namespaceSelector")?,
            label_selector: fields.optional_object(decoder, "labelSelector")?,
            other: fields.other(decoder),
        })
    }
}

impl Decode for LabelSelector {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let labels = fields.map(decoder, "matchLabels", MOST_SELECTED)?;
        let expressions = fields.list(decoder, "matchExpressions", MOST_SELECTED)?;
        fields.other(decoder);
        Ok(Self {
            match_labels: Some(labels).filter(|labels| !labels.is_empty()),
            match_expressions: Some(expressions).filter(|expressions| !expressions.is_empty()),
        })
    }
}

impl Decode for LabelSelectorRequirement {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let values = fields.texts(decoder, "values", MOST_SELECTED)?;
        let requirement = Self {
            key: fields.text(decoder, "key")?,
            operator: fields.text(decoder, "operator")?,
            values: Some(values).filter(|values| !values.is_empty()),
        };
        fields.other(decoder);
        Ok(requirement)
    }
}
