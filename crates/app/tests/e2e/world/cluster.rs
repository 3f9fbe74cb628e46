//! The cluster that a world plays on, and its objects.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use trigger_core::ObjectKey;
use trigger_devcluster::{DevCluster, StoreHandle};
use trigger_rules::OwnerRules;
use trigger_targets::build_run::BUILD;

use super::deliveries::SENTINEL;
use super::{World, secret_entry};
use crate::elsewhere::{self, Elsewhere, Login, Simulations};
use crate::prepare;
use crate::roles;

/// The cluster that a world plays on, and who is who there.
pub struct Stage {
    /// The dev cluster, unless the tests run on another.
    pub(super) dev: Option<DevCluster>,
    /// The objects of the cluster.
    pub store: StoreHandle,
    /// Tells this test's namespaces and repository from those of others on the same cluster.
    pub(super) id: String,
    /// The program's.
    pub(super) kubeconfig: String,
    /// The administrator's.
    pub admin_kubeconfig: String,
    pub(super) users: HashMap<String, Login>,
    pub(super) simulations: Simulations,
}

impl World {
    pub async fn secret(&self, team: &str, name: &str, data: &[(&str, &str)]) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace(team));
        let data: serde_json::Map<_, _> = data.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let secret = json!({"metadata": {"name": name}, "stringData": data});
        let secret = serde_json::from_value(secret).unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }

    /// Creates the Secret `hook` with a key of the provider.
    pub async fn hook_secret(&self, team: &str, key: &str) {
        self.secret(team, "hook", &[(&secret_entry(self.provider), key)]).await;
    }

    pub async fn delete_secret(&self, team: &str, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace(team));
        secrets.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The time as the cluster writes it on objects, in whole seconds.
    pub async fn now(&self) -> Timestamp {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace("team-a"));
        self.secret("team-a", "clock", &[]).await;
        let secret = serde_json::to_value(secrets.get("clock").await.unwrap()).unwrap();
        self.delete_secret("team-a", "clock").await;
        secret["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap()
    }

    /// Creates a Build of this world's repository with `rules`, verified with `hook`; returns when the
    /// program knows it.
    pub async fn build(&self, team: &str, name: &str, rules: Value) {
        let git = json!({"url": format!("{}.git", self.repository())});
        self.build_of(team, name, git, json!({"triggerSecret": "hook", "when": rules})).await;
    }

    /// The same with all of `spec.source.git` and `spec.trigger` chosen.
    pub async fn build_of(&self, team: &str, name: &str, git: Value, trigger: Value) {
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {"name": name},
            "spec": {
                "source": {"type": "Git", "git": git},
                "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
                "output": {"image": "registry.example/acme/web", "pushSecret": "push"},
                "retention": {"atBuildDeletion": true, "succeededLimit": 10_000},
                "trigger": trigger,
            },
        });
        self.create_build(team, build).await;
        self.until("the program knows the Build", || async { self.rules_of(team, name).map(|_| ()) }).await;
    }

    pub async fn create_build(&self, team: &str, build: Value) {
        let build: DynamicObject = serde_json::from_value(build).unwrap();
        self.builds(team).create(&PostParams::default(), &build).await.unwrap();
    }

    pub async fn patch_build(&self, team: &str, name: &str, patch: Value) {
        self.builds(team).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// The same; returns when the program knows it.
    pub async fn edit_build(&self, team: &str, name: &str, patch: Value) {
        let before = self.rules_of(team, name).expect("the program knows the Build");
        self.patch_build(team, name, patch).await;
        self.until("the program knows the edit", || async {
            self.rules_of(team, name).is_none_or(|now| !Arc::ptr_eq(&now, &before)).then_some(())
        })
        .await;
    }

    /// Gives a Build annotations under `trigger.shipwright.io/`; returns when the program knows them.
    pub async fn annotate(&self, team: &str, name: &str, annotations: &[(&str, &str)]) {
        let full: HashMap<_, _> =
            annotations.iter().map(|(key, value)| (format!("trigger.shipwright.io/{key}"), *value)).collect();
        self.edit_build(team, name, json!({"metadata": {"annotations": full}})).await;
    }

    /// The rules of a Build as the program knows them.
    pub fn rules_of(&self, team: &str, name: &str) -> Option<Arc<OwnerRules>> {
        let build = BUILD.named(ObjectKey::new(self.namespace(team), name));
        self.program.inventory.current()?.owner(&build).cloned()
    }

    pub async fn delete_build(&self, team: &str, name: &str) {
        self.builds(team).delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub fn builds(&self, team: &str) -> Api<DynamicObject> {
        self.shipwright(team, "Build", "builds")
    }

    fn shipwright(&self, team: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("shipwright.io", "v1beta1", kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        Api::namespaced_with(self.client.clone(), &self.namespace(team), &resource)
    }

    /// Runs a Build by hand.
    pub async fn create_run(&self, team: &str, name: &str, build: &str) {
        let run = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "BuildRun",
            "metadata": {"name": name},
            "spec": {"build": {"name": build}},
        });
        let run: DynamicObject = serde_json::from_value(run).unwrap();
        let runs = self.shipwright(team, "BuildRun", "buildruns");
        runs.create(&PostParams::default(), &run).await.unwrap();
    }

    /// The BuildRuns of a namespace as plain values, by name, without those of the sentinel.
    pub async fn runs(&self, team: &str) -> Vec<Value> {
        let runs = self.shipwright(team, "BuildRun", "buildruns");
        let runs = runs.list(&ListParams::default()).await.unwrap();
        let runs = runs.items.into_iter().map(|run| serde_json::to_value(run).unwrap());
        runs.filter(|run| run["spec"]["build"]["name"] != SENTINEL).collect()
    }

    /// A BuildRun, once it has its condition `Triggered`, and the condition.
    pub async fn triggered(&self, team: &str, run: &str) -> (Value, Value) {
        self.until(&format!("{run} has its condition"), || async {
            let runs = self.runs(team).await;
            let run = runs.into_iter().find(|one| one["metadata"]["name"] == run)?;
            let conditions = run["status"]["conditions"].as_array()?;
            let triggered = conditions.iter().find(|condition| condition["type"] == "Triggered")?.clone();
            Some((run, triggered))
        })
        .await
    }

    /// How many BuildRuns there are in team-a and in team-b.
    pub async fn run_counts(&self) -> (usize, usize) {
        (self.runs("team-a").await.len(), self.runs("team-b").await.len())
    }

    /// The notes of the Events about a Build that have this reason, once there is one.
    pub async fn events(&self, team: &str, build: &str, reason: &str) -> Vec<String> {
        self.events_where(&format!("an Event {reason} about {build}"), team, |event| {
            event.involved_object.name.as_deref() == Some(build)
                && event.involved_object.kind.as_deref() == Some("Build")
                && event.reason.as_deref() == Some(reason)
        })
        .await
    }

    /// The notes of the Events about an object, once there is one.
    pub async fn events_of(&self, team: &str, kind: &str, name: &str) -> Vec<String> {
        self.events_where(&format!("an Event about {kind} {name}"), team, |event| {
            event.involved_object.name.as_deref() == Some(name)
                && event.involved_object.kind.as_deref() == Some(kind)
        })
        .await
    }

    async fn events_where(&self, what: &str, team: &str, is_wanted: impl Fn(&Event) -> bool) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace(team));
        self.until(what, || async {
            let all = events.list(&ListParams::default()).await.unwrap().items.into_iter();
            let notes: Vec<_> = all.filter(&is_wanted).filter_map(|event| event.message).collect();
            (!notes.is_empty()).then_some(notes)
        })
        .await
    }
}

impl Stage {
    /// The cluster that the environment names, or else `dev`.
    pub(super) async fn on(id: String, dev: DevCluster, programs: Option<String>) -> Self {
        let (users, simulations) = (HashMap::new(), Simulations::default());
        if let Some(Elsewhere { admin, program }) = prepare::elsewhere().await {
            let store = elsewhere::store(&elsewhere::client(&admin).await);
            let (kubeconfig, admin_kubeconfig) = (program, admin);
            return Self { dev: None, store, id, kubeconfig, admin_kubeconfig, users, simulations };
        }
        let (store, admin_kubeconfig) = (dev.store().clone(), dev.kubeconfig());
        let own = roles::kubeconfig(&dev).await;
        let kubeconfig = programs.unwrap_or(own);
        Self { dev: Some(dev), store, id, kubeconfig, admin_kubeconfig, users, simulations }
    }

    /// Makes a namespace in which the program may act.
    pub(super) async fn prepare(&self, namespace: &str) {
        if self.dev.is_none() {
            return elsewhere::namespace(&self.store, namespace).await;
        }
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.store.apply(object).await.unwrap();
    }

    pub(super) fn namespace(&self, team: &str) -> String {
        format!("{team}-{}", self.id)
    }
}

/// A rule of type GitHub.
pub fn rule(name: &str, events: &[&str], branches: &[&str]) -> Value {
    json!({"name": name, "type": "GitHub", "github": {"events": events, "branches": branches}})
}

/// The two rules that most scenarios use.
pub fn usual_rules() -> Value {
    json!([rule("push main", &["Push"], &["main"]), rule("pr main", &["PullRequest"], &["main"])])
}

pub fn annotation<'a>(run: &'a Value, key: &str) -> &'a str {
    run["metadata"]["annotations"][format!("trigger.shipwright.io/{key}")].as_str().unwrap_or_default()
}
