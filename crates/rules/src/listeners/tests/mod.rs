mod bounds;
mod candidates;
mod changes;
mod deciding;
mod repositories;
mod selecting;
mod status;
mod texts;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::triggers::Kind;
use trigger_expr::Headers;

use super::*;
use crate::interceptors::{Body, ReceivedRequest, State};

/// An inventory of objects, and what it says about them.
struct Fixture(ListenerInventory);

impl Fixture {
    fn new(objects: impl IntoIterator<Item = (Kind, Value)>) -> Self {
        let inventory = ListenerInventory::default();
        for (kind, object) in objects {
            inventory.apply(kind, object);
        }
        inventory.mark_synced();
        Self(inventory)
    }

    fn apply(&self, (kind, object): (Kind, Value)) -> BTreeMap<String, Vec<String>> {
        texts(self.0.apply(kind, object))
    }

    fn delete(&self, kind: Kind, namespace: &str, name: &str) -> BTreeMap<String, Vec<String>> {
        texts(self.0.delete(&ListenerObject::new(kind, namespace, name)))
    }

    fn listener(&self, namespace: &str, name: &str) -> std::sync::Arc<Listener> {
        std::sync::Arc::clone(self.0.current().unwrap().listener(namespace, name).unwrap())
    }

    /// The triggers of the listener `depot/front`, each as `namespace/name`, then those of its groups.
    fn runs(&self) -> Vec<String> {
        let listener = self.listener("depot", "front");
        let name = |(_, trigger): (&TriggerPlace, &std::sync::Arc<ListenerTrigger>)| {
            format!("{}/{}", trigger.namespace, trigger.name)
        };
        let mut names: Vec<_> = listener.triggers().map(name).collect();
        for group in listener.groups() {
            names.extend(group.triggers().map(|found| format!("{}:{}", group.name, name(found))));
        }
        names
    }

    fn errors(&self) -> Vec<String> {
        self.listener("depot", "front").errors().iter().map(ToString::to_string).collect()
    }
}

fn texts(changed: Vec<ObjectErrors>) -> BTreeMap<String, Vec<String>> {
    let text = |ObjectErrors { object, errors }: ObjectErrors| {
        (object.to_string(), errors.iter().map(ToString::to_string).collect())
    };
    changed.into_iter().map(text).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "a spec is written in place")]
fn object(kind: Kind, namespace: &str, name: &str, spec: Value) -> (Kind, Value) {
    (kind, json!({"metadata": {"namespace": namespace, "name": name, "uid": "u"}, "spec": spec}))
}

fn labelled(labels: Value, (kind, mut object): (Kind, Value)) -> (Kind, Value) {
    object["metadata"]["labels"] = labels;
    (kind, object)
}

/// An event with this body and these headers.
fn event(body: &Value, headers: &[(&str, &str)]) -> State {
    event_of_text(body.to_string(), headers)
}

fn event_of_text(body: String, headers: &[(&str, &str)]) -> State {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.append(name, (*value).to_owned());
    }
    State::new(ReceivedRequest {
        body: Body::new(body),
        headers: all.into(),
        url: "/".into(),
        event_id: "e-1".into(),
        at: Timestamp::UNIX_EPOCH,
    })
}

fn names<'a>(
    found: impl IntoIterator<Item = (&'a TriggerPlace, &'a std::sync::Arc<ListenerTrigger>)>,
) -> Vec<&'a str> {
    found.into_iter().map(|(_, trigger)| &*trigger.name).collect()
}

/// The listener `depot/front`.
fn front(spec: Value) -> (Kind, Value) {
    object(Kind::EventListener, "depot", "front", spec)
}

/// A trigger that has all it needs.
fn trigger(namespace: &str, name: &str) -> (Kind, Value) {
    object(Kind::Trigger, namespace, name, json!({"template": {"spec": {}}}))
}
