//! Tenant B: it may write Builds, Secrets and runs of pipelines in its own namespace, and does so without pause.
//!
//! `shapes` are sets of objects that were once harmful, one set after the other; `builds` and `others` make random
//! objects meanwhile.

mod builds;
mod others;
mod shapes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use trigger_devcluster::{Gvr, StoreHandle};

pub(super) use self::shapes::Shape;
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
    /// The shapes that exist now.
    now: Vec<&'static str>,
}

/// Tenant B.
#[derive(Clone)]
pub(super) struct Tenant {
    store: StoreHandle,
    registry: String,
    deeds: Arc<Mutex<Deeds>>,
}

impl Tenant {
    pub(super) fn new(store: StoreHandle, registry: String) -> Self {
        Self { store, registry, deeds: Arc::default() }
    }

    /// Accepted and refused objects by shape, and the shapes that exist.
    pub(super) fn deeds(&self) -> Value {
        let deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        json!({"objects": deeds.objects, "now": deeds.now})
    }

    /// Writes objects until it is dropped: the shapes in turn, and random ones unless only one shape is wanted.
    pub(super) async fn run(self, seed: u64, only: Option<Shape>) {
        let mut dice = Dice::new(seed);
        self.write("own", shapes::secret(SECRET)).await;
        let rules = json!({"triggerSecret": SECRET, "when": [builds::push_rule("push", &["main"])]});
        self.write("own", builds::build("own", REPOSITORY, &rules)).await;
        let random = dice.fork();
        tokio::join!(self.shapes(dice, only), async {
            if only.is_none() {
                self.random(random).await;
            }
        });
    }

    /// Puts one shape after the other there, each for two phases.
    async fn shapes(&self, mut dice: Dice, only: Option<Shape>) {
        let mut before: Vec<Value> = Vec::new();
        loop {
            let mut order = only.map_or_else(|| Shape::ALL.to_vec(), |shape| vec![shape]);
            for place in (1..order.len()).rev() {
                order.swap(place, dice.below(place + 1));
            }
            for shape in order {
                self.note(|deeds| deeds.now.push(shape.name()));
                let objects = shape.objects(&self.registry);
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

    async fn random(&self, mut dice: Dice) {
        loop {
            let name = format!("random-{}", dice.below(NAMES));
            let object =
                if dice.one_in(2) { builds::any(&mut dice, &name) } else { others::any(&mut dice, &name) };
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
