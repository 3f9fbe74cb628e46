use serde_json::Value;

use super::{
    EventListener, InterceptorRef, Kind, Trigger, TriggerInterceptor, TriggerSpec, core_interceptors,
};

/// The interceptor of this program. Like those that Tekton brings, it needs no object.
const OWN: &str = "git";

/// An object that another one refers to by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The field, such as `spec.triggers[0].template.ref`.
    pub path: String,
    /// The kind of the object.
    pub kind: Kind,
    /// Its namespace; none if it is in no namespace, or in that of whichever listener selects the Trigger.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// The objects that a manifest refers to, in order; none if it is no EventListener and no Trigger, or unreadable.
///
/// Interceptors that need no object are left out.
pub fn references(object: &Value) -> Vec<Reference> {
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    match Kind::of(text("apiVersion"), text("kind")) {
        Some(Kind::EventListener) => {
            EventListener::try_from(object.clone()).map(|listener| of_listener(&listener)).unwrap_or_default()
        }
        Some(Kind::Trigger) => {
            Trigger::try_from(object.clone()).map(|trigger| of_trigger(&trigger)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn of_listener(listener: &EventListener) -> Vec<Reference> {
    let namespace = listener.metadata.namespace.as_deref();
    let mut found = Found { namespace, interceptors_in: namespace, references: Vec::new() };
    for (index, trigger) in listener.spec.triggers.iter().enumerate() {
        let at = format!("spec.triggers[{index}]");
        match &trigger.trigger_ref {
            Some(name) => found.add(format!("{at}.triggerRef"), Kind::Trigger, name),
            None => found.add_trigger(&at, trigger),
        }
    }
    for (index, group) in listener.spec.trigger_groups.iter().enumerate() {
        found.add_interceptors(&format!("spec.triggerGroups[{index}]"), &group.interceptors);
    }
    found.references
}

fn of_trigger(trigger: &Trigger) -> Vec<Reference> {
    let namespace = trigger.metadata.namespace.as_deref();
    let mut found = Found { namespace, interceptors_in: None, references: Vec::new() };
    found.add_trigger("spec", &trigger.spec);
    found.references
}

struct Found<'a> {
    /// The namespace of the object that refers.
    namespace: Option<&'a str>,
    /// The namespace of its interceptors, if that is known.
    interceptors_in: Option<&'a str>,
    references: Vec<Reference>,
}

impl Found<'_> {
    fn add(&mut self, path: String, kind: Kind, name: &str) {
        let namespace = match kind {
            Kind::Interceptor => self.interceptors_in,
            kind if kind.is_namespaced() => self.namespace,
            _ => None,
        };
        let (namespace, name) = (namespace.map(ToOwned::to_owned), name.to_owned());
        self.references.push(Reference { path, kind, namespace, name });
    }

    fn add_trigger(&mut self, at: &str, trigger: &TriggerSpec) {
        for (index, binding) in trigger.bindings.iter().enumerate() {
            let kind = if binding.is_cluster() { Kind::ClusterTriggerBinding } else { Kind::TriggerBinding };
            if let Some(name) = &binding.reference {
                self.add(format!("{at}.bindings[{index}].ref"), kind, name);
            }
        }
        let template = trigger.template.as_ref().and_then(|template| template.reference.as_deref());
        if let Some(name) = template.filter(|name| !name.is_empty()) {
            self.add(format!("{at}.template.ref"), Kind::TriggerTemplate, name);
        }
        self.add_interceptors(at, &trigger.interceptors);
    }

    fn add_interceptors(&mut self, at: &str, interceptors: &[TriggerInterceptor]) {
        for (index, interceptor) in interceptors.iter().enumerate() {
            let Some(reference) = interceptor.reference.as_ref().filter(|_| interceptor.webhook.is_none())
            else {
                continue;
            };
            let path = format!("{at}.interceptors[{index}].ref");
            if reference.kind == InterceptorRef::NAMESPACED {
                self.add(path, Kind::Interceptor, &reference.name);
            } else if reference.name != OWN && !core_interceptors::NAMES.contains(&reference.name.as_str()) {
                self.add(path, Kind::ClusterInterceptor, &reference.name);
            }
        }
    }
}
