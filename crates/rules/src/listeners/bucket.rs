use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use serde_json::Value;
use trigger_expr::cel::BodyPath;

use super::demand::{Content, ContentDemand, Lock};
use super::trigger_index::TriggerPlace;
use crate::limits::MOST_EVALUATED;

/// The triggers that take one type of event, found by the content that they demand.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    /// Those that any content could pass.
    plain: BTreeSet<TriggerPlace>,
    /// Those that demand a text of the body, by its path.
    by_path: HashMap<BodyPath, Field>,
    /// Those that demand a webhook of a repository.
    repositories: Field,
    /// The triggers that demand a content, by what authenticates their senders.
    by_lock: HashMap<Lock, BTreeSet<TriggerPlace>>,
}

/// The triggers that demand a text of one field.
#[derive(Debug, Clone, Default)]
struct Field {
    all: BTreeSet<TriggerPlace>,
    by_text: HashMap<Box<str>, BTreeSet<TriggerPlace>>,
}

/// The content of an event, as far as triggers are found by it.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    /// The body; absent if it is no JSON, or no trigger is found by it.
    pub(super) body: Option<&'a Value>,
    /// The repositories of the webhook; absent if it is none, or no trigger is found by them.
    pub(super) repositories: Option<Vec<Box<str>>>,
}

impl Bucket {
    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.by_lock.is_empty()
    }

    /// Puts the trigger with this demand in.
    pub(super) fn insert(&mut self, place: &TriggerPlace, demand: Option<&ContentDemand>) {
        let Some(ContentDemand { content, lock }) = demand else {
            self.plain.insert(place.clone());
            return;
        };
        put(&mut self.by_lock, lock, place);
        match content {
            Content::Text(text) => {
                let field = self.by_path.entry(text.path().clone()).or_default();
                text.texts().iter().for_each(|text| field.insert(place, text));
                field.all.insert(place.clone());
            }
            Content::Repository(repository) => self.repositories.insert(place, repository),
        }
    }

    /// Takes the trigger with this demand out.
    pub(super) fn remove(&mut self, place: &TriggerPlace, demand: Option<&ContentDemand>) {
        let Some(ContentDemand { content, lock }) = demand else {
            self.plain.remove(place);
            return;
        };
        take(&mut self.by_lock, lock, place);
        match content {
            Content::Text(text) => {
                let Some(field) = self.by_path.get_mut(text.path()) else { return };
                text.texts().iter().for_each(|text| field.remove(place, text));
                field.all.remove(place);
                if field.all.is_empty() {
                    self.by_path.remove(text.path());
                }
            }
            Content::Repository(repository) => self.repositories.remove(place, repository),
        }
    }

    /// Whether the body decides which triggers an event could pass.
    pub(super) fn reads_body(&self) -> bool {
        self.is_large() && !self.by_path.is_empty()
    }

    /// Whether the repository decides it.
    pub(super) fn reads_webhook(&self) -> bool {
        self.is_large() && !self.repositories.all.is_empty()
    }

    /// Where few triggers demand a content, all are looked at, so that each has a decision with what it saw.
    fn is_large(&self) -> bool {
        let of_texts = self.by_path.values().map(|field| field.all.len()).sum::<usize>();
        of_texts + self.repositories.all.len() > MOST_EVALUATED
    }

    /// Adds the triggers that an event with this content could pass: all, as far as it is not known.
    pub(super) fn add_admitted<'a>(&'a self, content: &Found<'_>, found: &mut BTreeSet<&'a TriggerPlace>) {
        found.extend(&self.plain);
        let is_large = self.is_large();
        for (path, field) in &self.by_path {
            match content.body.filter(|_| is_large).and_then(|body| path.text_in(body)) {
                Some(text) => found.extend(field.by_text.get(text).into_iter().flatten()),
                None => found.extend(&field.all),
            }
        }
        let field = &self.repositories;
        match content.repositories.as_ref().filter(|_| is_large) {
            Some(names) => {
                found.extend(names.iter().filter_map(|name| field.by_text.get(name)).flatten());
            }
            None => found.extend(&field.all),
        }
    }

    /// For each lock, one of the triggers that demand a content.
    pub(super) fn stand_ins(&self) -> impl Iterator<Item = &TriggerPlace> {
        self.by_lock.values().filter_map(BTreeSet::first)
    }
}

impl Field {
    fn insert(&mut self, place: &TriggerPlace, text: &str) {
        self.all.insert(place.clone());
        put(&mut self.by_text, &text.into(), place);
    }

    fn remove(&mut self, place: &TriggerPlace, text: &str) {
        self.all.remove(place);
        take(&mut self.by_text, &text.into(), place);
    }
}

fn put<K: Clone + Eq + Hash>(sets: &mut HashMap<K, BTreeSet<TriggerPlace>>, key: &K, place: &TriggerPlace) {
    sets.entry(key.clone()).or_default().insert(place.clone());
}

fn take<K: Clone + Eq + Hash>(sets: &mut HashMap<K, BTreeSet<TriggerPlace>>, key: &K, place: &TriggerPlace) {
    let Some(places) = sets.get_mut(key) else { return };
    places.remove(place);
    if places.is_empty() {
        sets.remove(key);
    }
}
