//! The Triggers that take webhooks of Git providers where providers send them, without an EventListener.

use std::sync::Arc;

use trigger_api::triggers::EventListener;
use trigger_core::ObjectKey;

use super::Writer;
use crate::listeners::listener::Listener;
use crate::listeners::listener_set::{PROVIDER_HOOKS, repository_key};
use crate::listeners::trigger_index::TriggerPlace;

impl Writer {
    /// Puts a Trigger among those of its namespace that take webhooks of providers, or takes it out.
    pub(super) fn place_hook(&mut self, key: &ObjectKey) {
        let compiled = self.triggers.get(&(key.clone(), None));
        let wanted = compiled.filter(|trigger| trigger.hook_repository().is_some()).cloned();
        let (namespace, place) = (&key.namespace, TriggerPlace::Object(key.clone()));
        let before = self.hooks.get(namespace).and_then(|listener| listener.triggers.get(&place)).cloned();
        if wanted.is_none() && before.is_none() {
            return;
        }
        let triggers = &mut self.snapshot.hook_triggers;
        if let Some(repository) = before.as_ref().and_then(|before| before.hook_repository()) {
            let repository = repository_key(repository);
            if let Some(of_repository) = triggers.get_mut(&repository) {
                of_repository.remove(key);
                if of_repository.is_empty() {
                    triggers.remove(&repository);
                }
            }
        }
        if let Some(repository) = wanted.as_ref().and_then(|wanted| wanted.hook_repository()) {
            triggers.entry(repository_key(repository)).or_default().insert(key.clone());
        }
        let listener = self.hooks.entry(Arc::clone(namespace)).or_insert_with(|| {
            let key = ObjectKey::new(Arc::clone(namespace), PROVIDER_HOOKS);
            Listener::new(&key, &Arc::new(EventListener::default()))
        });
        match wanted {
            Some(trigger) => Arc::make_mut(&mut listener.triggers).insert(&place, trigger),
            None => {
                Arc::make_mut(&mut listener.triggers).remove(&place);
            }
        }
        if listener.triggers.iter().next().is_none() {
            self.hooks.remove(namespace);
        }
        self.changed_hooks.insert(Arc::clone(namespace));
    }

    /// Brings the snapshot up to date.
    pub(super) fn publish_hooks(&mut self) {
        for namespace in std::mem::take(&mut self.changed_hooks) {
            match self.hooks.get(&namespace) {
                Some(listener) => self.snapshot.hooks.insert(namespace, Arc::new(listener.clone())),
                None => self.snapshot.hooks.remove(&namespace),
            };
        }
    }
}
