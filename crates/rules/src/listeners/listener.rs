use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use trigger_api::triggers::{EventListener, Kind};
use trigger_core::{ObjectKey, ResourceRef};

use super::ListenerObject;
use super::answer::Answering;
use super::error::{ListenerError, missing};
use super::lifecycle::cloud_event_address;
use super::trigger::ListenerTrigger;
use super::trigger_index::{TriggerIndex, TriggerPlace};
use crate::interceptors::{Address, Chain, State};
use crate::limits::{MOST_ERRORS, MOST_SELECTED};
use crate::rule_error::RuleError;

/// An EventListener with everything that its events run. A copy shares everything.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The settings without the triggers.
    pub settings: Arc<ListenerSettings>,
    /// Those that run without a group.
    pub(super) triggers: Arc<TriggerIndex>,
    /// The groups, in order.
    pub(super) groups: Vec<Arc<ListenerGroup>>,
    /// The Triggers that entries refer to and that do not exist.
    pub(super) absent: Arc<BTreeSet<Arc<str>>>,
    /// Errors in the listener itself.
    pub(super) errors: Arc<[ListenerError]>,
    /// The object, as it was read.
    pub(super) object: Arc<EventListener>,
    /// Whether Triggers were left out because the listeners of the namespace select too many.
    pub(super) leaves_out: bool,
}

/// The settings of an EventListener without its triggers. They are small: a task that awaits I/O holds them in place of the
/// listener.
#[derive(Debug)]
pub struct ListenerSettings {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// Whether a payload has to be a JSON object or `null`.
    pub validates_payload: bool,
    /// The service account as which objects are created, unless a trigger has one of its own.
    pub service_account: ObjectKey,
    /// Where CloudEvents about its events are sent, or why they cannot be; `None` if none are wanted.
    pub cloud_event_uri: Option<Result<Address, RuleError>>,
}

/// Interceptors in common, and the triggers behind them.
#[derive(Debug, Clone)]
pub struct ListenerGroup {
    /// Its name, which may be empty.
    pub name: Arc<str>,
    /// How many groups of its name stand before it in its listener.
    pub namesakes: u32,
    /// The namespace of its Secrets and webhooks: that of the listener.
    pub namespace: Arc<str>,
    /// The interceptors, or why there is no way to call them.
    pub chain: Result<Arc<Chain>, RuleError>,
    pub(super) triggers: Arc<TriggerIndex>,
}

impl ListenerSettings {
    fn new(key: &ObjectKey, object: &EventListener) -> Self {
        let spec = &object.spec;
        let pods = spec.resources.as_ref().and_then(|resources| {
            resources.pointer("/kubernetesResource/spec/template/spec/serviceAccountName")?.as_str()
        });
        let account = pods.filter(|name| !name.is_empty()).or(spec.service_account_name.as_deref());
        Self {
            key: key.clone(),
            uid: object.metadata.uid.as_deref().unwrap_or_default().into(),
            validates_payload: object.validates_payload(),
            service_account: ObjectKey::new(Arc::clone(&key.namespace), account.unwrap_or("default")),
            cloud_event_uri: spec
                .cloud_event_uri
                .as_deref()
                .map(|uri| cloud_event_address(uri, &key.namespace)),
        }
    }

    /// Its identity.
    pub fn resource(&self) -> ResourceRef {
        Listener::resource_of(&self.key)
    }

    /// The facts that its answers show.
    pub fn answering(&self) -> Answering<'_> {
        Answering { listener: &self.key, uid: &self.uid, validates_payload: self.validates_payload }
    }
}

impl Listener {
    /// A listener without its triggers.
    pub(super) fn new(key: &ObjectKey, object: &Arc<EventListener>) -> Self {
        Self {
            settings: Arc::new(ListenerSettings::new(key, object)),
            triggers: Arc::default(),
            groups: Vec::new(),
            absent: Arc::default(),
            errors: Arc::default(),
            object: Arc::clone(object),
            leaves_out: false,
        }
    }

    /// The identity of the listener called so.
    pub fn resource_of(key: &ObjectKey) -> ResourceRef {
        ListenerObject { kind: Kind::EventListener, key: key.clone() }.resource()
    }

    /// The triggers that an event could pass by its type and by the content that they demand, in order.
    /// All others are [`Self::excluded`].
    pub fn candidates(&self, event: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.candidates(event)
    }

    /// The triggers that stop an event by its type or its content, in order. This looks at every trigger and is
    /// for people who ask why one did not run.
    pub fn excluded(&self, event: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.excluded(event)
    }

    /// Triggers that take the type of an event, and demand a content, this one or another: for each way in which such
    /// triggers authenticate senders, one stands for all.
    pub fn stand_ins(&self, event: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.stand_ins(event)
    }

    /// All triggers without a group, in order.
    pub fn triggers(&self) -> impl Iterator<Item = (&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.iter()
    }

    /// The groups, in order.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<ListenerGroup>> {
        self.groups.iter()
    }

    /// `metadata.generation` of the object.
    pub fn generation(&self) -> Option<i64> {
        self.object.metadata.generation
    }

    /// `status` of the object, as it was read.
    pub fn object_status(&self) -> Option<&Value> {
        self.object.status.as_ref()
    }

    /// What keeps parts of it from working: its own errors, and those of its entries. The errors of Triggers are theirs.
    pub fn errors(&self) -> Vec<ListenerError> {
        let mut errors = self.errors_beside_entries();
        let entries = self.triggers.iter().take_while(|(place, _)| matches!(place, TriggerPlace::Entry(_)));
        for (_, entry) in entries {
            errors.extend(entry.errors().map(|broken| self.error(entry.path.clone(), broken.clone())));
        }
        bounded(errors)
    }

    /// Its own errors, without those of its entries.
    pub(super) fn errors_beside_entries(&self) -> Vec<ListenerError> {
        let mut errors = self.errors.to_vec();
        for name in self.absent.iter() {
            let trigger = ListenerObject::new(
                Kind::Trigger,
                Arc::clone(&self.settings.key.namespace),
                Arc::clone(name),
            );
            let words = format!("Error getting Trigger {name} in Namespace {}", self.settings.key.namespace);
            errors.push(self.error("spec.triggers".to_owned(), missing(words, &trigger, false)));
        }
        if let Some(Err(broken)) = &self.settings.cloud_event_uri {
            errors.push(self.error("spec.cloudEventURI".to_owned(), broken.clone()));
        }
        if self.leaves_out {
            let message = format!(
                "the listeners of the namespace select more than {MOST_SELECTED} Triggers together; the others do not run: \
                 narrow the selectors"
            );
            errors.push(self.error(String::new(), RuleError::new("TriggerTooManySelected", message)));
        }
        for (place, group) in self.groups.iter().enumerate() {
            if let Err(broken) = &group.chain {
                errors.push(self.error(format!("spec.triggerGroups[{place}]"), broken.clone()));
            }
        }
        errors
    }

    fn error(&self, path: String, error: RuleError) -> ListenerError {
        let object = ListenerObject { kind: Kind::EventListener, key: self.settings.key.clone() };
        ListenerError { object, path, error }
    }
}

impl ListenerGroup {
    /// The triggers that an event could pass by its type and by the content that they demand, in order.
    /// The event is the one behind the group's interceptors.
    pub fn candidates(&self, event: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.candidates(event)
    }

    /// The triggers that a request concerns before the group's interceptors have seen it, in order: its candidates, unless an
    /// interceptor could change the body.
    pub fn concerned(&self, request: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        match &self.chain {
            Ok(chain) if chain.is_outside() => self.triggers.takers(request.headers()),
            _ => self.triggers.candidates(request),
        }
    }

    /// The triggers that stop an event by its type or its content, in order. The event is the one behind the
    /// group's interceptors.
    pub fn excluded(&self, event: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.excluded(event)
    }

    /// The same as [`Listener::stand_ins`], of the group's triggers.
    pub fn stand_ins(&self, event: &State) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.stand_ins(event)
    }

    /// All of its triggers, in order.
    pub fn triggers(&self) -> impl Iterator<Item = (&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.iter()
    }
}

/// The first errors, and one that counts the others.
pub(super) fn bounded(mut errors: Vec<ListenerError>) -> Vec<ListenerError> {
    let further = errors.len().saturating_sub(MOST_ERRORS);
    if further > 0 {
        errors.truncate(MOST_ERRORS);
        if let Some(first) = errors.first() {
            let message = format!("{further} further errors are left out; correct these first");
            let (object, error) = (first.object.clone(), RuleError::new("TriggerTooManyErrors", message));
            errors.push(ListenerError { object, path: String::new(), error });
        }
    }
    errors
}
