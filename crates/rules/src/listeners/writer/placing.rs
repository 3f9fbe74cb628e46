use std::collections::BTreeSet;
use std::sync::Arc;

use trigger_api::triggers::{EventListener, Kind, Trigger};
use trigger_core::ObjectKey;

use super::{State, User, Writer};
use crate::limits::MOST_SELECTED;
use crate::listeners::ListenerObject;
use crate::listeners::catalog::Object;
use crate::listeners::compile_chain::has_namespaced;
use crate::listeners::error::ListenerError;
use crate::listeners::listener::{Listener, ListenerGroup};
use crate::listeners::selection::{Namespaces, Selection};
use crate::listeners::trigger::ListenerTrigger;
use crate::listeners::trigger_index::TriggerPlace;

impl State {
    /// The selectors of its groups, and its own.
    fn selections(&self) -> impl Iterator<Item = &Selection> {
        self.groups.iter().chain([&self.selection])
    }

    /// The namespaces that it names, to select Triggers there or to refer to them. One can come several times.
    fn reach(&self) -> impl Iterator<Item = &Arc<str>> {
        let named = self.selections().filter_map(|selection| match &selection.namespaces {
            Namespaces::All => None,
            Namespaces::Named(names) => Some(names),
        });
        let own = Some(&self.listener.settings.key.namespace).filter(|_| !self.referred.is_empty());
        named.flatten().chain(own)
    }
}

impl Writer {
    /// Makes a listener of an EventListener, with all of its triggers.
    pub(super) fn update_listener(&mut self, key: &ObjectKey) {
        self.remove_listener(key);
        self.changed.insert(key.clone());
        let id = ListenerObject { kind: Kind::EventListener, key: key.clone() };
        let Some(Object::EventListener(object)) = self.catalog.get(&id).cloned() else { return };
        let mut state = State {
            referred: BTreeSet::new(),
            selection: Selection::nothing(),
            groups: Vec::new(),
            listener: Listener::new(key, &object),
        };
        for (index, entry) in (0..).zip(&object.spec.triggers) {
            if let Some(name) = &entry.trigger_ref {
                state.referred.insert(name.as_str().into());
            } else if let Some(trigger) = self.compile_entry(key, &object, index, None) {
                Arc::make_mut(&mut state.listener.triggers).insert(&TriggerPlace::Entry(index), trigger);
            }
        }
        self.add_selections(&id, &object, &mut state);
        self.listeners.insert(key.clone(), state);
        for trigger in self.in_reach(key) {
            self.place(key, &trigger);
        }
    }

    /// The selectors of a listener and of its groups. One that is invalid selects nothing.
    fn add_selections(&mut self, id: &ListenerObject, object: &EventListener, state: &mut State) {
        let namespace = &id.key.namespace;
        let mut errors = Vec::new();
        let mut selected = |selection: Result<Selection, _>, path: String| {
            selection.unwrap_or_else(|error| {
                errors.push(ListenerError { object: id.clone(), path, error });
                Selection::nothing()
            })
        };
        let spec = &object.spec;
        let selection = Selection::new(&spec.namespace_selector, spec.label_selector.as_ref(), namespace);
        state.selection = selected(selection, "spec.labelSelector".to_owned());
        for (index, group) in (0..).zip(&spec.trigger_groups) {
            let selector = &group.trigger_selector;
            let selection =
                Selection::new(&selector.namespace_selector, selector.label_selector.as_ref(), namespace);
            let path = format!("spec.triggerGroups[{index}].triggerSelector.labelSelector");
            state.groups.push(selected(selection, path));
            let chain = self.compile_group(&id.key, object, index);
            let (name, namespace) = (group.name.as_str().into(), Arc::clone(namespace));
            let before = spec.trigger_groups.iter().take(index as usize);
            let namesakes = before.filter(|other| other.name == group.name).count();
            let namesakes = u32::try_from(namesakes).unwrap_or(u32::MAX);
            let group = ListenerGroup { name, namesakes, namespace, chain, triggers: Arc::default() };
            state.listener.groups.push(Arc::new(group));
        }
        state.listener.errors = errors.into();
        let key = &id.key;
        if state.selections().any(|selection| selection.namespaces == Namespaces::All) {
            self.reach_all.insert(key.clone());
        }
        for namespace in state.reach() {
            self.reach.entry(Arc::clone(namespace)).or_default().insert(key.clone());
        }
    }

    /// The Triggers that a listener could hold, also those it refers to that do not exist.
    fn in_reach(&self, listener: &ObjectKey) -> BTreeSet<ObjectKey> {
        let Some(state) = self.listeners.get(listener) else { return BTreeSet::new() };
        let named = |name: &Arc<str>| ObjectKey::new(Arc::clone(&listener.namespace), Arc::clone(name));
        let mut keys: BTreeSet<_> = state.referred.iter().map(named).collect();
        for selection in state.selections() {
            let mut take = |namespace| {
                let selected = self.catalog.triggers(namespace);
                let selected = selected.filter(|(key, trigger)| selection.selects(&key.namespace, trigger));
                keys.extend(selected.map(|(key, _)| key.clone()));
            };
            match &selection.namespaces {
                Namespaces::All => take(None),
                Namespaces::Named(chosen) => chosen.iter().for_each(|namespace| take(Some(namespace))),
            }
        }
        keys
    }

    /// Compiles a Trigger, and puts it where it is selected.
    pub(super) fn update_trigger(&mut self, key: &ObjectKey) {
        for variant in self.variants(key) {
            self.triggers.remove(&(key.clone(), variant.clone()));
            self.unregister(&User::Trigger(key.clone(), variant));
        }
        if let Some(trigger) = self.catalog.trigger(key).cloned() {
            let compiled = self.compile_trigger(key, &trigger, None, None);
            self.triggers.insert((key.clone(), None), compiled);
        }
        self.place_hook(key);
        let mut listeners = self.holders.get(key).cloned().unwrap_or_default();
        listeners.extend(self.reach.get(&key.namespace).into_iter().flatten().cloned());
        listeners.extend(self.reach_all.iter().cloned());
        for listener in &listeners {
            self.place(listener, key);
        }
    }

    /// Puts a Trigger in a listener and its groups, or takes it out, as they select it now.
    pub(super) fn place(&mut self, listener: &ObjectKey, key: &ObjectKey) {
        let trigger = self.catalog.trigger(key).cloned();
        let Some(state) = self.listeners.get(listener) else { return };
        let is_referred = key.namespace == listener.namespace && state.referred.contains(&key.name);
        let selects = |selection: &Selection| {
            trigger.as_ref().is_some_and(|trigger| selection.selects(&key.namespace, trigger))
        };
        let mut wanted = vec![selects(&state.selection) || (is_referred && trigger.is_some())];
        wanted.extend(state.groups.iter().map(selects));
        let is_wanted = wanted.contains(&true);
        if !is_wanted && !is_referred && !self.is_held_by(key, listener) {
            return;
        }
        let compiled = trigger
            .filter(|_| is_wanted)
            .map(|trigger| self.compiled_for(key, &trigger, &listener.namespace));
        self.changed.insert(listener.clone());
        let Some(state) = self.listeners.get_mut(listener) else { return };
        if is_referred && state.listener.absent.contains(&key.name) == is_wanted {
            let absent = Arc::make_mut(&mut state.listener.absent);
            if is_wanted {
                absent.remove(&key.name)
            } else {
                absent.insert(Arc::clone(&key.name))
            };
        }
        let held = self.held.entry(Arc::clone(&listener.namespace)).or_default();
        let (place, before, mut is_held) = (TriggerPlace::Object(key.clone()), *held, false);
        for (index, is_wanted) in wanted.into_iter().enumerate() {
            let group = index.checked_sub(1).and_then(|group| state.listener.groups.get_mut(group));
            let current = group.as_ref().map_or(&state.listener.triggers, |group| &group.triggers);
            if !is_wanted && current.get(&place).is_none() {
                continue;
            }
            let triggers =
                group.map_or(&mut state.listener.triggers, |group| &mut Arc::make_mut(group).triggers);
            let triggers = Arc::make_mut(triggers);
            if triggers.remove(&place).is_some() {
                *held = held.saturating_sub(1);
            }
            if let Some(trigger) = compiled.as_ref().filter(|_| is_wanted) {
                if *held >= MOST_SELECTED {
                    state.listener.leaves_out = true;
                    continue;
                }
                triggers.insert(&place, Arc::clone(trigger));
                *held += 1;
                is_held = true;
            }
        }
        if *held < before {
            self.freed.insert(Arc::clone(&listener.namespace));
        }
        self.note_held(key, listener, is_held);
    }

    /// A Trigger as the listeners of a namespace see it.
    fn compiled_for(
        &mut self,
        key: &ObjectKey,
        trigger: &Trigger,
        namespace: &Arc<str>,
    ) -> Arc<ListenerTrigger> {
        let is_foreign = key.namespace != *namespace;
        let variant = Some(namespace).filter(|_| is_foreign && has_namespaced(&trigger.spec.interceptors));
        let id = (key.clone(), variant.cloned());
        if let Some(compiled) = self.triggers.get(&id) {
            return Arc::clone(compiled);
        }
        let compiled = self.compile_trigger(key, trigger, variant, None);
        self.triggers.insert(id, Arc::clone(&compiled));
        compiled
    }

    fn remove_listener(&mut self, key: &ObjectKey) {
        let Some(state) = self.listeners.remove(key) else { return };
        for index in (0..).take(state.listener.object.spec.triggers.len()) {
            self.unregister(&User::Entry(key.clone(), index));
        }
        for index in (0..).take(state.groups.len()) {
            self.unregister(&User::Group(key.clone(), index));
        }
        self.reach_all.remove(key);
        for namespace in state.reach() {
            let Some(listeners) = self.reach.get_mut(namespace) else { continue };
            listeners.remove(key);
            if listeners.is_empty() {
                self.reach.remove(namespace);
            }
        }
        let groups = state.listener.groups.iter().map(|group| &group.triggers);
        for triggers in groups.chain([&state.listener.triggers]) {
            for (place, _) in triggers.iter() {
                let TriggerPlace::Object(trigger) = place else { continue };
                if let Some(held) = self.held.get_mut(&key.namespace) {
                    *held = held.saturating_sub(1);
                }
                self.note_held(trigger, key, false);
            }
        }
        self.freed.insert(Arc::clone(&key.namespace));
    }

    /// Gives listeners that had to leave out Triggers those for which there is room now.
    pub(super) fn refill(&mut self) {
        for namespace in std::mem::take(&mut self.freed) {
            let held = self.held.get(&namespace).copied().unwrap_or_default();
            if held == 0 {
                self.held.remove(&namespace);
            }
            if held >= MOST_SELECTED {
                continue;
            }
            let first = ObjectKey::new(Arc::clone(&namespace), "");
            let of_namespace =
                self.listeners.range(first..).take_while(|(key, _)| key.namespace == namespace);
            let short = of_namespace.filter(|(_, state)| state.listener.leaves_out);
            for key in short.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
                self.update_listener(&key);
            }
        }
        self.freed.clear();
    }

    fn is_held_by(&self, trigger: &ObjectKey, listener: &ObjectKey) -> bool {
        self.holders.get(trigger).is_some_and(|holders| holders.contains(listener))
    }

    /// Notes whether a listener holds a Trigger, and forgets what was compiled for it alone.
    fn note_held(&mut self, trigger: &ObjectKey, listener: &ObjectKey, is_held: bool) {
        if is_held {
            self.holders.entry(trigger.clone()).or_default().insert(listener.clone());
        } else if let Some(holders) = self.holders.get_mut(trigger) {
            holders.remove(listener);
            let is_seen = holders.iter().any(|holder| holder.namespace == listener.namespace);
            if holders.is_empty() {
                self.holders.remove(trigger);
            }
            let variant = Some(Arc::clone(&listener.namespace));
            if !is_seen && self.triggers.remove(&(trigger.clone(), variant.clone())).is_some() {
                self.unregister(&User::Trigger(trigger.clone(), variant));
            }
        }
        self.touched.insert(ListenerObject { kind: Kind::Trigger, key: trigger.clone() });
    }

    /// The namespaces of listeners for which a Trigger is compiled.
    fn variants(&self, trigger: &ObjectKey) -> Vec<Option<Arc<str>>> {
        let from = self.triggers.range((trigger.clone(), None)..);
        from.take_while(|((key, _), _)| key == trigger).map(|((_, variant), _)| variant.clone()).collect()
    }

    /// A Trigger as the listeners see it that hold it; as one of its own namespace would, if none does.
    pub(super) fn variants_in_use(&self, trigger: &ObjectKey) -> impl Iterator<Item = &Arc<ListenerTrigger>> {
        let variants = self.variants(trigger);
        let holders = self.holders.get(trigger);
        let is_at_home = holders.is_none_or(|holders| {
            variants.len() <= 1 || holders.iter().any(|holder| holder.namespace == trigger.namespace)
        });
        let in_use = variants.into_iter().filter(move |variant| variant.is_some() || is_at_home);
        in_use.filter_map(|variant| self.triggers.get(&(trigger.clone(), variant)))
    }
}
