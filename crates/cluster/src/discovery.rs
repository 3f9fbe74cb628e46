use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersion, GroupVersionKind};
use kube::error::DiscoveryError;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use trigger_core::ResourceRef;
use trigger_runtime::{ExpiringMap, KeyedSemaphore};

use crate::api_server_error::is_status;
use crate::names;

/// The number of group versions whose kinds are known. A cluster serves a few hundred; beyond, the API server is asked each
/// time.
const MAX_GROUP_VERSIONS: usize = 1024;
/// So long the API server is not asked again for the kinds of a group version in which it did not serve one.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(2);
/// The group versions with such a kind that are remembered. Templates may name any.
const MAX_MISSED: usize = 1024;
/// Requests to discovery at a time.
pub(crate) const SIDE_BY_SIDE: usize = 8;
/// The kinds a second that a namespace may name and that are not served.
pub(crate) const UNSERVED_PER_SECOND: usize = 10;
/// After a kind that is not served, the namespace that named it waits so long with its next unknown one.
const PAUSE: Duration = Duration::from_millis(1000 / UNSERVED_PER_SECOND as u64);

/// An aggregated API may hang, which must not hold up the other groups.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The way to an object at the API server.
#[derive(Debug, Clone)]
pub(crate) struct ObjectApi {
    /// The API of its kind: in its namespace, or in the cluster for a kind without namespaces.
    pub(crate) api: Api<DynamicObject>,
    /// Its name as a segment of a path, percent-encoded: requests must use it in place of the name.
    pub(crate) segment: String,
}

/// The kinds of a group version.
type Kinds = HashMap<String, ServedKind>;

/// The address of a kind.
#[derive(Debug, Clone)]
struct ServedKind {
    plural: String,
    /// Whether its objects live in namespaces.
    namespaced: bool,
}

/// Finds the plural name and the scope of kinds, by the discovery API, with the program's own rights.
///
/// Kinds come from templates of tenants, and with them from events of strangers. So the API server is asked for the kinds of
/// a group version at once, for one kind of a namespace at a time, and again for a kind that it does not serve only after a
/// pause.
#[derive(Clone)]
pub(crate) struct Discovery {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    known: Mutex<HashMap<GroupVersion, Kinds>>,
    missed: ExpiringMap<GroupVersion, ()>,
    of_tenants: KeyedSemaphore<Arc<str>>,
    of_all: Semaphore,
}

impl Discovery {
    pub(crate) fn new(client: Client) -> Self {
        let shared = Shared {
            known: Mutex::default(),
            missed: ExpiringMap::new(MAX_MISSED),
            of_tenants: KeyedSemaphore::new(1),
            of_all: Semaphore::new(SIDE_BY_SIDE),
        };
        Self { client, shared: Arc::new(shared) }
    }

    /// The way to an object whose kind is served in this version.
    ///
    /// [`kube::Error::Discovery`] if the API server does not serve the kind. Nothing is sent for an object whose names
    /// cannot exist.
    pub(crate) async fn api(&self, object: &ResourceRef, version: &str) -> Result<ObjectApi, kube::Error> {
        self.api_for(object.namespace(), object, version).await
    }

    /// The same for an object that comes from the namespace `tenant`. A template may name another one in the object.
    pub(crate) async fn api_for(
        &self,
        tenant: &Arc<str>,
        object: &ResourceRef,
        version: &str,
    ) -> Result<ObjectApi, kube::Error> {
        let segment = names::check_resource(object, version)?;
        let group = group_version(object, version);
        let ServedKind { plural, namespaced } = self.find(tenant, &group, &object.kind).await?;
        let kind = GroupVersionKind::gvk(&object.group, version, &object.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &plural);
        let api = if namespaced {
            Api::namespaced_with(self.client.clone(), object.namespace(), &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        };
        Ok(ObjectApi { api, segment })
    }

    /// Forgets the kinds of the object's group version. The API server has not found the path of one of them: its definition
    /// may have been replaced by another.
    pub(crate) fn forget(&self, object: &ResourceRef, version: &str) {
        self.lock().remove(&group_version(object, version));
    }

    async fn find(
        &self,
        tenant: &Arc<str>,
        group: &GroupVersion,
        kind: &str,
    ) -> Result<ServedKind, kube::Error> {
        if let Some(kind) = self.known(group, kind) {
            return Ok(kind);
        }
        let _turn = self.shared.of_tenants.acquire(Arc::clone(tenant)).await;
        if let Some(kind) = self.look_up(group, kind).await? {
            return Ok(kind);
        }
        sleep(PAUSE).await;
        let kind = format!("{} {kind}", group.api_version());
        Err(kube::Error::Discovery(DiscoveryError::MissingKind(kind)))
    }

    async fn look_up(&self, group: &GroupVersion, kind: &str) -> Result<Option<ServedKind>, kube::Error> {
        // Nothing closes this semaphore.
        let _turn = self.shared.of_all.acquire().await.ok();
        // Another may have asked meanwhile.
        let known = self.known(group, kind);
        let now = Instant::now();
        if known.is_some() || self.shared.missed.get(group, now).is_some() {
            return Ok(known);
        }
        let kinds = match timeout(ANSWERS_WITHIN, list(&self.client, group)).await {
            Ok(kinds) => kinds?,
            Err(elapsed) => return Err(kube::Error::Service(elapsed.into())),
        };
        let found = kinds.get(kind).cloned();
        if found.is_none() {
            self.shared.missed.insert(group.clone(), (), ASK_AGAIN, now);
        }
        let mut known = self.lock();
        if !kinds.is_empty() && (known.len() < MAX_GROUP_VERSIONS || known.contains_key(group)) {
            known.insert(group.clone(), kinds);
        }
        Ok(found)
    }

    fn known(&self, group: &GroupVersion, kind: &str) -> Option<ServedKind> {
        self.lock().get(group)?.get(kind).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GroupVersion, Kinds>> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn group_version(object: &ResourceRef, version: &str) -> GroupVersion {
    GroupVersion::gv(&object.group, version)
}

/// The kinds of a group version; none if it is not served.
async fn list(client: &Client, group: &GroupVersion) -> Result<Kinds, kube::Error> {
    let listed = if group.group.is_empty() {
        client.list_core_api_resources(&group.version).await
    } else {
        client.list_api_group_resources(&group.api_version()).await
    };
    let resources = match listed {
        Ok(list) => list.resources,
        Err(error) if is_status(&error, 404) => Vec::new(),
        Err(error) => return Err(error),
    };
    // A subresource such as `pods/binding` has a kind too.
    let resources = resources.into_iter().filter(|resource| !resource.name.contains('/'));
    Ok(resources
        .map(|resource| {
            (resource.kind, ServedKind { plural: resource.name, namespaced: resource.namespaced })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_core::ObjectKey;

    use super::*;
    use crate::scripted_api::ScriptedApi;

    fn object(group: &str, kind: &str, namespace: &str) -> ResourceRef {
        ResourceRef::new(group, kind, ObjectKey::new(namespace, "a:b"))
    }

    /// An API server with some kinds.
    fn cluster() -> ScriptedApi {
        ScriptedApi::new(|request| match request.path.as_str() {
            "/api/v1" => (
                200,
                json!({"groupVersion": "v1", "resources": [
                    {"name": "configmaps", "singularName": "", "namespaced": true, "kind": "ConfigMap", "verbs": []},
                    {"name": "pods/binding", "singularName": "", "namespaced": true, "kind": "Binding", "verbs": []},
                    {"name": "bindings", "singularName": "", "namespaced": true, "kind": "Binding", "verbs": []},
                    {"name": "namespaces", "singularName": "", "namespaced": false, "kind": "Namespace", "verbs": []},
                ]}),
            ),
            "/apis/a.example/v2" => (
                200,
                json!({"groupVersion": "a.example/v2", "resources": [
                    {"name": "tasks", "singularName": "", "namespaced": true, "kind": "Task", "verbs": []},
                ]}),
            ),
            _ => (
                404,
                json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound",
                "message": "the server could not find the requested resource"}),
            ),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn kinds_of_every_group_are_found_with_their_scope_and_listed_once() {
        let api = cluster();
        let discovery = Discovery::new(api.client());
        for (group, version, kind, path) in [
            ("", "v1", "ConfigMap", "/api/v1/namespaces/team-a/configmaps"),
            ("", "v1", "Binding", "/api/v1/namespaces/team-a/bindings"),
            ("", "v1", "Namespace", "/api/v1/namespaces"),
            ("a.example", "v2", "Task", "/apis/a.example/v2/namespaces/team-a/tasks"),
        ] {
            let found = discovery.api(&object(group, kind, "team-a"), version).await.unwrap();
            assert_eq!((found.api.resource_url(), found.segment.as_str()), (path, "a%3Ab"));
        }
        assert_eq!(api.paths(), ["/api/v1", "/apis/a.example/v2"]);
        // Another version is another kind.
        let other = discovery.api(&object("a.example", "Task", "team-a"), "v1").await;
        assert!(matches!(other, Err(kube::Error::Discovery(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_that_is_not_served_is_asked_for_again_after_a_pause_and_forgotten_ones_at_once() {
        let api = cluster();
        let discovery = Discovery::new(api.client());
        let began = Instant::now();
        for number in 0..10 {
            let unknown = object("a.example", &format!("Unknown{number}"), "team-a");
            let error = discovery.api(&unknown, "v2").await.unwrap_err();
            let told = format!("a.example/v2 Unknown{number}");
            assert!(
                matches!(error, kube::Error::Discovery(DiscoveryError::MissingKind(kind)) if kind == told)
            );
        }
        assert_eq!(api.paths().len(), 1, "one list says that none of them is there");
        assert!(began.elapsed() >= 10 * PAUSE, "a namespace waits after each");
        // A kind of the list is known without a request.
        discovery.api(&object("a.example", "Task", "team-a"), "v2").await.unwrap();
        assert_eq!(api.paths().len(), 1);
        tokio::time::advance(ASK_AGAIN).await;
        discovery.api(&object("a.example", "Unknown", "team-a"), "v2").await.unwrap_err();
        assert_eq!(api.paths().len(), 2);
        discovery.forget(&object("a.example", "Task", "team-b"), "v2");
        tokio::time::advance(ASK_AGAIN).await;
        discovery.api(&object("a.example", "Task", "team-a"), "v2").await.unwrap();
        assert_eq!(api.paths().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_kinds_of_one_namespace_do_not_delay_those_of_another() {
        let discovery = Discovery::new(cluster().client());
        let hostile = futures::future::join_all((0..100).map(|number| {
            let discovery = &discovery;
            async move {
                let group = format!("g{number}.example");
                let object = object(&group, "Any", "team-a");
                discovery.api_for(&"team-b".into(), &object, "v1").await.unwrap_err();
            }
        }));
        let began = Instant::now();
        let honest = async {
            tokio::task::yield_now().await;
            discovery.api(&object("a.example", "Task", "team-a"), "v2").await.unwrap();
            began.elapsed()
        };
        let (_, took) = tokio::join!(hostile, honest);
        assert!(took < PAUSE, "{took:?}");
        assert!(began.elapsed() >= 100 * PAUSE);
    }
}
