//! The objects of an API server that answers by script, as listeners.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};
use trigger_rules::listeners::{ListenerObject, ListenerSet};
use trigger_runtime::Lead;

use super::*;
use crate::event_recorder::ObjectEvent;
use crate::scripted_api::ScriptedApi;
use crate::watch::Unread;

const GROUP: &str = "/apis/triggers.tekton.dev/";

/// The watches on an API server.
struct Fixture {
    api: ScriptedApi,
    inventory: Arc<ListenerInventory>,
    watch: ListenerWatch,
    events: Receiver<ObjectEvent>,
    shutdown: CancellationToken,
}

impl Fixture {
    fn start(api: ScriptedApi, scope: &Scope, leadership: &Leadership) -> Self {
        let inventory = Arc::new(ListenerInventory::default());
        let (recorder, events) = EventRecorder::received();
        let (tasks, shutdown) = (CriticalTasks::default(), CancellationToken::new());
        let connection = Connection::of(api.client());
        let watch = watch_listeners(&connection, scope, &inventory, &recorder, leadership, &tasks, &shutdown);
        Self { api, inventory, watch, events, shutdown }
    }

    /// The listeners once they have been seen.
    async fn synced(&self) -> Arc<ListenerSet> {
        let mut synced = self.watch.synced();
        let waits = || format!("not synced: {}", self.watch.waiting_for());
        timeout(Duration::from_mins(1), synced.wait_for(|synced| *synced))
            .await
            .unwrap_or_else(|_| panic!("{}", waits()))
            .unwrap();
        self.inventory.current().unwrap()
    }

    fn lists(&self) -> BTreeSet<String> {
        self.api.paths().into_iter().filter(|path| path.matches('/').count() > 3).collect()
    }

    fn notes(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .map(|event| format!("{} {}: {}", event.about.resource, event.about.version, event.note))
            .collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn status(code: u16, message: &str) -> (u16, Value) {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message});
    (code, status)
}

/// The answer of the discovery API about a version, if the path asks for it.
fn discovery(path: &str, served: &[&str]) -> Option<(u16, Value)> {
    let version = path.strip_prefix(GROUP).filter(|version| !version.contains('/'))?;
    if !served.contains(&version) {
        return Some(status(404, "page not found"));
    }
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.versions().contains(&version));
    let resources: Vec<_> = kinds
        .map(|kind| json!({"name": kind.plural(), "singularName": "", "namespaced": true, "kind": kind.name(), "verbs": []}))
        .collect();
    Some((200, json!({"groupVersion": format!("triggers.tekton.dev/{version}"), "resources": resources})))
}

fn list(items: &[Value]) -> (u16, Value) {
    (200, json!({"metadata": {"resourceVersion": "1"}, "items": items}))
}

fn object(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}")}, "spec": spec})
}

fn namespaces(names: &[&str]) -> Scope {
    Scope::Namespaces(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn every_kind_is_listed_in_the_version_that_is_served() {
    for (served, version) in [(&["v1beta1", "v1alpha1"][..], "v1beta1"), (&["v1alpha1"], "v1alpha1")] {
        let api = ScriptedApi::new(move |request| {
            let path = request.path.as_str();
            let listener = object("depot", "front", &json!({"triggers": [{"triggerRef": "release"}]}));
            let trigger = object("depot", "release", &json!({"template": {"spec": {}}}));
            discovery(path, served).unwrap_or_else(|| match path.rsplit('/').next() {
                Some("eventlisteners") => list(&[listener]),
                Some("triggers") => list(&[trigger]),
                _ => list(&[]),
            })
        });
        let fixture = Fixture::start(api, &Scope::Cluster, &Leadership::always());
        assert_eq!(fixture.inventory.current().map(|_| ()), None, "nothing was listed yet");
        let listeners = fixture.synced().await;
        assert_eq!(listeners.listener("depot", "front").unwrap().triggers().count(), 1);
        assert!(listeners.gaps().is_complete() && fixture.watch.details().is_empty());
        let expected = Kind::ALL.map(|kind| {
            let version = if kind.versions().contains(&version) { version } else { "v1alpha1" };
            format!("{GROUP}{version}/{}", kind.plural())
        });
        assert_eq!(fixture.lists(), BTreeSet::from(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_not_installed_are_empty_and_cost_little_until_they_are() {
    let is_installed = Arc::new(AtomicBool::new(false));
    let installed = Arc::clone(&is_installed);
    let api = ScriptedApi::new(move |request| {
        let served: &[_] = if installed.load(Ordering::Relaxed) { &["v1beta1", "v1alpha1"] } else { &[] };
        let path = request.path.as_str();
        discovery(path, served).unwrap_or_else(|| {
            let listener = object("n7", "front", &json!({}));
            if path.ends_with("n7/eventlisteners") { list(&[listener]) } else { list(&[]) }
        })
    });
    let names: Vec<_> = (0..50).map(|number| format!("n{number}")).collect();
    let fixture = Fixture::start(api, &Scope::Namespaces(names), &Leadership::always());
    let listeners = fixture.synced().await;
    assert!(listeners.is_empty() && listeners.gaps().is_complete());
    sleep(Duration::from_mins(1)).await;
    let requests = fixture.api.requests().len();
    assert!((20..=30).contains(&requests), "{requests} requests in a minute");
    assert_eq!(fixture.lists(), BTreeSet::new());

    is_installed.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(6)).await;
    assert!(fixture.inventory.current().unwrap().listener("n7", "front").is_some());
    let requests = fixture.api.requests().len();
    sleep(Duration::from_mins(10)).await;
    assert_eq!(fixture.api.requests().len(), requests, "all kinds are served and watched");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_may_not_be_listed_is_unseen_and_no_other() {
    let api = ScriptedApi::new(|request| {
        let path = request.path.as_str();
        let forbidden = |resource: &str, place: &str| {
            let message = format!(
                "{resource}.triggers.tekton.dev is forbidden: User \"me\" cannot list resource \"{resource}\" in API group \
                 \"triggers.tekton.dev\" {place}"
            );
            status(403, &message)
        };
        discovery(path, &["v1beta1", "v1alpha1"]).unwrap_or_else(|| match path {
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
                (201, json!({"metadata": {}, "spec": {}, "status": {"allowed": false}}))
            }
            path if path.ends_with("namespaces/harbour/triggertemplates") => {
                forbidden("triggertemplates", "in the namespace \"harbour\"")
            }
            path if path.ends_with("/clusterinterceptors") => {
                forbidden("clusterinterceptors", "at the cluster scope")
            }
            path if path.ends_with("/eventlisteners") => {
                let namespace = path.rsplit('/').nth(1).unwrap();
                list(&[object(namespace, "front", &json!({}))])
            }
            path if path.ends_with("namespaces/harbour/triggers") => {
                list(&[object("harbour", "release", &json!({"template": {"ref": "blueprint"}}))])
            }
            _ => list(&[]),
        })
    });
    let mut fixture = Fixture::start(api, &namespaces(&["depot", "harbour"]), &Leadership::always());
    let listeners = fixture.synced().await;
    assert!(listeners.listener("depot", "front").is_some() && listeners.unseen("depot").is_none());
    let why = "TriggerTemplates cannot be watched: the user me may not list triggertemplates.triggers.tekton.dev in the \
               namespace harbour; bind the ClusterRole `shipwright-trigger`, for all namespaces or for each `--namespace` \
               (namespace harbour)";
    assert_eq!(listeners.unseen("harbour").map(|reason| &**reason), Some(why));
    let details = fixture.watch.details();
    assert_eq!(details[0], format!("the TriggerTemplates of namespace harbour are not known: {why}"));
    assert!(
        details[1].starts_with("the ClusterInterceptors are not known: ") && details.len() == 2,
        "{details:?}"
    );

    sleep(Duration::from_mins(1)).await;
    let trigger = ListenerObject::new(Kind::Trigger, "harbour", "release");
    assert_eq!(fixture.inventory.current().unwrap().errors_of(&trigger).len(), 1);
    assert_eq!(fixture.notes(), [""; 0], "its template may be there");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_is_waited_for() {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let api = ScriptedApi::new(move |request| {
        if away.load(Ordering::Relaxed) {
            return status(500, "etcd is away");
        }
        discovery(&request.path, &["v1beta1", "v1alpha1"]).unwrap_or_else(|| list(&[]))
    });
    let fixture = Fixture::start(api, &namespaces(&["depot"]), &Leadership::always());
    sleep(Duration::from_mins(1)).await;
    assert!(fixture.inventory.current().is_none());
    assert_eq!(fixture.watch.waiting_for(), "the API server answered 500: etcd is away");
    is_away.store(false, Ordering::Relaxed);
    assert!(fixture.synced().await.gaps().is_complete());
}

#[tokio::test(start_paused = true)]
async fn the_leader_reports_errors_that_last() {
    let api = ScriptedApi::new(|request| {
        let path = request.path.as_str();
        discovery(path, &["v1beta1", "v1alpha1"]).unwrap_or_else(|| match path.rsplit('/').next() {
            Some("triggers") => {
                list(&[object("depot", "release", &json!({"template": {"ref": "blueprint"}}))])
            }
            Some("clusterinterceptors") => list(&[object("", "scan", &json!({"clientConfig": 7}))]),
            _ => list(&[]),
        })
    });
    let (lead, leadership) = watch::channel(Lead::default());
    let mut fixture = Fixture::start(api, &Scope::Cluster, &Leadership::by(leadership));
    fixture.synced().await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(fixture.notes(), [""; 0], "no replica leads");
    lead.send_replace(Lead { ours: true, leader: None });
    sleep(Duration::from_secs(2)).await;
    let mut notes = fixture.notes();
    notes.sort();
    assert!(
        notes[0].starts_with("ClusterInterceptor /scan v1alpha1: the object cannot be read: "),
        "{notes:?}"
    );
    assert!(
        notes[1].starts_with("Trigger depot/release v1beta1: error getting TriggerTemplate blueprint: "),
        "{notes:?}"
    );
    sleep(Duration::from_mins(1)).await;
    assert_eq!((notes.len(), fixture.notes().len()), (2, 0), "each once");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_too_large_is_its_own_error_and_its_neighbours_work() {
    let api = ScriptedApi::new(|request| {
        let path = request.path.as_str();
        discovery(path, &["v1beta1", "v1alpha1"]).unwrap_or_else(|| match path.rsplit('/').next() {
            Some("eventlisteners") => {
                let triggers: Value =
                    ["large", "release"].map(|name| json!({"triggerRef": name})).into_iter().collect();
                list(&[object("depot", "front", &json!({"triggers": triggers}))])
            }
            Some("triggers") => {
                let parts: Value = vec![json!({"a": 0}); 183_000].into();
                let large = object("depot", "large", &json!({"template": {"spec": {}}, "parts": parts}));
                list(&[large, object("depot", "release", &json!({"template": {"spec": {}}}))])
            }
            _ => list(&[]),
        })
    });
    let mut fixture = Fixture::start(api, &Scope::Cluster, &Leadership::always());
    let listeners = fixture.synced().await;
    let listener = listeners.listener("depot", "front").unwrap();
    let names: Vec<_> = listener.triggers().map(|(_, trigger)| trigger.name.to_string()).collect();
    assert_eq!(names, ["release"]);
    drop(listeners);
    sleep(Duration::from_mins(1)).await;
    let large = "Trigger depot/large v1beta1: the object cannot be read: it takes up to 136 MiB of memory to read, at most 32 \
                 are allowed; make the object smaller";
    let notes = fixture.notes();
    assert!(notes.iter().any(|note| note == large), "{notes:?}");
}

/// A reporter, and what it is fed with.
fn reporter() -> (ErrorReporter, Arc<ListenerErrors>, Arc<ListenerInventory>, Receiver<ObjectEvent>) {
    let (errors, inventory) = (Arc::new(ListenerErrors::default()), Arc::new(ListenerInventory::default()));
    let (recorder, events) = EventRecorder::received();
    inventory.mark_synced();
    let reporter =
        ErrorReporter::new(Arc::clone(&errors), Arc::clone(&inventory), &recorder, &Leadership::always());
    (reporter, errors, inventory, events)
}

#[tokio::test(start_paused = true)]
async fn objects_that_arrive_together_are_no_error() {
    let (reporter, errors, inventory, mut events) = reporter();
    let apply = |kind: Kind, object: Value| {
        let text = |name: &str| object["metadata"][name].as_str().unwrap().to_owned();
        let id = ListenerObject::new(kind, text("namespace"), text("name"));
        let changed = inventory.apply(kind, object);
        errors.apply(id, "v1beta1", "u".to_owned(), changed);
    };
    let running = async {
        apply(Kind::Trigger, object("depot", "release", &json!({"template": {"ref": "blueprint"}})));
        sleep(Duration::from_millis(900)).await;
        apply(Kind::TriggerTemplate, object("depot", "blueprint", &json!({})));
        sleep(Duration::from_secs(10)).await;
        assert!(events.try_recv().is_err());

        let template = ListenerObject::new(Kind::TriggerTemplate, "depot", "blueprint");
        errors.forget(&template, inventory.delete(&template));
        sleep(Duration::from_secs(4)).await;
        assert_eq!(events.try_recv().unwrap().about.resource.to_string(), "Trigger depot/release");

        let trigger = ListenerObject::new(Kind::Trigger, "depot", "release");
        errors.forget(&trigger, inventory.delete(&trigger));
        sleep(Duration::from_secs(4)).await;
        apply(Kind::Trigger, object("depot", "release", &json!({"template": {"ref": "blueprint"}})));
        sleep(Duration::from_secs(4)).await;
        assert!(events.try_recv().is_ok(), "it was deleted in between");
    };
    tokio::select! { () = reporter.run() => {}, () = running => {} }
}

#[tokio::test(start_paused = true)]
async fn a_watch_adds_changes_and_removes_objects() {
    use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};

    let (inventory, errors) = (Arc::new(ListenerInventory::default()), Arc::new(ListenerErrors::default()));
    let covered = CoveredListeners {
        kinds: vec![Kind::EventListener],
        inventory: Arc::clone(&inventory),
        errors: Arc::clone(&errors),
    };
    let coverage = Arc::new(FeedCoverage::new([Part::new("EventListeners", None)], covered));
    let metrics = crate::metrics::Metrics::default();
    let mut feed =
        Feed::new(Kind::EventListener, None, 0, Arc::clone(&inventory), coverage, errors, &metrics);
    let resource = crate::feeds::tekton_triggers::resource(Kind::EventListener, "v1beta1");
    let listener = |name: &str| -> Unread<DynamicObject> {
        serde_json::from_value(object("depot", name, &json!({}))).unwrap()
    };
    let mut after = async |events: Vec<watcher::Event<Unread<DynamicObject>>>| {
        assert!(feed.follow(&resource, stream::iter(events.into_iter().map(Ok))).await);
        let names: BTreeSet<_> =
            inventory.current().unwrap().listeners().map(|one| one.settings.key.name.to_string()).collect();
        names.into_iter().collect::<Vec<_>>().join(" ")
    };
    let listed = vec![Init, InitApply(listener("a")), InitApply(listener("b")), InitDone];
    assert_eq!(after(listed).await, "a b");
    assert_eq!(after(vec![Apply(listener("c")), Delete(listener("a"))]).await, "b c");
    let listed = vec![Init, InitApply(listener("c")), InitDone];
    assert_eq!(after(listed).await, "c", "b was deleted while nothing watched");
}
