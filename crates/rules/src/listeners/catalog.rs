use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;
use trigger_api::triggers::{
    ClientConfig, ClusterInterceptor, ClusterTriggerBinding, DecodeError, EventListener, Interceptor, Kind,
    Trigger, TriggerBinding, TriggerTemplate,
};
use trigger_core::{ObjectKey, value_memory};
use trigger_expr::params::Param;

use super::error::{missing, unseen};
use super::trigger::Template;
use super::{ListenerGaps, ListenerObject};
use crate::interceptors::{Address, AddressError, Origin};
use crate::limits::{LARGEST_LISTENER_OBJECTS, MOST_LISTENER_OBJECTS};
use crate::rule_error::RuleError;

/// All objects that listeners are made of, as they are now. Each is decoded by itself: one that cannot be read is an error
/// of its own and harms no other.
#[derive(Default)]
pub(super) struct Catalog {
    /// In the order of kinds, then of namespaces.
    objects: BTreeMap<ListenerObject, Stored>,
    /// The objects of each namespace, and their memory.
    weights: HashMap<Arc<str>, Weight>,
    /// Which of them are not known.
    gaps: Arc<ListenerGaps>,
}

/// The memory that an object takes beside its content: its places in indexes, and what refers to it. In bytes.
const OBJECT: usize = 2 << 10;

/// An object that can be read.
#[derive(Clone)]
pub(super) enum Object {
    EventListener(Arc<EventListener>),
    Trigger(Arc<Trigger>),
    /// A TriggerBinding or a ClusterTriggerBinding.
    Binding(Arc<[Param]>),
    Template(Arc<Template>),
    /// A ClusterInterceptor or an Interceptor.
    Interceptor(InterceptorAddress),
}

/// Where an interceptor is called.
#[derive(Clone)]
pub(super) enum InterceptorAddress {
    /// It is one of Tekton's core interceptors, which work in process.
    Core,
    /// Another server.
    Remote(Address),
    /// There is none.
    Absent,
    /// It is no address.
    Invalid(AddressError),
}

struct Stored {
    object: Result<Object, RuleError>,
    bytes: usize,
}

#[derive(Default)]
struct Weight {
    objects: usize,
    bytes: usize,
}

impl Catalog {
    /// Takes an object as it is now. The error is why it counts as absent.
    pub(super) fn put(&mut self, id: &ListenerObject, object: Value) -> Result<(), RuleError> {
        self.remove(id);
        // The decoded object, and the triggers compiled from it.
        let bytes = OBJECT + 2 * value_memory(&object);
        let namespace = &id.key.namespace;
        let weight = self.weights.entry(Arc::clone(namespace)).or_default();
        let (objects, total) = (weight.objects + 1, weight.bytes.saturating_add(bytes));
        if objects > MOST_LISTENER_OBJECTS || total > LARGEST_LISTENER_OBJECTS {
            let message = format!(
                "the namespace has {} objects of Tekton Triggers that take {} KiB of memory, and this one takes {} KiB; at most \
                 {MOST_LISTENER_OBJECTS} objects of {} MiB are read: delete some, then change this one",
                weight.objects,
                weight.bytes.div_ceil(1 << 10),
                bytes.div_ceil(1 << 10),
                LARGEST_LISTENER_OBJECTS >> 20,
            );
            return Err(RuleError::new("TriggerNamespaceTooLarge", message));
        }
        (weight.objects, weight.bytes) = (objects, total);
        let object = decode(id.kind, namespace, object).map_err(RuleError::unreadable);
        let result = object.as_ref().map(|_| ()).map_err(RuleError::clone);
        self.objects.insert(id.clone(), Stored { object, bytes });
        result
    }

    /// Takes an object that cannot be read. It counts as one of its namespace, without bytes: its content is not kept.
    pub(super) fn put_unreadable(&mut self, id: &ListenerObject, error: RuleError) {
        self.remove(id);
        self.weights.entry(Arc::clone(&id.key.namespace)).or_default().objects += 1;
        self.objects.insert(id.clone(), Stored { object: Err(error), bytes: 0 });
    }

    /// Notes which objects are not known.
    pub(super) fn note_gaps(&mut self, gaps: Arc<ListenerGaps>) {
        self.gaps = gaps;
    }

    /// Forgets an object.
    pub(super) fn remove(&mut self, id: &ListenerObject) {
        let Some(stored) = self.objects.remove(id) else { return };
        if let Some(weight) = self.weights.get_mut(&id.key.namespace) {
            weight.objects = weight.objects.saturating_sub(1);
            weight.bytes = weight.bytes.saturating_sub(stored.bytes);
            if weight.objects == 0 {
                self.weights.remove(&id.key.namespace);
            }
        }
    }

    /// Every object, also one that cannot be read.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ListenerObject> {
        self.objects.keys()
    }

    /// An object that can be read.
    pub(super) fn get(&self, id: &ListenerObject) -> Option<&Object> {
        self.objects.get(id)?.object.as_ref().ok()
    }

    /// The error of a reference to an object that does not exist, or cannot be read. `words` are Tekton's.
    pub(super) fn missing(&self, words: impl fmt::Display, id: &ListenerObject) -> RuleError {
        let stored = self.objects.get(id);
        if let (None, Some(reason)) = (stored, self.gaps.kinds.get(&id.kind)) {
            return unseen(words, id, reason);
        }
        let is_unreadable = stored.is_some_and(|stored| stored.object.is_err());
        missing(words, id, is_unreadable)
    }

    /// A Trigger that can be read.
    pub(super) fn trigger(&self, key: &ObjectKey) -> Option<&Arc<Trigger>> {
        match self.get(&ListenerObject { kind: Kind::Trigger, key: key.clone() })? {
            Object::Trigger(trigger) => Some(trigger),
            _ => None,
        }
    }

    /// The Triggers of a namespace, or all, that can be read.
    pub(super) fn triggers(
        &self,
        namespace: Option<&Arc<str>>,
    ) -> impl Iterator<Item = (&ObjectKey, &Arc<Trigger>)> {
        let first = ListenerObject::new(Kind::Trigger, namespace.cloned().unwrap_or_default(), "");
        let namespace = namespace.cloned();
        let from = self.objects.range((Bound::Included(first), Bound::Unbounded));
        from.take_while(move |(id, _)| {
            id.kind == Kind::Trigger
                && namespace.as_ref().is_none_or(|namespace| *namespace == id.key.namespace)
        })
        .filter_map(|(id, stored)| match &stored.object {
            Ok(Object::Trigger(trigger)) => Some((&id.key, trigger)),
            _ => None,
        })
    }
}

fn decode(kind: Kind, namespace: &Arc<str>, object: Value) -> Result<Object, DecodeError> {
    let params = |params: Vec<trigger_api::triggers::Param>| {
        params.into_iter().map(|param| Param { name: param.name, value: param.value }).collect()
    };
    Ok(match kind {
        Kind::EventListener => Object::EventListener(Arc::new(EventListener::try_from(object)?)),
        Kind::Trigger => Object::Trigger(Arc::new(Trigger::try_from(object)?)),
        Kind::TriggerBinding => Object::Binding(params(TriggerBinding::try_from(object)?.spec.params)),
        Kind::ClusterTriggerBinding => {
            Object::Binding(params(ClusterTriggerBinding::try_from(object)?.spec.params))
        }
        Kind::TriggerTemplate => {
            let template = TriggerTemplate::try_from(object)?;
            let old_escape = template.escapes_quotes();
            Object::Template(Arc::new(Template::new(template.spec, old_escape)))
        }
        Kind::ClusterInterceptor => {
            address(&ClusterInterceptor::try_from(object)?.spec.client_config, Origin::Cluster)
        }
        Kind::Interceptor => {
            let origin = Origin::Namespace(Arc::clone(namespace));
            address(&Interceptor::try_from(object)?.spec.client_config, origin)
        }
    })
}

/// The Service of Tekton's core interceptors.
const CORE_SERVICE: &str = "tekton-triggers-core-interceptors";

fn address(config: &ClientConfig, origin: Origin) -> Object {
    let leads_to_core = config.service.as_ref().is_some_and(|service| service.name == CORE_SERVICE);
    let ca_bundle = config.ca_bundle.as_ref().map_or(&[][..], |bundle| &bundle.0);
    Object::Interceptor(match config.address() {
        Some(_) if config.url.is_none() && leads_to_core => InterceptorAddress::Core,
        Some(url) => Address::new(&url, ca_bundle, origin)
            .map_or_else(InterceptorAddress::Invalid, InterceptorAddress::Remote),
        None => InterceptorAddress::Absent,
    })
}
