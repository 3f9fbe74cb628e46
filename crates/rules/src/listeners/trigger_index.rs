use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use trigger_core::ObjectKey;
use trigger_expr::Headers;

use super::bucket::{Bucket, Found};
use super::demand::{Demand, DemandedTypes};
use super::listener_set::repository_key;
use super::trigger::ListenerTrigger;
use crate::interceptors::State;

/// The place of a trigger in a listener: entries first, then objects by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TriggerPlace {
    /// The entry of `spec.triggers` at this place, from 0.
    Entry(u32),
    /// A Trigger that is selected or referred to. It stands here once, however many reasons there are.
    Object(ObjectKey),
}

/// The triggers of a listener or of a group, found by what a request could pass. Most have few, so its maps are small ones,
/// and a version that changes is copied.
#[derive(Debug, Clone, Default)]
pub(super) struct TriggerIndex {
    triggers: BTreeMap<TriggerPlace, Arc<ListenerTrigger>>,
    /// Those that take any type of event.
    any: Bucket,
    /// The others, by header and type of event.
    by_type: HashMap<(&'static str, Box<str>), Bucket>,
}

/// A trigger with its place.
pub(super) type Placed<'a> = (&'a TriggerPlace, &'a Arc<ListenerTrigger>);

impl TriggerIndex {
    /// Puts a trigger in its place. One that is there is replaced.
    pub(super) fn insert(&mut self, place: &TriggerPlace, trigger: Arc<ListenerTrigger>) {
        self.remove(place);
        let Demand { types, content } = &trigger.demand;
        match types {
            None => self.any.insert(place, content.as_ref()),
            Some(DemandedTypes { header, types }) => {
                for kind in types {
                    self.by_type.entry((*header, kind.clone())).or_default().insert(place, content.as_ref());
                }
            }
        }
        self.triggers.insert(place.clone(), trigger);
    }

    /// Takes a trigger out.
    pub(super) fn remove(&mut self, place: &TriggerPlace) -> Option<Arc<ListenerTrigger>> {
        let trigger = self.triggers.remove(place)?;
        let Demand { types, content } = &trigger.demand;
        match types {
            None => self.any.remove(place, content.as_ref()),
            Some(DemandedTypes { header, types }) => {
                for kind in types {
                    let key = (*header, kind.clone());
                    let Some(bucket) = self.by_type.get_mut(&key) else { continue };
                    bucket.remove(place, content.as_ref());
                    if bucket.is_empty() {
                        self.by_type.remove(&key);
                    }
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
    pub(super) fn iter(&self) -> impl Iterator<Item = Placed<'_>> {
        self.triggers.iter()
    }

    /// Those that an event could pass by its type and its content, in order. The cost follows from their number, not from
    /// that of all. The content is read only if a trigger that takes this type is found by it.
    pub(super) fn candidates(&self, event: &State) -> Vec<Placed<'_>> {
        let reads_body = self.buckets(event.headers()).any(Bucket::reads_body);
        let reads_webhook = self.buckets(event.headers()).any(Bucket::reads_webhook);
        let body = reads_body.then(|| event.body_in_chain());
        let body = body.as_ref().and_then(|body| body.value().ok());
        let webhook = if reads_webhook { event.git_webhook().ok() } else { None };
        let repositories = webhook.map(|webhook| webhook.repositories().map(repository_key).collect());
        self.admitted(event.headers(), &Found { body, repositories })
    }

    /// Those that a request could pass by the type of its event, in order.
    pub(super) fn takers(&self, headers: &Headers) -> Vec<Placed<'_>> {
        self.admitted(headers, &Found::default())
    }

    /// The others than the candidates, in order. This looks at every trigger.
    pub(super) fn excluded(&self, event: &State) -> Vec<Placed<'_>> {
        let found: BTreeSet<_> = self.candidates(event).into_iter().map(|(place, _)| place).collect();
        self.triggers.iter().filter(|(place, _)| !found.contains(place)).collect()
    }

    /// Of those that take the type of an event and demand a content, one for each way in which they authenticate
    /// senders before they look at it.
    pub(super) fn stand_ins(&self, event: &State) -> Vec<Placed<'_>> {
        self.placed(self.buckets(event.headers()).flat_map(Bucket::stand_ins).collect())
    }

    fn admitted(&self, headers: &Headers, content: &Found<'_>) -> Vec<Placed<'_>> {
        let mut places = BTreeSet::new();
        self.buckets(headers).for_each(|bucket| bucket.add_admitted(content, &mut places));
        self.placed(places)
    }

    fn placed(&self, places: BTreeSet<&TriggerPlace>) -> Vec<Placed<'_>> {
        places.into_iter().filter_map(|place| self.triggers.get_key_value(place)).collect()
    }

    /// The buckets of a request's type.
    fn buckets(&self, headers: &Headers) -> impl Iterator<Item = &Bucket> {
        let typed = DemandedTypes::in_request(headers)
            .filter_map(move |(header, kind)| self.by_type.get(&(header, Box::from(kind))));
        std::iter::once(&self.any).chain(typed)
    }
}
