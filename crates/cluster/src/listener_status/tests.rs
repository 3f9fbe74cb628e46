use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;
use trigger_api::triggers::Kind;
use trigger_rules::listeners::{ListenerInventory, ListenerObject};

use super::PER_SECOND;
use super::writer::Loop;
use crate::event_recorder::{EventRecorder, ObjectEvent};
use crate::feeds::Scope;
use crate::scripted_api::{Recorded, ScriptedApi};

/// The EventListeners of an API server, by path.
#[derive(Default)]
struct Store {
    listeners: BTreeMap<String, Value>,
    writes: u64,
}

impl Store {
    fn answer(&mut self, request: &Recorded) -> (u16, Value) {
        let path = request.path.trim_end_matches("/status");
        let Some(listener) = self.listeners.get_mut(path) else {
            let name = path.rsplit('/').next().unwrap();
            return failure(404, &format!("eventlisteners \"{name}\" not found"), name);
        };
        if request.method == "PATCH" {
            assert!(request.path.ends_with("/status"), "{request:?}");
            if request.body["metadata"]["resourceVersion"] != listener["metadata"]["resourceVersion"] {
                return failure(409, "the object has been modified", "");
            }
            self.writes += 1;
            listener["metadata"]["resourceVersion"] = format!("w{}", self.writes).into();
            merge(&mut listener["status"], &request.body["status"]);
        }
        (200, listener.clone())
    }

    fn listener(&mut self, key: &str) -> &mut Value {
        self.listeners.get_mut(&path(key)).unwrap()
    }
}

fn path(key: &str) -> String {
    let (namespace, name) = key.split_once('/').unwrap();
    format!("/apis/triggers.tekton.dev/v1beta1/namespaces/{namespace}/eventlisteners/{name}")
}

fn failure(code: u16, message: &str, name: &str) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "Reason" };
    let details = if name.is_empty() { Value::Null } else { json!({"name": name, "kind": "eventlisteners"}) };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
        "code": code, "details": details,
    });
    (code, status)
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return *target = patch.clone() };
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// An API server with EventListeners, and the loop that writes their status.
struct World {
    store: Arc<Mutex<Store>>,
    api: ScriptedApi,
    inventory: Arc<ListenerInventory>,
    events: mpsc::Receiver<ObjectEvent>,
    /// The status that the watch has shown last.
    shown: Mutex<BTreeMap<String, Value>>,
}

impl World {
    /// Starts with these listeners. `answer` answers in place of the store.
    fn new(
        keys: impl IntoIterator<Item = String>,
        scope: &Scope,
        answer: impl Fn(&Recorded, &mut Store) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let store = Arc::new(Mutex::new(Store::default()));
        for key in keys {
            let (namespace, name) = key.split_once('/').unwrap();
            let metadata = json!({
                "namespace": namespace, "name": name, "uid": "u", "resourceVersion": "1", "generation": 1,
            });
            let triggers = json!([{"name": "sound", "template": {"spec": {}}}]);
            let listener = json!({
                "apiVersion": "triggers.tekton.dev/v1beta1", "kind": "EventListener", "metadata": metadata,
                "spec": {"triggers": triggers}, "status": {},
            });
            store.lock().unwrap().listeners.insert(path(&key), listener);
        }
        let served = Arc::clone(&store);
        let api = ScriptedApi::new(move |request| answer(request, &mut served.lock().unwrap()));
        let inventory = Arc::new(ListenerInventory::default());
        let (recorder, events) = EventRecorder::received();
        let url = Some("https://hooks.example.com");
        let writer = Loop::with(api.client(), scope, &inventory, url, &recorder);
        tokio::spawn(writer.run());
        let world = Self { store, api, inventory, events, shown: Mutex::default() };
        world.watch();
        world.inventory.mark_synced();
        world
    }

    fn with(keys: &[&str]) -> Self {
        let keys = keys.iter().map(ToString::to_string);
        Self::new(keys, &Scope::Cluster, |request, store| store.answer(request))
    }

    /// A watch shows the listeners that have changed.
    fn watch(&self) {
        let (store, mut shown) = (self.store.lock().unwrap(), self.shown.lock().unwrap());
        for (path, listener) in &store.listeners {
            if shown.get(path) != Some(listener) {
                self.inventory.apply(Kind::EventListener, listener.clone());
                shown.insert(path.clone(), listener.clone());
            }
        }
    }

    /// Lets time pass, with a watch that works.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            sleep(Duration::from_secs(1)).await;
            self.watch();
        }
    }

    fn count(&self, method: &str) -> usize {
        self.api.requests().iter().filter(|request| request.method == method).count()
    }

    fn condition(&self, key: &str, kind: &str) -> Value {
        let mut store = self.store.lock().unwrap();
        let conditions = store.listener(key)["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
    }

    fn is_ready(&self, key: &str) -> bool {
        self.condition(key, "Ready")["status"] == "True"
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_once_and_again_when_it_changes() {
    let world = World::with(&["depot/front", "annex/front"]);
    world.pass(3).await;
    let status = world.store.lock().unwrap().listener("depot/front")["status"].clone();
    assert_eq!(status["address"]["url"], "https://hooks.example.com/listeners/depot/front");
    assert_eq!(status["observedGeneration"], 1);
    assert!(world.is_ready("depot/front") && world.is_ready("annex/front"));
    world.pass(60).await;
    assert_eq!((world.count("GET"), world.count("PATCH")), (2, 2), "nothing has changed since");

    {
        let mut store = world.store.lock().unwrap();
        let listener = store.listener("depot/front");
        listener["spec"]["triggers"] = json!([{"name": "hollow"}]);
        listener["metadata"]["generation"] = 2.into();
        listener["metadata"]["resourceVersion"] = "edited".into();
    }
    world.watch();
    world.pass(3).await;
    assert!(!world.is_ready("depot/front") && world.is_ready("annex/front"));
    assert_eq!(world.store.lock().unwrap().listener("depot/front")["status"]["observedGeneration"], 2);
    assert_eq!(world.count("PATCH"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_right_costs_no_request_and_a_broken_object_has_one_too() {
    let world = World::with(&["depot/front"]);
    world.pass(3).await;
    let listener = world.store.lock().unwrap().listener("depot/front").clone();
    let (requests, inventory) = (world.api.requests().len(), Arc::new(ListenerInventory::default()));
    inventory.apply(Kind::EventListener, listener);
    inventory.mark_synced();
    let (recorder, _events) = EventRecorder::received();
    let url = Some("https://hooks.example.com");
    tokio::spawn(Loop::with(world.api.client(), &Scope::Cluster, &inventory, url, &recorder).run());
    world.pass(5).await;
    assert_eq!(world.api.requests().len(), requests, "another leader finds nothing to do");

    world.store.lock().unwrap().listener("depot/front")["spec"] = json!("x");
    world.watch();
    world.pass(3).await;
    let ready = world.condition("depot/front", "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("NotServed")));
    let requests = world.api.requests().len();
    world.pass(30).await;
    assert_eq!(world.api.requests().len(), requests);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_replaces_the_status_is_not_fought() {
    let rival = |request: &Recorded, store: &mut Store| {
        let answer = store.answer(request);
        if request.method == "PATCH" && request.path.contains("/depot/") {
            let listener = store.listener("depot/front");
            listener["metadata"]["resourceVersion"] = format!("rival of {}", request.body["metadata"]).into();
            listener["metadata"]["managedFields"] = json!([
                {"manager": "controller", "subresource": "status", "time": "2026-01-02T00:00:00Z"},
            ]);
            listener["status"] = json!({"address": {"url": "http://el-front.depot.svc.cluster.local:8080"}});
        }
        answer
    };
    let keys = ["depot/front", "annex/front"].map(ToOwned::to_owned);
    let mut world = World::new(keys, &Scope::Cluster, rival);
    world.pass(600).await;
    let contested = world.api.requests().into_iter().filter(|request| request.path.contains("/depot/"));
    let patches = contested.filter(|request| request.method == "PATCH").count();
    assert_eq!(patches, 3, "then it is left alone");
    let event = world.events.try_recv().unwrap();
    assert_eq!((&*event.reason, event.warning), ("StatusContested", true));
    assert_eq!(event.about.resource, ListenerObject::new(Kind::EventListener, "depot", "front").resource());
    assert!(
        event.note.starts_with("the manager \"controller\" has replaced the status 3 times"),
        "{}",
        event.note
    );
    assert!(world.events.try_recv().is_err(), "it is said once");
    assert!(world.is_ready("annex/front"));

    world.store.lock().unwrap().listener("annex/front")["spec"]["triggers"] = json!([]);
    world.store.lock().unwrap().listener("annex/front")["metadata"]["generation"] = 2.into();
    world.pass(5).await;
    assert_eq!(
        world.condition("annex/front", "Triggers")["reason"],
        "NoTriggers",
        "others are not left alone"
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_leaves_a_field_out_is_no_rival() {
    let pruning = |request: &Recorded, store: &mut Store| {
        let (code, _) = store.answer(request);
        let listener = store.listener("depot/front");
        for condition in listener["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition.as_object_mut().unwrap().remove("severity");
        }
        (code, listener.clone())
    };
    let mut world = World::new(["depot/front".to_owned()], &Scope::Cluster, pruning);
    {
        let mut store = world.store.lock().unwrap();
        let hollow_and_sound = json!([{"name": "hollow"}, {"name": "sound", "template": {"spec": {}}}]);
        store.listener("depot/front")["spec"]["triggers"] = hollow_and_sound;
    }
    world.watch();
    world.pass(30).await;
    assert_eq!(world.count("PATCH"), 1);
    assert_eq!(world.condition("depot/front", "Triggers")["status"], "False");
    assert!(world.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn without_the_right_it_asks_seldom_and_goes_on_when_it_is_there() {
    let message = "eventlisteners.triggers.tekton.dev \"x\" is forbidden: User \"system:serviceaccount:a:b\" cannot patch \
                   resource \"eventlisteners/status\" in API group \"triggers.tekton.dev\" in the namespace \"depot\"";
    for (scope, most_patches, annex_is_ready) in [
        // A right for all namespaces is missing in all.
        (Scope::Cluster, 4, false),
        (Scope::Namespaces(vec!["depot".to_owned(), "annex".to_owned()]), 5, true),
    ] {
        let allowed = Arc::new(Mutex::new(false));
        let is_allowed = Arc::clone(&allowed);
        let answer = move |request: &Recorded, store: &mut Store| {
            let is_forbidden = request.method == "PATCH"
                && !*is_allowed.lock().unwrap()
                && (request.path.contains("/depot/") || store.listeners.len() > 3);
            if is_forbidden { failure(403, message, "") } else { store.answer(request) }
        };
        let mut keys = vec!["depot/a".to_owned(), "depot/b".to_owned(), "annex/a".to_owned()];
        if scope == Scope::Cluster {
            keys.push("annex/b".to_owned());
        }
        let world = World::new(keys, &scope, answer);
        world.pass(120).await;
        let patches = world.count("PATCH");
        assert!(patches <= most_patches, "{patches} of {scope:?}");
        assert_eq!(world.is_ready("annex/a"), annex_is_ready, "{scope:?}");
        *allowed.lock().unwrap() = true;
        world.pass(600).await;
        for key in ["depot/a", "depot/b", "annex/a"] {
            assert!(world.is_ready(key), "{key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_and_what_is_refused_is_not() {
    let tries = Arc::new(Mutex::new(0));
    let answer = move |request: &Recorded, store: &mut Store| {
        let mut tries = tries.lock().unwrap();
        match (request.method.as_str(), request.path.contains("/busy/")) {
            ("PATCH", true) if *tries < 6 => {
                *tries += 1;
                failure([500, 409, 503, 429, 500, 500][*tries - 1], "not now", "")
            }
            ("PATCH", false) if request.path.contains("/strict/") => failure(422, "no such field", ""),
            ("GET", false) if request.path.contains("/gone/") => failure(404, "not found", "front"),
            _ => store.answer(request),
        }
    };
    let keys = ["busy/front", "strict/front", "gone/front"].map(ToOwned::to_owned);
    let world = World::new(keys, &Scope::Cluster, answer);
    world.pass(200).await;
    assert!(world.is_ready("busy/front"));
    let of = |part: &str, method: &str| {
        let requests = world.api.requests().into_iter();
        requests.filter(|request| request.path.contains(part) && request.method == method).count()
    };
    assert_eq!(of("/busy/", "PATCH"), 7);
    assert_eq!((of("/strict/", "PATCH"), of("/gone/", "GET")), (1, 1));

    world.store.lock().unwrap().listener("strict/front")["metadata"]["labels"] = json!({"a": "b"});
    world.pass(5).await;
    assert_eq!(of("/strict/", "PATCH"), 2, "the listener has changed");
}

#[tokio::test(start_paused = true)]
async fn many_listeners_are_written_at_a_bounded_rate_a_namespace_after_the_other() {
    let large = (0..100).map(|number| format!("large/l{number}"));
    let keys = large.chain(["small/front".to_owned()]);
    let world = World::new(keys, &Scope::Cluster, |request, store| store.answer(request));
    world.pass(4).await;
    let patches: Vec<_> =
        world.api.requests().into_iter().filter(|request| request.method == "PATCH").collect();
    let most = 4 * PER_SECOND as usize + 1;
    assert!(patches.len() <= most && patches.len() > most / 2, "{}", patches.len());
    let place = patches.iter().position(|request| request.path.contains("/small/"));
    assert!(place.is_some_and(|place| place <= 1), "{place:?}");
    world.pass(20).await;
    assert_eq!(world.count("PATCH"), 101);
}
