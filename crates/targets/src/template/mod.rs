//! TriggerTemplates: the objects that a trigger of a listener creates.
//!
//! - `object.rs`: the type and the name that a resource template says, and what is added to it.
//! - `name.rs`: names that a template leaves to the API server.
//!
//! Names that a template leaves open, `$(uid)` and the id of the event follow from the delivery, so a repetition finds its
//! own objects. Several events may render one fixed name: an object of that name counts as created only if it has the
//! labels of this event and trigger.
//!
//! Objects are rendered when they are created. They are rendered once before, so that a trigger of which one object
//! cannot be rendered creates none.

mod name;
mod object;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use trigger_api::annotations;
use trigger_core::{
    DeliveryId, ObjectKey, Ordinal, Replay, TraceParent, derived_uuid, event_id, value_memory,
};
use trigger_expr::params::Resolved;
use trigger_expr::template::Renderer;

use self::object::{Identity, complete};
use crate::limits::{LARGEST_IN_MEMORY, MOST_RESOURCES};
use crate::plan::{Existing, Manifest, Plan, RenderError, Subject};
use crate::resource_template_error::ResourceTemplateError;

/// Label on a created object: the name of the listener.
const LABEL_EVENT_LISTENER: &str = "triggers.tekton.dev/eventlistener";
/// Label on a created object: the name of the trigger, which may be empty.
const LABEL_TRIGGER: &str = "triggers.tekton.dev/trigger";
/// Label on a created object: the id of the event.
const LABEL_EVENT_ID: &str = "triggers.tekton.dev/triggers-eventid";

/// A trigger that has fired for an event, with the values of its parameters.
#[derive(Debug, Clone)]
pub struct FiredTrigger<'a> {
    /// The delivery that holds the event.
    pub delivery: &'a DeliveryId,
    /// The place of the event in the delivery.
    pub ordinal: Ordinal,
    /// The replay, if a person asked for an earlier delivery to be worked on again.
    pub replay: Option<&'a Replay>,
    /// The listener.
    pub listener: &'a ObjectKey,
    /// The object that has the trigger: a Trigger, or the EventListener of an inline one.
    pub owner: &'a Subject,
    /// The namespace and the name of the trigger. The name of an inline one may be empty.
    pub trigger: &'a ObjectKey,
    /// Which one it is, from 0, of the triggers with this name and owner: an EventListener may have two inline ones of one
    /// name.
    pub occurrence: u32,
    /// The service account that the objects are created as.
    pub run_as: &'a ObjectKey,
    /// Annotations for the objects besides those that each object gets.
    pub annotations: &'a [(&'static str, String)],
    /// The values of the parameters.
    pub params: Arc<[Resolved]>,
    /// `resourcetemplates` of the template.
    pub resource_templates: Arc<[Value]>,
    /// Whether the template has the annotation `triggers.tekton.dev/old-escape-quotes`.
    pub old_escape: bool,
}

/// The objects that a fired trigger creates, in order. Equal triggers give equal plans.
pub fn plans(fired: &FiredTrigger<'_>) -> Result<Vec<Plan>, RenderError> {
    let in_template =
        |index, source| RenderError::ResourceTemplate { trigger: fired.trigger.clone(), index, source };
    if fired.resource_templates.len() > MOST_RESOURCES {
        return Err(in_template(MOST_RESOURCES, ResourceTemplateError::TooMany));
    }
    let shared = Arc::new(Shared::of(fired));
    let renderer = Renderer::new(&shared.params, &shared.uid, shared.old_escape);
    let sequence = sequence(fired.trigger, fired.occurrence);
    let (mut plans, mut seen) = (Vec::new(), HashSet::new());
    for index in 0..shared.resource_templates.len() {
        let object = shared.object(&renderer, index).map_err(|source| in_template(index, source))?;
        let Rendered { object, identity: Identity { resource, version, is_fixed } } = object;
        if !seen.insert(resource.clone()) {
            return Err(in_template(index, ResourceTemplateError::Twice(resource)));
        }
        // As a value, and as text that is sent.
        let memory = value_memory(&object) + 2 * object.to_string().len();
        if memory > LARGEST_IN_MEMORY {
            return Err(in_template(index, ResourceTemplateError::TooMuchMemory));
        }
        plans.push(Plan {
            resource,
            version: version.into(),
            manifest: Arc::new(ResourceManifest { shared: Arc::clone(&shared), index, memory }),
            run_as: Some(fired.run_as.clone()),
            existing: if is_fixed {
                Existing::CreatedIfLabelled(shared.labels.clone())
            } else {
                Existing::Created
            },
            condition: None,
            limit: None,
            follow_up: None,
            subject: fired.owner.clone(),
            sequence: Some(Arc::clone(&sequence)),
            ordinal: fired.ordinal,
        });
    }
    Ok(plans)
}

/// [`Plan::sequence`] of the objects of a trigger: namespace and name, and which one of the triggers with this name and
/// owner.
pub fn sequence(trigger: &ObjectKey, occurrence: u32) -> Arc<str> {
    format!("{trigger}/{occurrence}").into()
}

/// What the objects of a trigger have in common.
struct Shared {
    trigger: ObjectKey,
    /// What tells the objects of the trigger from others, but for their place in the template.
    identity: Vec<Vec<u8>>,
    uid: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    params: Arc<[Resolved]>,
    resource_templates: Arc<[Value]>,
    old_escape: bool,
}

/// An object, whole.
struct Rendered {
    object: Value,
    identity: Identity,
}

impl Shared {
    fn of(fired: &FiredTrigger<'_>) -> Self {
        let FiredTrigger { delivery, ordinal, .. } = *fired;
        let identity = vec![
            delivery.as_str().as_bytes().to_vec(),
            fired.owner.uid.as_bytes().to_vec(),
            fired.trigger.name.as_bytes().to_vec(),
            ordinal.get().to_be_bytes().to_vec(),
            fired.occurrence.to_be_bytes().to_vec(),
        ];
        let labels = [
            (LABEL_EVENT_LISTENER, fired.listener.name.to_string()),
            (LABEL_TRIGGER, fired.trigger.name.to_string()),
            (LABEL_EVENT_ID, event_id(delivery, ordinal)),
        ];
        let own = [
            (annotations::DELIVERY, Some(delivery.to_string())),
            (annotations::TRACE_PARENT, Some(TraceParent::of(delivery).to_string())),
            (annotations::REPLAY_OF, fired.replay.map(|replay| replay.of.to_string())),
        ];
        let own = own.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Self {
            trigger: fired.trigger.clone(),
            uid: derived_uuid(&with(&identity, b"uid")),
            identity,
            labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            annotations: fired
                .annotations
                .iter()
                .cloned()
                .chain(own)
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            params: Arc::clone(&fired.params),
            resource_templates: Arc::clone(&fired.resource_templates),
            old_escape: fired.old_escape,
        }
    }

    /// The object at this place.
    fn object(&self, renderer: &Renderer<'_>, index: usize) -> Result<Rendered, ResourceTemplateError> {
        let template = self.resource_templates.get(index).ok_or(ResourceTemplateError::NoObject)?;
        let mut object = renderer.render(template)?;
        let place = (index as u64).to_be_bytes();
        let identity = Identity::of(&object, &self.trigger.namespace, &with(&self.identity, &place))?;
        complete(&mut object, identity.resource.name(), &self.labels, &self.annotations)?;
        Ok(Rendered { object, identity })
    }
}

fn with<'a>(identity: &'a [Vec<u8>], last: &'a [u8]) -> Vec<&'a [u8]> {
    identity.iter().map(Vec::as_slice).chain([last]).collect()
}

/// An object of a template, which is rendered when it is created.
struct ResourceManifest {
    shared: Arc<Shared>,
    index: usize,
    memory: usize,
}

impl Manifest for ResourceManifest {
    fn object(&self) -> Result<Value, RenderError> {
        let Self { shared, index, .. } = self;
        let renderer = Renderer::new(&shared.params, &shared.uid, shared.old_escape);
        shared.object(&renderer, *index).map(|rendered| rendered.object).map_err(|source| {
            RenderError::ResourceTemplate { trigger: shared.trigger.clone(), index: *index, source }
        })
    }

    fn memory(&self) -> usize {
        self.memory
    }
}

/// Values may hold secrets of the event.
impl fmt::Debug for ResourceManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceManifest({}[{}])", self.shared.trigger, self.index)
    }
}
