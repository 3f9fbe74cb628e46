//! kube-rs, unmodified: watcher, reflector, Controller, events::Recorder, Lease.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Event as CoreEvent, ObjectReference};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::scene::{DEADLINE, Scene, eventually};

#[derive(CustomResource, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[kube(group = "shipwright.io", version = "v1beta1", kind = "Build", namespaced)]
#[serde(rename_all = "camelCase")]
struct BuildSpec {
    strategy: BTreeMap<String, String>,
    output: BTreeMap<String, String>,
}

fn build(name: &str) -> Build {
    let pair = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    Build::new(
        name,
        BuildSpec { strategy: pair("name", "buildah"), output: pair("image", "registry.example/web") },
    )
}

fn config_map(name: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..Default::default()
    }
}

/// Breaks a watcher's watch and compacts the history. The watcher must then have all objects.
async fn survives_everything(config: watcher::Config) {
    let scene = Scene::new().await;
    let api: Api<ConfigMap> = Api::namespaced(scene.client.clone(), "default");
    let (store, writer) = reflector::store();
    let stream = watcher(api.clone(), config).default_backoff().reflect(writer).touched_objects();
    let task = tokio::spawn(stream.for_each(|_| async {}));
    tokio::time::timeout(DEADLINE, store.wait_until_ready()).await.unwrap().unwrap();
    let known = async |name: &str| {
        eventually(&format!("{name} is known"), async || {
            store.state().iter().any(|map| map.name_any() == name).then_some(())
        })
        .await;
    };
    api.create(&PostParams::default(), &config_map("one")).await.unwrap();
    known("one").await;
    scene.cluster.faults().drop_watches();
    api.create(&PostParams::default(), &config_map("two")).await.unwrap();
    known("two").await;
    scene.cluster.stop().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}});
    scene.cluster.store().apply(map).await.unwrap();
    scene.cluster.faults().compact();
    scene.cluster.start_again().await.unwrap();
    known("three").await;
    api.delete("one", &DeleteParams::default()).await.unwrap();
    eventually("one is gone", async || store.state().iter().all(|map| map.name_any() != "one").then_some(()))
        .await;
    task.abort();
}

#[tokio::test]
async fn a_reflector_that_lists_survives_faults() {
    survives_everything(watcher::Config::default()).await;
}

#[tokio::test]
async fn a_reflector_that_streams_its_list_survives_faults() {
    survives_everything(watcher::Config::default().streaming_lists()).await;
}

#[tokio::test]
async fn a_watcher_pages_through_its_list() {
    let scene = Scene::new().await;
    let api: Api<ConfigMap> = Api::namespaced(scene.client.clone(), "default");
    for index in 0..7 {
        api.create(&PostParams::default(), &config_map(&format!("map-{index}"))).await.unwrap();
    }
    let stream = watcher(api, watcher::Config::default().page_size(3)).applied_objects();
    let names: Vec<String> =
        tokio::time::timeout(DEADLINE, stream.take(7).map_ok(|map| map.name_any()).try_collect())
            .await
            .unwrap()
            .unwrap();
    assert_eq!(names, (0..7).map(|index| format!("map-{index}")).collect::<Vec<_>>());
    assert_eq!(scene.cluster.requests().count("list", "configmaps"), 3);
}

#[tokio::test]
async fn a_controller_converges() {
    let scene = Scene::new().await;
    let builds: Api<Build> = Api::all(scene.client.clone());
    let reconcile = async |build: Arc<Build>, client: Arc<kube::Client>| {
        let api: Api<ConfigMap> = Api::namespaced((*client).clone(), &build.namespace().unwrap());
        let mut map = config_map(&build.name_any());
        map.metadata.owner_references =
            Some(vec![kube::Resource::controller_owner_ref(&*build, &()).unwrap()]);
        api.patch(&build.name_any(), &PatchParams::apply("test").force(), &Patch::Apply(map)).await?;
        Ok::<_, kube::Error>(Action::requeue(Duration::from_mins(5)))
    };
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), "default");
    let controller = Controller::new(builds, watcher::Config::default())
        .owns(Api::<ConfigMap>::all(scene.client.clone()), watcher::Config::default())
        .run(
            move |build, client| Box::pin(reconcile(build, client)),
            |_, _, _| Action::requeue(Duration::from_millis(50)),
            Arc::new(scene.client.clone()),
        );
    let task = tokio::spawn(controller.for_each(|_| async {}));
    let api: Api<Build> = Api::namespaced(scene.client.clone(), "default");
    api.create(&PostParams::default(), &build("web")).await.unwrap();
    let exists = async || maps.get_opt("web").await.unwrap();
    let first = eventually("the map is made", exists).await;
    maps.delete("web", &DeleteParams::default()).await.unwrap();
    let remade = async || maps.get_opt("web").await.unwrap().filter(|map| map.uid() != first.uid());
    eventually("the map is made again", remade).await;
    task.abort();
    api.delete("web", &DeleteParams::default()).await.unwrap();
    eventually("the map went with its owner", async || {
        maps.get_opt("web").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_of_a_recorder_is_read_through_the_core_api() {
    let scene = Scene::new().await;
    let recorder = Recorder::new(scene.client.clone(), Reporter::from("trigger"));
    let subject = ObjectReference {
        api_version: Some("shipwright.io/v1beta1".to_owned()),
        kind: Some("Build".to_owned()),
        name: Some("web".to_owned()),
        namespace: Some("default".to_owned()),
        uid: Some("1234".to_owned()),
        ..Default::default()
    };
    let event = Event {
        type_: EventType::Normal,
        reason: "Fired".to_owned(),
        note: Some("a push to main".to_owned()),
        action: "Launch".to_owned(),
        secondary: None,
    };
    recorder.publish(&event, &subject).await.unwrap();
    recorder.publish(&event, &subject).await.unwrap();
    let api: Api<CoreEvent> = Api::namespaced(scene.client.clone(), "default");
    let list = api.list(&ListParams::default().fields("involvedObject.uid=1234,reason=Fired")).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert_eq!(list.items[0].message.as_deref(), Some("a push to main"));
    assert_eq!(list.items[0].series.as_ref().and_then(|series| series.count), Some(2));
}

#[tokio::test]
async fn dynamic_objects_work_for_every_resource() {
    let scene = Scene::new().await;
    let discovery = kube::discovery::Discovery::new(scene.client.clone()).run().await.unwrap();
    let group = discovery.get("shipwright.io").unwrap();
    let (resource, capabilities) = group.recommended_kind("BuildRun").unwrap();
    assert_eq!((resource.plural.as_str(), resource.version.as_str()), ("buildruns", "v1beta1"));
    assert!(capabilities.supports_operation("watch"));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), "default", &resource);
    let run = DynamicObject::new("r", &resource).data(json!({"spec": {"build": {"name": "web"}}}));
    api.create(&PostParams::default(), &run).await.unwrap();
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let error = api.create(&PostParams::default(), &run).await.unwrap_err();
    assert!(
        matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
    );
}

#[tokio::test]
async fn one_client_acquires_a_lease() {
    let scene = Scene::new().await;
    let resource = ApiResource::erase::<k8s_openapi::api::coordination::v1::Lease>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), "default", &resource);
    let lease = DynamicObject::new("leader", &resource)
        .data(json!({"spec": {"holderIdentity": "one", "leaseDurationSeconds": 15}}));
    let mut first = api.create(&PostParams::default(), &lease).await.unwrap();
    let mut second = first.clone();
    first.data["spec"]["holderIdentity"] = "two".into();
    second.data["spec"]["holderIdentity"] = "three".into();
    api.replace("leader", &PostParams::default(), &first).await.unwrap();
    let error = api.replace("leader", &PostParams::default(), &second).await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 409));
    let held: Value = api.get("leader").await.unwrap().data["spec"]["holderIdentity"].clone();
    assert_eq!(held, "two");
}
