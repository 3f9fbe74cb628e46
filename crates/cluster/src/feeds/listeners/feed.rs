use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, pin_mut};
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::runtime::watcher;
use tokio::sync::watch;
use tokio::time::sleep;
use trigger_api::triggers::Kind;
use trigger_core::ObjectKey;
use trigger_rules::listeners::{ListenerInventory, ListenerObject};
use trigger_runtime::Backoff;

use super::coverage::CoveredListeners;
use super::errors::ListenerErrors;
use super::plural;
use super::served_kinds::{Found, ServedKinds};
use crate::client::Connection;
use crate::feeds::coverage::FeedCoverage;
use crate::feeds::tekton_triggers::manifest;
use crate::metrics::{Metrics, Watched};
use crate::sentence::Remedies;
use crate::watch::{Failure, Unread, WatchHealth, dynamic_events, is_progress};

/// The pauses of a watch on a kind that is served according to the discovery API, and according to the watch is not.
const ABSENT: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_mins(2) };

/// The watch on the objects of a kind, in one namespace or in all.
pub(super) struct Feed {
    kind: Kind,
    namespace: Option<String>,
    /// Its place in the coverage.
    part: usize,
    inventory: Arc<ListenerInventory>,
    coverage: Arc<FeedCoverage<CoveredListeners>>,
    errors: Arc<ListenerErrors>,
    /// The objects in the list that is being received.
    listed: HashSet<ObjectKey>,
    watch_health: WatchHealth,
}

impl Feed {
    pub(super) fn new(
        kind: Kind,
        namespace: Option<String>,
        part: usize,
        inventory: Arc<ListenerInventory>,
        coverage: Arc<FeedCoverage<CoveredListeners>>,
        errors: Arc<ListenerErrors>,
        metrics: &Metrics,
    ) -> Self {
        let watch = metrics.watch(Watched::Triggers(kind));
        let meanwhile = "listeners work without it";
        let watch_health = WatchHealth::new(plural(kind), namespace.clone(), meanwhile, watch);
        Self { kind, namespace, part, inventory, coverage, errors, listed: HashSet::new(), watch_health }
    }

    pub(super) async fn run(mut self, connection: Connection, kinds: &ServedKinds) {
        let (mut found, mut failures) = (kinds.found(), 0_u32);
        loop {
            let resource = self.served(&mut found).await;
            let events = dynamic_events(&connection, &resource, self.namespace.as_deref());
            let has_worked = self.follow(&resource, events).await;
            failures = if has_worked { 1 } else { failures.saturating_add(1) };
            kinds.ask_again();
            sleep(ABSENT.pause(failures)).await;
        }
    }

    /// Returns when the API server serves the kind.
    async fn served(&mut self, found: &mut watch::Receiver<Found>) -> ApiResource {
        loop {
            let now = found.borrow_and_update().clone();
            match now {
                Found::Nothing => {}
                Found::Failure { reason, is_forbidden } => {
                    self.coverage.fails(self.part, is_forbidden, reason.to_string());
                }
                Found::Kinds(kinds) => match kinds.get(&self.kind) {
                    Some(resource) => return resource.clone(),
                    None => self.becomes_absent(),
                },
            }
            if found.changed().await.is_err() {
                // The sender is gone, and the program is ending.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Takes the events of a watch until it fails because the kind is not served. Returns whether it has worked.
    pub(super) async fn follow(
        &mut self,
        resource: &ApiResource,
        events: impl Stream<Item = Result<watcher::Event<Unread<DynamicObject>>, watcher::Error>>,
    ) -> bool {
        pin_mut!(events);
        let mut has_worked = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    self.watch_health.received(&event);
                    if is_progress(&event) {
                        has_worked = true;
                        self.coverage.works(self.part);
                    }
                    self.take(resource, event);
                }
                Err(error) if Failure::of(&error) == Failure::Absent => return has_worked,
                Err(error) => {
                    self.watch_health.failed(&error);
                    self.coverage.watch_fails(self.part, &error, self.remedies());
                }
            }
        }
        has_worked
    }

    /// The remedies for an operator whose program may not watch the kind.
    fn remedies(&self) -> Remedies<'static> {
        let forbidden = if self.kind.is_namespaced() {
            "bind the ClusterRole `shipwright-trigger`, for all namespaces or for each `--namespace`"
        } else {
            "bind the ClusterRole `shipwright-trigger` for all namespaces"
        };
        Remedies { forbidden, absent: "Tekton Triggers is not installed" }
    }

    fn take(&mut self, resource: &ApiResource, event: watcher::Event<Unread<DynamicObject>>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                self.listed.insert(key(&object));
                self.apply(resource, &object);
            }
            watcher::Event::Apply(object) => self.apply(resource, &object),
            watcher::Event::Delete(object) => {
                let object = ListenerObject { kind: self.kind, key: key(&object) };
                let changed = self.inventory.delete(&object);
                self.errors.forget(&object, changed);
            }
            watcher::Event::InitDone => self.complete(),
        }
    }

    fn apply(&self, resource: &ApiResource, object: &Unread<DynamicObject>) {
        let id = ListenerObject { kind: self.kind, key: key(object) };
        let uid = object.uid().unwrap_or_default();
        let changed = match object.value() {
            Ok(object) => self.inventory.apply(self.kind, manifest(object, resource)),
            Err(error) => self.inventory.refuse(&id, error),
        };
        self.errors.apply(id, &resource.version, uid, changed);
    }

    /// Forgets the objects that the list did not hold.
    fn complete(&mut self) {
        let (listed, namespace) = (std::mem::take(&mut self.listed), self.namespace.as_deref());
        let changed = self.inventory.retain(self.kind, namespace, &listed);
        self.errors.retain(self.kind, namespace, &listed, changed);
        self.coverage.listed(self.part);
    }

    /// The kind is not installed: there are no objects.
    fn becomes_absent(&mut self) {
        self.watch_health.becomes_absent();
        self.listed.clear();
        self.complete();
    }
}

/// Namespace and name. The namespace of a cluster-scoped object is empty.
fn key(object: &Unread<DynamicObject>) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}
