use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use trigger_api::triggers::{EventListener, Kind, Trigger};
use trigger_core::ObjectKey;

use super::{User, Writer};
use crate::interceptors::{CallSettings, Chain, ChainScope, TriggerId};
use crate::listeners::ListenerObject;
use crate::listeners::compile::{Source, compile_chain, interceptor_references, settings};
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
        let source =
            Source { object: &object, path: "", name: &key.name, spec: &trigger.spec, annotations, listener };
        self.compile(User::Trigger(key.clone(), variant.cloned()), source, chain)
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
        let annotations = listener.metadata.annotations.as_ref();
        let source = Source { object: &object, path: &path, name, spec, annotations, listener: &key.namespace };
        Some(self.compile(User::Entry(key.clone(), index), source, chain))
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
    fn compile(&mut self, user: User, source: Source<'_>, chain: Option<Compiled>) -> Arc<ListenerTrigger> {
        self.register(user, source.references());
        let compiled = catch_unwind(AssertUnwindSafe(|| source.compile(&self.catalog, chain)));
        Arc::new(compiled.unwrap_or_else(|_| source.broken(&panicked())))
    }

    /// Notes the objects that something refers to.
    fn register(&mut self, user: User, references: Vec<ListenerObject>) {
        self.unregister(&user);
        for object in &references {
            self.users.entry(object.clone()).or_default().insert(user.clone());
        }
        self.uses.insert(user, references.into());
    }

    /// Forgets the objects that something refers to.
    pub(super) fn unregister(&mut self, user: &User) {
        for object in self.uses.remove(user).unwrap_or_default() {
            let Some(users) = self.users.get_mut(&object) else { continue };
            users.remove(user);
            if users.is_empty() {
                self.users.remove(&object);
            }
        }
    }
}
