//! The objects of a listener on the cluster, and requests to it.

use http::HeaderMap;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use trigger_core::{DeliveryId, KeyForm, sign};
use trigger_journal::Record;

use crate::world::{KEY, World, decisions};

/// The service account of team-a's listeners.
pub(crate) const ACCOUNT: &str = "ci";

/// A push to `main`.
pub(crate) const PUSH: &str = r#"{"ref":"refs/heads/main","after":"0123456789abcdef0123456789abcdef01234567","repository":{"full_name":"acme/web","clone_url":"https://git.example.com/acme/web.git"}}"#;

/// The answer of a listener.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Told {
    /// The id of the delivery as which the request was kept.
    pub(crate) fn delivery(&self) -> DeliveryId {
        let id = self.headers.get("trigger-delivery").unwrap_or_else(|| panic!("not kept: {self:?}"));
        id.to_str().unwrap().parse().unwrap()
    }

    /// The body, which is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// A world with the account `ci` in team-a, which may create what templates of scenarios hold, and the Secret `github`.
pub(crate) async fn world() -> World {
    let world = World::new().await;
    world.account_of_listeners("team-a").await;
    world
}

impl World {
    /// Gives a team the account `ci`, with the rights that its listeners need, and the Secret `github`.
    pub(crate) async fn account_of_listeners(&self, team: &str) {
        self.service_account(team, ACCOUNT).await;
        self.grant(team, ACCOUNT, rights()).await;
        self.allow_impersonation(team).await;
        self.secret(team, "github", &[("token", KEY)]).await;
    }

    /// Creates or changes an object of Tekton Triggers. Cluster-scoped kinds are out of a scenario's reach.
    pub(crate) async fn tekton(&self, team: &str, kind: &str, name: &str, spec: Value) {
        let version = if kind == "Interceptor" { "v1alpha1" } else { "v1beta1" };
        let object = json!({
            "apiVersion": format!("triggers.tekton.dev/{version}"),
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        });
        let api = self.objects(team, "triggers.tekton.dev", version, kind);
        api.patch(name, &PatchParams::apply("scenario").force(), &Patch::Apply(object)).await.unwrap();
    }

    /// Creates a listener that runs as `ci`; returns when the program knows it without errors.
    pub(crate) async fn listener(&self, team: &str, name: &str, spec: Value) {
        self.faulty_listener(team, name, spec).await;
        let namespace = self.namespace(team);
        self.until("the listener has no errors", || async {
            let listeners = self.program.listeners.current()?;
            listeners.listener(&namespace, name)?.errors().is_empty().then_some(())
        })
        .await;
    }

    /// The same for a listener whose triggers may have errors.
    pub(crate) async fn faulty_listener(&self, team: &str, name: &str, mut spec: Value) {
        spec["serviceAccountName"] = ACCOUNT.into();
        self.tekton(team, "EventListener", name, spec).await;
        let namespace = self.namespace(team);
        self.until("the program knows the listener", || async {
            self.program.listeners.current()?.listener(&namespace, name).map(|_| ())
        })
        .await;
    }

    /// Gives team-b an account and a listener, which [`World::team_b_works`] uses.
    pub(crate) async fn listener_of_team_b(&self) {
        self.account_of_listeners("team-b").await;
        self.listener("team-b", "other", json!({"triggers": [trigger("main", &[github()])]})).await;
    }

    /// Sends a push under an id to the listener of team-b, which starts its objects.
    pub(crate) async fn team_b_works(&self, id: &str) {
        let before = self.created("team-b").await.len();
        let told = self.push_at(&self.listener_url("team-b", "other"), id).await;
        let record = self.settled_at_listener(&told).await;
        assert_eq!(decisions(&record), ["other/main: fired"]);
        assert_eq!(self.created("team-b").await.len(), before + 3);
    }

    /// Creates the listener `central` of team-a, which runs a trigger `main` of its own and the Trigger `theirs` of team-b.
    /// Each runs as the account `ci` of its namespace.
    pub(crate) async fn central_listener(&self) {
        let namespace = self.namespace("team-a");
        let lists = json!([rights()[2]]);
        let subject = json!({"kind": "ServiceAccount", "namespace": namespace, "name": ACCOUNT});
        self.bind("team-b", "listeners-of-team-a", subject, &lists).await;
        let account = format!("system:serviceaccount:{namespace}:{ACCOUNT}");
        self.until_granted("team-b", &account, &lists).await;
        let mut spec = trigger("theirs", &[github()]);
        spec.as_object_mut().unwrap().remove("name");
        spec["serviceAccountName"] = ACCOUNT.into();
        self.tekton("team-b", "Trigger", "theirs", spec).await;
        let selector = json!({"matchNames": [self.namespace("team-b")]});
        let triggers = [trigger("main", &[github()])];
        self.listener("team-a", "central", json!({"namespaceSelector": selector, "triggers": triggers}))
            .await;
        self.until("the listener selects the Trigger", || async {
            let listeners = self.program.listeners.current()?;
            (listeners.listener(&namespace, "central")?.triggers().count() == 2).then_some(())
        })
        .await;
    }

    /// The objects of a kind in a team's namespace.
    pub(crate) fn objects(&self, team: &str, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.namespace(team), &resource)
    }

    /// The objects that listeners have created in a team's namespace: each as kind and value, in the order of names.
    pub(crate) async fn created(&self, team: &str) -> Vec<(&'static str, Value)> {
        let mut found = Vec::new();
        for (group, version, kind) in [("", "v1", "ConfigMap"), ("tekton.dev", "v1", "PipelineRun")] {
            let labelled = ListParams::default().labels("triggers.tekton.dev/eventlistener");
            let list = self.objects(team, group, version, kind).list(&labelled).await.unwrap();
            let mut items: Vec<_> =
                list.items.into_iter().map(|item| (kind, serde_json::to_value(item).unwrap())).collect();
            items.sort_by_key(|(_, item)| item["metadata"]["name"].to_string());
            found.extend(items);
        }
        found
    }

    /// The address of a listener.
    pub(crate) fn listener_url(&self, team: &str, name: &str) -> String {
        format!("http://{}/listeners/{}/{name}", self.program.hooks, self.namespace(team))
    }

    /// Posts to a listener of team-a.
    pub(crate) async fn ask_listener(&self, name: &str, headers: &[(&str, &str)], body: &str) -> Told {
        self.ask_at(&self.listener_url("team-a", name), headers, body).await
    }

    /// Posts to an address.
    pub(crate) async fn ask_at(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Told {
        let mut request = self.http.post(url);
        if headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Told { status, headers, body: response.text().await.unwrap() }
    }

    /// Sends a push to a listener of team-a as GitHub does, signed with the key in the Secret `github`, under an id.
    pub(crate) async fn push_to_listener(&self, name: &str, id: &str) -> Told {
        self.push_at(&self.listener_url("team-a", name), id).await
    }

    /// The same to an address.
    pub(crate) async fn push_at(&self, url: &str, id: &str) -> Told {
        let signature = hub_signature(KEY, PUSH);
        let headers =
            [("x-github-event", "push"), ("x-github-delivery", id), ("x-hub-signature-256", &signature)];
        self.ask_at(url, &headers, PUSH).await
    }

    /// The record of a request that must have been kept, once it is settled.
    pub(crate) async fn settled_at_listener(&self, told: &Told) -> Record {
        assert_eq!(told.status, 202, "{told:?}");
        self.settled(&told.delivery()).await
    }

    /// The record of a request that must have been kept, once an attempt at it has ended with an error.
    pub(crate) async fn tried_at_listener(&self, told: &Told) -> Record {
        assert_eq!(told.status, 202, "{told:?}");
        self.until("an attempt ends with an error", || async {
            let record = self.program.journal.find(&told.delivery()).await.unwrap()?;
            record.error.is_some().then_some(record)
        })
        .await
    }
}

/// The rights of an account that creates what templates of scenarios hold.
pub(crate) fn rights() -> Value {
    json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]},
        {"apiGroups": ["tekton.dev"], "resources": ["pipelineruns"], "verbs": ["create", "get"]},
        {"apiGroups": ["triggers.tekton.dev"], "resources": ["triggers"], "verbs": ["get", "list"]},
    ])
}

/// The header with which GitHub signs a body.
pub(crate) fn hub_signature(key: &str, body: &str) -> String {
    use std::fmt::Write as _;
    let tag = sign(key.as_bytes(), KeyForm::Raw, b"", body.as_bytes()).unwrap();
    tag.iter().fold("sha256=".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A template that makes a PipelineRun and two ConfigMaps out of the parameter `repository`.
pub(crate) fn three_objects() -> Value {
    let note = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": name},
            "data": {"repository": "$(tt.params.repository)"}})
    };
    json!({
        "params": [{"name": "repository", "default": "none"}],
        "resourcetemplates": [
            note("before-"),
            {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "ci-"},
             "spec": {"pipelineRef": {"name": "ci"},
                "params": [{"name": "repository", "value": "$(tt.params.repository)"}]}},
            note("after-"),
        ],
    })
}

/// The interceptor `github` with the Secret `github`, for pushes.
pub(crate) fn github() -> Value {
    json!({"ref": {"name": "github"}, "params": [
        {"name": "secretRef", "value": {"secretName": "github", "secretKey": "token"}},
        {"name": "eventTypes", "value": ["push"]},
    ]})
}

/// The interceptor `cel` with a filter.
pub(crate) fn cel(filter: &str) -> Value {
    json!({"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]})
}

/// An inline trigger with these interceptors that makes three objects.
pub(crate) fn trigger(name: &str, interceptors: &[Value]) -> Value {
    json!({
        "name": name,
        "interceptors": interceptors,
        "bindings": [{"name": "repository", "value": "$(body.repository.full_name)"}],
        "template": {"spec": three_objects()},
    })
}

/// Creates a ConfigMap as the administrator.
pub(crate) async fn config_map(world: &World, team: &str, name: &str) {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    world.objects(team, "", "v1", "ConfigMap").create(&PostParams::default(), &object).await.unwrap();
}
