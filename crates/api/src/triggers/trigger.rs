use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{Decode, DecodeError, Decoder};
use super::object::kind;
use super::{Kind, TriggerInterceptor, TriggerTemplateSpec};
use crate::limits::{MOST_BINDINGS, MOST_INTERCEPTORS};

kind! {
    /// A Trigger: what one kind of event starts. Listeners refer to it or select it.
    ///
    /// Source: <https://tekton.dev/docs/triggers/triggers/>.
    Trigger, TriggerSpec, "v1beta1", "triggers", namespaced_resource
}

/// `spec` of a [`Trigger`], and an entry of `spec.triggers` of an [`EventListener`](super::EventListener).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerSpec {
    /// The name of an entry. That of a Trigger's spec says nothing: the object has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In an entry of a listener only: the name of a Trigger in the listener's namespace, which counts instead of the
    /// other fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_ref: Option<String>,
    /// The values for the template's params.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<TriggerSpecBinding>,
    /// The objects to create.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<TriggerSpecTemplate>,
    /// The interceptors, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interceptors: Vec<TriggerInterceptor>,
    /// The account as which the objects are created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// An entry of `spec.triggers` of an [`EventListener`](super::EventListener).
pub type EventListenerTrigger = TriggerSpec;

impl Decode for TriggerSpec {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        Self::read(value, decoder, false)
    }
}

impl TriggerSpec {
    /// Reads an entry of a listener.
    pub(super) fn decode_entry(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        Self::read(value, decoder, true)
    }

    fn read(value: Value, decoder: &mut Decoder, is_entry: bool) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.nonempty_text(decoder, "name")?,
            trigger_ref: if is_entry { fields.nonempty_text(decoder, "triggerRef")? } else { None },
            bindings: fields.list(decoder, "bindings", MOST_BINDINGS)?,
            template: fields.optional_object(decoder, "template")?,
            interceptors: fields.list(decoder, "interceptors", MOST_INTERCEPTORS)?,
            service_account_name: fields.nonempty_text(decoder, "serviceAccountName")?,
            other: fields.other(decoder),
        })
    }
}

/// A binding of a trigger: a reference to a binding object, or one value in place.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerSpecBinding {
    /// The name of a TriggerBinding in the trigger's namespace, or of a ClusterTriggerBinding.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `TriggerBinding`, the default, or `ClusterTriggerBinding`.
    pub kind: String,
    /// A version that counts for nothing.
    #[serde(rename = "apiversion", skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The param to which a value in place belongs; empty beside a reference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The value in place. It may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl TriggerSpecBinding {
    /// Whether it refers to a ClusterTriggerBinding. Tekton takes any other kind for `TriggerBinding`.
    pub fn is_cluster(&self) -> bool {
        self.kind == Kind::ClusterTriggerBinding.name()
    }
}

impl Default for TriggerSpecBinding {
    fn default() -> Self {
        Self {
            reference: None,
            kind: Kind::TriggerBinding.name().to_owned(),
            api_version: None,
            name: String::new(),
            value: None,
            other: Map::new(),
        }
    }
}

impl Decode for TriggerSpecBinding {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        if value.is_null() {
            decoder.note_null();
        }
        let mut fields = decoder.fields(value)?;
        let kind = fields.nonempty_text(decoder, "kind")?;
        Ok(Self {
            reference: fields.nonempty_text(decoder, "ref")?,
            kind: kind.unwrap_or_else(|| Kind::TriggerBinding.name().to_owned()),
            api_version: fields.nonempty_text(decoder, "apiversion")?,
            name: fields.text(decoder, "name")?,
            value: fields.optional_text(decoder, "value")?,
            other: fields.other(decoder),
        })
    }
}

/// The template of a trigger: a reference to a TriggerTemplate, or a template in place.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerSpecTemplate {
    /// The name of a TriggerTemplate in the trigger's namespace.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The version of the TriggerTemplate, which counts for nothing.
    #[serde(rename = "apiversion", skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The template in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<TriggerTemplateSpec>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for TriggerSpecTemplate {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            reference: fields.optional_text(decoder, "ref")?,
            api_version: fields.nonempty_text(decoder, "apiversion")?,
            spec: fields.optional_object(decoder, "spec")?,
            other: fields.other(decoder),
        })
    }
}
