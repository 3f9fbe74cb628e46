//! Tenant B: it may write Builds, Secrets, runs of pipelines and objects of Tekton Triggers in its own namespace, and does
//! so without pause.
//!
//! `shapes` are sets of objects that were once harmful, or could be, one set after the other; `listener_shapes` has the
//! objects of those with listeners, to which `sender` sends events. `builds`, `listeners` and `others` make random objects
//! meanwhile.

mod builds;
mod listener_shapes;
mod listeners;
mod others;
mod sender;
mod shapes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::{Gvr, StoreHandle};

use self::sender::{Events, Present};
pub(super) use self::shapes::Shape;
use super::addresses::Addresses;
use super::dice::Dice;
use super::texts;

/// The namespace of tenant B.
pub(super) const NAMESPACE: &str = "hostile";
/// A repository of its own.
pub(super) const REPOSITORY: &str = "https://git.hostile.example/hostile/app";
/// The Secret with its key.
const SECRET: &str = "own";
/// Its key: it can sign deliveries that its Builds accept.
pub(super) const KEY: &str = "the webhook key of the hostile tenant";

/// Its listener that verifies senders with that key.
pub(super) const OWN: &str = "own";
/// Its listener that any sender may use.
pub(super) const OPEN: &str = "open";

/// The path of a listener.
pub(super) fn listener_path(name: &str) -> String {
    format!("/listeners/{NAMESPACE}/{name}")
}

/// How long the objects of a shape stay before those of the next come. Those of two shapes exist at a time.
const PHASE: Duration = Duration::from_secs(6);
/// Between two random objects.
const PAUSE: Duration = Duration::from_millis(40);
/// So many names have random objects, which therefore replace each other.
const NAMES: usize = 60;

/// What tenant B did so far.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    /// By shape, or `random`: objects that the API server accepted and refused.
    objects: BTreeMap<&'static str, [u64; 2]>,
    events: Events,
    /// The shapes that exist now.
    now: Vec<Present>,
}

/// Tenant B.
#[derive(Clone)]
pub(super) struct Tenant {
    store: StoreHandle,
    addresses: Addresses,
    deeds: Arc<Mutex<Deeds>>,
}

impl Tenant {
    pub(super) fn new(store: StoreHandle, addresses: Addresses) -> Self {
        Self { store, addresses, deeds: Arc::default() }
    }

    /// Accepted and refused objects by shape, responses to events by shape, and the shapes that exist.
    pub(super) fn deeds(&self) -> Value {
        let deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        let now: Vec<_> = deeds.now.iter().map(|present| present.shape).collect();
        json!({"objects": deeds.objects, "events": deeds.events, "now": now})
    }

    /// The shapes that exist.
    fn present(&self) -> Vec<Present> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).now.clone()
    }

    /// Writes the objects that exist all the time: strangers send requests for them.
    pub(super) async fn settle(&self) {
        self.write("own", shapes::secret(SECRET)).await;
        let rules = json!({"triggerSecret": SECRET, "when": [builds::push_rule("push", &["main"])]});
        self.write("own", builds::build(OWN, REPOSITORY, &rules)).await;
        for listener in listeners::own() {
            self.write("own", listener).await;
        }
    }

    /// Writes objects until it is dropped: the shapes in turn, and random ones unless only one shape is wanted.
    pub(super) async fn run(self, hooks: SocketAddr, seed: u64, only: Option<Shape>, has_listeners: bool) {
        let mut dice = Dice::new(seed);
        let (random, events) = (dice.fork(), dice.fork());
        let all = Shape::ALL.into_iter().filter(|shape| has_listeners || !shape.is_of_listeners());
        let shapes = only.map_or_else(|| all.collect(), |shape| vec![shape]);
        tokio::join!(self.shapes(dice, shapes), self.send(hooks, events), async {
            if only.is_none() {
                self.random(random, has_listeners).await;
            }
        });
    }

    /// Puts one shape after the other there, each for two phases.
    async fn shapes(&self, mut dice: Dice, shapes: Vec<Shape>) {
        let mut before: Vec<Value> = Vec::new();
        loop {
            let mut order = shapes.clone();
            for place in (1..order.len()).rev() {
                order.swap(place, dice.below(place + 1));
            }
            for shape in order {
                let objects = shape.objects(&self.addresses);
                let present = Present::new(shape.name(), &objects);
                self.note(|deeds| deeds.now.push(present));
                for object in &objects {
                    self.write(shape.name(), object.clone()).await;
                }
                tokio::time::sleep(PHASE).await;
                for object in std::mem::replace(&mut before, objects) {
                    self.delete(&object).await;
                }
                self.note(|deeds| {
                    if deeds.now.len() > 1 {
                        deeds.now.remove(0);
                    }
                });
            }
        }
    }

    async fn random(&self, mut dice: Dice, has_listeners: bool) {
        loop {
            let name = format!("random-{}", dice.below(NAMES));
            let object = match dice.below(3) {
                0 => builds::any(&mut dice, &name),
                1 if has_listeners => listeners::any(&mut dice, &name),
                _ => others::any(&mut dice, &name),
            };
            if dice.one_in(4) {
                self.delete(&object).await;
            } else {
                self.write("random", object).await;
            }
            if dice.one_in(50) {
                let name = texts::any(&mut dice);
                self.write("random", builds::any(&mut dice, &name)).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn write(&self, shape: &'static str, object: Value) {
        let refused = self.store.apply(object).await.is_err();
        self.note(|deeds| deeds.objects.entry(shape).or_default()[usize::from(refused)] += 1);
        // The dev cluster works on the thread that asks; its answers to the program come first.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn delete(&self, object: &Value) {
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let resource = Gvr::new(group, version, format!("{}s", kind.to_lowercase()));
        // An object that was refused is not there.
        let _ = self.store.delete(&resource, NAMESPACE, &text(&object["metadata"]["name"])).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn note(&self, change: impl FnOnce(&mut Deeds)) {
        change(&mut self.deeds.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
