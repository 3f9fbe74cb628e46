use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use trigger_core::ObjectKey;
use trigger_expr::Headers;

use super::demand::Demand;
use super::trigger::ListenerTrigger;

/// The place of a trigger in a listener: entries first, then objects by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TriggerPlace {
    /// The entry of `spec.triggers` at this place, from 0.
    Entry(u32),
    /// A Trigger that is selected or referred to. It stands here once, however many reasons there are.
    Object(ObjectKey),
}

/// The triggers of a listener or of a group, found by what a request could pass. A copy shares everything.
#[derive(Debug, Clone, Default)]
pub(super) struct TriggerIndex {
    triggers: OrdMap<TriggerPlace, Arc<ListenerTrigger>>,
    /// Those that any request could pass.
    any: OrdSet<TriggerPlace>,
    /// The others, by header and type of event.
    by_type: HashMap<(&'static str, Box<str>), OrdSet<TriggerPlace>>,
}

impl TriggerIndex {
    /// Puts a trigger in its place. One that is there is replaced.
    pub(super) fn insert(&mut self, place: &TriggerPlace, trigger: Arc<ListenerTrigger>) {
        self.remove(place);
        match &trigger.demand {
            Demand::Any => {
                self.any.insert(place.clone());
            }
            Demand::EventType { header, types } => {
                for kind in types {
                    self.by_type.entry((header, kind.clone())).or_default().insert(place.clone());
                }
            }
        }
        self.triggers.insert(place.clone(), trigger);
    }

    /// Takes a trigger out.
    pub(super) fn remove(&mut self, place: &TriggerPlace) -> Option<Arc<ListenerTrigger>> {
        let trigger = self.triggers.remove(place)?;
        self.any.remove(place);
        if let Demand::EventType { header, types } = &trigger.demand {
            for kind in types {
                let key = (*header, kind.clone());
                let Some(places) = self.by_type.get_mut(&key) else { continue };
                places.remove(place);
                if places.is_empty() {
                    self.by_type.remove(&key);
                }
            }
        }
        Some(trigger)
    }

    /// The trigger at a place.
    pub(super) fn get(&self, place: &TriggerPlace) -> Option<&Arc<ListenerTrigger>> {
        self.triggers.get(place)
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.iter()
    }

    /// Those whose first interceptor stops a request by the type of its event, in order. This looks at every trigger.
    pub(super) fn excluded(
        &self,
        headers: &Headers,
    ) -> impl Iterator<Item = (&TriggerPlace, &Arc<ListenerTrigger>)> {
        self.triggers.iter().filter(|(_, trigger)| !trigger.demand.admits(headers))
    }

    /// Those whose first interceptor a request could pass, in order. The cost follows from their number, not from that of
    /// all.
    pub(super) fn candidates(&self, headers: &Headers) -> Vec<(&TriggerPlace, &Arc<ListenerTrigger>)> {
        let typed = Demand::headers().filter_map(|header| {
            let kind = headers.first(header).unwrap_or_default();
            self.by_type.get(&(header, Box::from(kind)))
        });
        let mut places: BTreeSet<&TriggerPlace> = self.any.iter().collect();
        places.extend(typed.flatten());
        places.into_iter().filter_map(|place| self.triggers.get_key_value(place)).collect()
    }
}
