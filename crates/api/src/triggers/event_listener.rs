use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{Decode, DecodeError, Decoder};
use super::object::kind;
use super::{
    EventListenerTrigger, NamespaceSelector, PAYLOAD_VALIDATION, TriggerInterceptor, TriggerSelector,
};
use crate::limits::{MOST_GROUPS, MOST_INTERCEPTORS, MOST_TRIGGERS};

kind! {
    /// An EventListener: a URL to which events are sent, and what they start.
    ///
    /// Source: <https://tekton.dev/docs/triggers/eventlisteners/>.
    EventListener, EventListenerSpec, "v1beta1", "eventlisteners", namespaced_resource
}

impl EventListener {
    /// Whether a body must be a JSON object.
    pub fn validates_payload(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        let value = annotations.and_then(|annotations| annotations.get(PAYLOAD_VALIDATION));
        value.is_none_or(|value| value != "false")
    }
}

/// `spec` of an [`EventListener`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventListenerSpec {
    /// The account as which objects of triggers without an account are created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// What events start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<EventListenerTrigger>,
    /// Triggers that share interceptors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trigger_groups: Vec<TriggerGroup>,
    /// Namespaces whose Triggers belong to the listener.
    #[serde(skip_serializing_if = "NamespaceSelector::is_empty")]
    pub namespace_selector: NamespaceSelector,
    /// Labels of Triggers that belong to the listener. An empty selector selects all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// The shape of the pods that Tekton would run. Kept as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
    /// The URL to which CloudEvents about events are sent.
    #[serde(rename = "cloudEventURI", skip_serializing_if = "Option::is_none")]
    pub cloud_event_uri: Option<String>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for EventListenerSpec {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            service_account_name: fields.nonempty_text(decoder, "serviceAccountName")?,
            triggers: fields.read(decoder, "triggers", |value, decoder| {
                decoder.list(value, MOST_TRIGGERS, EventListenerTrigger::decode_entry)
            })?,
            trigger_groups: fields.list(decoder, "triggerGroups", MOST_GROUPS)?,
            namespace_selector: fields.object(decoder, "namespaceSelector")?,
            label_selector: fields.optional_object(decoder, "labelSelector")?,
            resources: Some(fields.take("resources")).filter(|resources| !resources.is_null()),
            cloud_event_uri: fields.nonempty_text(decoder, "cloudEventURI")?,
            other: fields.other(decoder),
        })
    }
}

/// Triggers that share interceptors: these run once for an event, before those of each trigger.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerGroup {
    /// The name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The interceptors, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interceptors: Vec<TriggerInterceptor>,
    /// The Triggers.
    pub trigger_selector: TriggerSelector,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for TriggerGroup {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.text(decoder, "name")?,
            interceptors: fields.list(decoder, "interceptors", MOST_INTERCEPTORS)?,
            trigger_selector: fields.object(decoder, "triggerSelector")?,
            other: fields.other(decoder),
        })
    }
}
