use std::collections::BTreeSet;
use std::hash::Hash;

use imbl::{HashMap, OrdSet};
use serde_json::Value;
use trigger_expr::cel::BodyPath;

use super::demand::{Lock, TextDemand};
use super::trigger_index::TriggerPlace;
use crate::limits::MOST_EVALUATED;

/// The triggers that take one type of event, found by the text that they demand of its body. A copy shares everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    /// Those that any body could pass.
    plain: OrdSet<TriggerPlace>,
    /// The others, by the path of the text.
    by_path: HashMap<BodyPath, Field>,
    /// The same, by what authenticates their senders.
    by_lock: HashMap<Lock, OrdSet<TriggerPlace>>,
}

/// The triggers that demand a text of one field.
#[derive(Debug, Clone, Default)]
struct Field {
    all: OrdSet<TriggerPlace>,
    by_text: HashMap<Box<str>, OrdSet<TriggerPlace>>,
}

impl Bucket {
    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.by_path.is_empty()
    }

    /// Puts the trigger with this demand in.
    pub(super) fn insert(&mut self, place: &TriggerPlace, demand: Option<&TextDemand>) {
        let Some(TextDemand { text, lock }) = demand else {
            self.plain.insert(place.clone());
            return;
        };
        put(&mut self.by_lock, lock, place);
        let field = self.by_path.entry(text.path().clone()).or_default();
        field.all.insert(place.clone());
        for text in text.texts() {
            put(&mut field.by_text, text, place);
        }
    }

    /// Takes the trigger with this demand out.
    pub(super) fn remove(&mut self, place: &TriggerPlace, demand: Option<&TextDemand>) {
        let Some(TextDemand { text, lock }) = demand else {
            self.plain.remove(place);
            return;
        };
        take(&mut self.by_lock, lock, place);
        let Some(field) = self.by_path.get_mut(text.path()) else { return };
        field.all.remove(place);
        for text in text.texts() {
            take(&mut field.by_text, text, place);
        }
        if field.all.is_empty() {
            self.by_path.remove(text.path());
        }
    }

    /// Whether the body decides which triggers an event could pass. Where there are few, all are looked at, so that each
    /// has a decision with the values that its filter saw.
    pub(super) fn reads_body(&self) -> bool {
        self.by_path.values().map(|field| field.all.len()).sum::<usize>() > MOST_EVALUATED
    }

    /// Adds the triggers that an event with this body could pass: all without a body.
    pub(super) fn add_admitted<'a>(&'a self, body: Option<&Value>, found: &mut BTreeSet<&'a TriggerPlace>) {
        found.extend(&self.plain);
        let body = body.filter(|_| self.reads_body());
        for (path, field) in &self.by_path {
            match body.and_then(|body| path.text_in(body)) {
                Some(text) => found.extend(field.by_text.get(text).into_iter().flatten()),
                None => found.extend(&field.all),
            }
        }
    }

    /// For each lock, one of the triggers that demand a text.
    pub(super) fn stand_ins(&self) -> impl Iterator<Item = &TriggerPlace> {
        self.by_lock.values().filter_map(OrdSet::get_min)
    }
}

fn put<K: Clone + Eq + Hash>(sets: &mut HashMap<K, OrdSet<TriggerPlace>>, key: &K, place: &TriggerPlace) {
    sets.entry(key.clone()).or_default().insert(place.clone());
}

fn take<K: Clone + Eq + Hash>(sets: &mut HashMap<K, OrdSet<TriggerPlace>>, key: &K, place: &TriggerPlace) {
    let Some(places) = sets.get_mut(key) else { return };
    places.remove(place);
    if places.is_empty() {
        sets.remove(key);
    }
}
