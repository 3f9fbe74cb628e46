use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use trigger_api::triggers::{EventListener, Kind, Trigger};
use trigger_core::ObjectKey;

use super::{Use, User, Writer};
use crate::interceptors::{Chain, ChainScope, TriggerId};
use crate::limits::{ALLOWANCE, LARGEST_EXCESS};
use crate::listeners::ListenerObject;
use crate::listeners::compile::Source;
use crate::listeners::compile_chain::{compile_chain, interceptor_references, settings};
use crate::listeners::error::panicked;
use crate::listeners::trigger::ListenerTrigger;
use crate::rule_error::RuleError;

/// A chain, or why it is broken.
pub(super) type Compiled = Result<Arc<Chain>, RuleError>;

impl Writer {
    /// Compiles a Trigger for the listeners of a namespace. If the chain of an earlier one still holds, it is `chain`.
    pub(super) fn compile_trigger(
        &mut self,
        key: &ObjectKey,
        trigger: &Trigger,
        variant: Option<&Arc<str>>,
        chain: Option<Compiled>,
    ) -> Arc<ListenerTrigger> {
        let object = ListenerObject { kind: Kind::Trigger, key: key.clone() };
        let listener = variant.unwrap_or(&key.namespace);
        let annotations = trigger.metadata.annotations.as_ref();
        let uid = trigger.metadata.uid.as_deref().unwrap_or_default();
        let source = Source {
            object: &object,
            path: "",
            name: &key.name,
            namesakes: 0,
            spec: &trigger.spec,
            uid,
            annotations,
            listener,
        };
        self.compile(&User::Trigger(key.clone(), variant.cloned()), source, chain)
    }

    /// Compiles the entry of a listener at a place. `None` if it refers to a Trigger.
    pub(super) fn compile_entry(
        &mut self,
        key: &ObjectKey,
        listener: &EventListener,
        index: u32,
        chain: Option<Compiled>,
    ) -> Option<Arc<ListenerTrigger>> {
        let spec = listener.spec.triggers.get(index as usize).filter(|entry| entry.trigger_ref.is_none())?;
        let object = ListenerObject { kind: Kind::EventListener, key: key.clone() };
        let path = format!("spec.triggers[{index}]");
        let name = spec.name.as_deref().unwrap_or_default();
        let before = listener.spec.triggers.iter().take(index as usize);
        let namesakes = before.filter(|entry| entry.trigger_ref.is_none() && entry.name == spec.name).count();
        let namesakes = u32::try_from(namesakes).unwrap_or(u32::MAX);
        let annotations = listener.metadata.annotations.as_ref();
        let uid = listener.metadata.uid.as_deref().unwrap_or_default();
        let source = Source {
            object: &object,
            path: &path,
            name,
            namesakes,
            spec,
            uid,
            annotations,
            listener: &key.namespace,
        };
        Some(self.compile(&User::Entry(key.clone(), index), source, chain))
    }

    /// Compiles the interceptors of a group.
    pub(super) fn compile_group(
        &mut self,
        key: &ObjectKey,
        listener: &EventListener,
        index: u32,
    ) -> Compiled {
        let Some(group) = listener.spec.trigger_groups.get(index as usize) else { return Err(panicked()) };
        let namespace = &key.namespace;
        let references = interceptor_references(&group.interceptors, namespace, namespace).collect();
        self.register(User::Group(key.clone(), index), references);
        let (scope, name) = (ChainScope::Group, group.name.as_str().into());
        let id = TriggerId { scope, namespace: Arc::clone(namespace), name };
        let (settings, _) = settings(listener.metadata.annotations.as_ref());
        let compile = || compile_chain(id, &group.interceptors, &settings, &self.catalog, namespace);
        catch_unwind(AssertUnwindSafe(compile)).unwrap_or_else(|_| Err(panicked()))
    }

    /// A panic while a trigger is compiled is an error of this trigger.
    fn compile(&mut self, user: &User, source: Source<'_>, chain: Option<Compiled>) -> Arc<ListenerTrigger> {
        self.register(user.clone(), source.references());
        let compiled = catch_unwind(AssertUnwindSafe(|| source.compile(&self.catalog, chain)));
        let mut trigger = compiled.unwrap_or_else(|_| source.broken(&panicked()));
        let bytes = trigger.blueprint.as_ref().map_or(0, |blueprint| blueprint.bytes);
        if let Err(error) = self.take_excess(user, source.listener, bytes.saturating_sub(ALLOWANCE)) {
            trigger.blueprint = Err(error);
        }
        Arc::new(trigger)
    }

    /// Counts the memory of a trigger's parameters, unless the namespace has no room for them.
    fn take_excess(&mut self, user: &User, namespace: &Arc<str>, excess: usize) -> Result<(), RuleError> {
        if excess == 0 {
            return Ok(());
        }
        let taken = self.excess.entry(Arc::clone(namespace)).or_default();
        if *taken + excess > LARGEST_EXCESS {
            let message = format!(
                "the params of triggers with large bindings take {} MiB of memory in the namespace, and this trigger needs \
                 {} KiB more; make them smaller, then change this trigger",
                *taken >> 20,
                excess.div_ceil(1 << 10)
            );
            return Err(RuleError::new("TriggerNamespaceTooLarge", message));
        }
        *taken += excess;
        if let Some(used) = self.uses.get_mut(user) {
            used.excess = Some((Arc::clone(namespace), excess));
        }
        Ok(())
    }

    /// Notes the objects that something refers to.
    fn register(&mut self, user: User, references: Vec<ListenerObject>) {
        self.unregister(&user);
        for object in &references {
            self.users.entry(object.clone()).or_default().insert(user.clone());
        }
        self.uses.insert(user, Use { references: references.into(), excess: None });
    }

    /// Forgets the objects that something refers to.
    pub(super) fn unregister(&mut self, user: &User) {
        let Use { references, excess } = self.uses.remove(user).unwrap_or_default();
        for object in references {
            let Some(users) = self.users.get_mut(&object) else { continue };
            users.remove(user);
            if users.is_empty() {
                self.users.remove(&object);
            }
        }
        let Some((namespace, excess)) = excess else { return };
        if let Some(taken) = self.excess.get_mut(&namespace) {
            *taken = taken.saturating_sub(excess);
            if *taken == 0 {
                self.excess.remove(&namespace);
            }
        }
    }
}
