//! The stage: a cluster, the program on it, and what a test does with both.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shipwright_trigger::{Program, ProgramOptions};
use tempfile::TempDir;
use trigger_core::{DeliveryId, RepoId};
use trigger_devcluster::{AccessRule, DevCluster, StoreHandle, User};
use trigger_journal::{Address, OutcomeRecord, Record, State};
use trigger_providers::{GitHub, Provider, Sample, SampleKind};
use trigger_simulation::{SimulationOptions, simulate_builds, simulate_pipelines};

use crate::elsewhere::{self, Elsewhere, Login, Simulations};
use crate::prepare;
use crate::roles;

/// Everything happens within this time, or the test fails.
const SOON: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The webhook key of team-a's Builds.
pub const KEY: &str = "it is a secret to everybody";
pub const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

pub struct World {
    pub program: Program,
    pub http: reqwest::Client,
    /// The administrator's, as is everything but the program.
    pub client: Client,
    pub stage: Stage,
    options: ProgramOptions,
    folder: TempDir,
}

/// A world whose program has ended.
pub struct Away {
    http: reqwest::Client,
    client: Client,
    stage: Stage,
    options: ProgramOptions,
    folder: TempDir,
}

/// The cluster that a world plays on, and who is who there.
pub struct Stage {
    /// The dev cluster, unless the tests run on another.
    dev: Option<DevCluster>,
    /// The objects of the cluster.
    pub store: StoreHandle,
    /// Tells this test's namespaces and repository from those of others on the same cluster.
    id: String,
    /// The program's.
    kubeconfig: String,
    /// The administrator's.
    pub admin_kubeconfig: String,
    users: HashMap<String, Login>,
    simulations: Simulations,
}

/// What the program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: String,
}

static WORLDS: AtomicU32 = AtomicU32::new(0);

impl World {
    /// A world with the namespaces team-a and team-b, and team-a's webhook Secret `hook`.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose program is set up another way. `team-a` and `team-b` among its namespaces stand for the
    /// real names of these.
    pub async fn with(change: impl FnOnce(&mut ProgramOptions)) -> Self {
        let crds = trigger_api::crds::all().unwrap();
        let world = Self::on(roles::builder().crds(crds).start().await.unwrap(), change).await;
        world.program.ready().await;
        world.secret("team-a", "hook", &[("github-token", KEY)]).await;
        world
    }

    /// A world whose cluster knows these users: `admin` may do everything, `reader-a` may read
    /// in team-a, `editor-a` may replay there too, `reader-b` may read in team-b, `nobody` may do nothing.
    pub async fn with_users() -> Self {
        Self::with_users_and(|_| {}).await
    }

    /// The same, with a program that is set up another way.
    pub async fn with_users_and(change: impl FnOnce(&mut ProgramOptions)) -> Self {
        let id = fresh_id();
        let mut dev = roles::builder().crds(trigger_api::crds::all().unwrap());
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let rule = |verb: &str, resource: &str, team: &str| AccessRule {
            verbs: names(&[verb]),
            groups: names(&["shipwright.io"]),
            resources: names(&[resource]),
            namespaces: vec![format!("{team}-{id}")],
        };
        let reads = |team| rule("get", "builds", team);
        let mut users = HashMap::new();
        for (name, groups, rules) in [
            ("admin", vec!["system:masters"], vec![]),
            ("reader-a", vec![], vec![reads("team-a")]),
            ("editor-a", vec![], vec![reads("team-a"), rule("create", "buildruns", "team-a")]),
            ("reader-b", vec![], vec![reads("team-b")]),
            ("nobody", vec![], vec![]),
        ] {
            let (token, groups) = (format!("the-token-of-{name}"), names(&groups));
            users.insert(name.to_owned(), Login { name: name.to_owned(), token: token.clone() });
            dev = dev.user(User { token, name: name.to_owned(), groups, rules });
        }
        let mut world = Self::on_all(id, dev.start().await.unwrap(), None, change).await;
        if world.stage.dev.is_none() {
            users = elsewhere::users(&world.stage.store, |team| world.namespace(team)).await;
        }
        world.stage.users = users;
        world.program.ready().await;
        world.secret("team-a", "hook", &[("github-token", KEY)]).await;
        world
    }

    /// A world on `dev`, begun by [`roles::builder`], which need not serve Builds yet. Does not wait until the
    /// program is ready.
    pub async fn on(dev: DevCluster, change: impl FnOnce(&mut ProgramOptions)) -> Self {
        Self::on_all(fresh_id(), dev, None, change).await
    }

    /// A world on `dev` whose program presents a token; the test itself is the administrator.
    pub async fn on_with_token(dev: DevCluster, token: &str) -> Self {
        let kubeconfig = dev.kubeconfig_for(token);
        Self::on_all(fresh_id(), dev, Some(kubeconfig), |_| {}).await
    }

    /// `programs` is the kubeconfig of the program on `dev`, if it is not that of the shipped roles.
    async fn on_all(
        id: String,
        dev: DevCluster,
        programs: Option<String>,
        change: impl FnOnce(&mut ProgramOptions),
    ) -> Self {
        let stage = Stage::on(id, dev, programs).await;
        let client = elsewhere::client(&stage.admin_kubeconfig).await;
        for team in ["team-a", "team-b"] {
            stage.prepare(&stage.namespace(team)).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut options = ProgramOptions::on_loopback(Address::Sqlite(folder.path().join("journal.db")));
        options.lease.lease_name = format!("trigger-{}", stage.id);
        if stage.dev.is_none() {
            options.namespaces = ["team-a", "team-b"].map(|team| stage.namespace(team)).to_vec();
        }
        change(&mut options);
        for namespace in
            options.namespaces.iter_mut().filter(|name| matches!(name.as_str(), "team-a" | "team-b"))
        {
            *namespace = stage.namespace(namespace);
        }
        let connection = trigger_cluster::connect(Some(&stage.kubeconfig)).await.unwrap();
        let program = Program::start(&connection, &options).await.unwrap();
        let http = reqwest::Client::new();
        Self { program, http, client, stage, options, folder }
    }

    /// Whether other worlds are on the same cluster: then the program looks at this one's namespaces only.
    pub fn shares_its_cluster(&self) -> bool {
        self.stage.dev.is_none()
    }

    /// The dev cluster of a scenario that needs one, and nothing, with a line that says why, on another cluster.
    pub fn dev_only(&self, reason: &str) -> Option<&DevCluster> {
        if self.stage.dev.is_none() {
            elsewhere::skipped(reason);
        }
        self.stage.dev.as_ref()
    }

    /// Plays the Build controller in this world's namespaces.
    pub fn simulate_builds(&self, options: SimulationOptions) {
        for team in ["team-a", "team-b"] {
            let simulation = simulate_builds(&self.stage.store, &self.namespace(team), options);
            self.stage.simulations.begin(simulation);
        }
    }

    /// Plays Tekton in this world's namespaces.
    pub fn simulate_pipelines(&self, options: SimulationOptions) {
        for team in ["team-a", "team-b"] {
            let simulation = simulate_pipelines(&self.stage.store, &self.namespace(team), options);
            self.stage.simulations.begin(simulation);
        }
    }

    /// What a user of [`World::with_users`] presents. Somebody unknown has a token that nobody knows.
    pub fn token(&self, user: &str) -> String {
        let login = self.stage.users.get(user);
        login.map_or_else(|| format!("the-token-of-{user}"), |login| login.token.clone())
    }

    /// How the cluster calls a user of [`World::with_users`].
    pub fn name_of(&self, user: &str) -> &str {
        &self.stage.users[user].name
    }

    /// Fails if a token of a user stands in `text`.
    #[track_caller]
    pub fn check_for_tokens(&self, text: &str) {
        assert!(!text.contains("the-token-of"), "{text}");
        assert!(self.stage.users.values().all(|login| !text.contains(&login.token)), "{text}");
    }

    /// A connection of the program's kind to the cluster.
    pub async fn connection(&self) -> trigger_cluster::Connection {
        trigger_cluster::connect(Some(&self.stage.kubeconfig)).await.unwrap()
    }

    /// Another process's worth of the program, set up like the first one, once it is ready.
    pub async fn replica(&self) -> Program {
        let connection = trigger_cluster::connect(Some(&self.stage.kubeconfig)).await.unwrap();
        let program = Program::start(&connection, &self.options).await.unwrap();
        program.ready().await;
        program
    }

    /// A program on the same cluster with a journal of its own, which nobody meant to be there twice.
    pub async fn stranger(&self) -> Program {
        let journal = Address::Sqlite(self.folder.path().join("stranger.db"));
        let options = ProgramOptions {
            namespaces: self.options.namespaces.clone(),
            ..ProgramOptions::on_loopback(journal)
        };
        Program::start(&self.connection().await, &options).await.unwrap()
    }

    /// The same world after the program has ended and begun again, over the same journal.
    pub async fn restart(self) -> Self {
        self.away().await.back().await
    }

    /// The world without the program, which has ended.
    pub async fn away(self) -> Away {
        let Self { program, http, client, stage, options, folder } = self;
        program.stop().await;
        Away { http, client, stage, options, folder }
    }

    /// The real name of a test's namespace.
    pub fn namespace(&self, team: &str) -> String {
        self.stage.namespace(team)
    }

    /// The address of this world's repository.
    pub fn repository(&self) -> String {
        format!("https://github.com/acme/web-{}", self.stage.id)
    }

    pub fn hook_url(&self) -> String {
        format!("http://{}/hooks/github", self.program.hooks)
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.program.admin)
    }

    // --- the cluster ---

    pub async fn secret(&self, team: &str, name: &str, data: &[(&str, &str)]) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace(team));
        let data: serde_json::Map<_, _> = data.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let secret = json!({"metadata": {"name": name}, "stringData": data});
        let secret = serde_json::from_value(secret).unwrap();
        secrets.create(&PostParams::default(), &secret).await.unwrap();
    }

    pub async fn delete_secret(&self, team: &str, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace(team));
        secrets.delete(name, &DeleteParams::default()).await.unwrap();
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
                "retention": {"atBuildDeletion": true, "succeededLimit": 5},
                "trigger": trigger,
            },
        });
        self.create_build(team, build).await;
        self.until("the program knows the Build", || async {
            let key = trigger_core::ObjectKey::new(self.namespace(team), name);
            self.program.inventory.current().is_some_and(|rules| rules.target(&key).is_some()).then_some(())
        })
        .await;
    }

    pub async fn create_build(&self, team: &str, build: Value) {
        let build: DynamicObject = serde_json::from_value(build).unwrap();
        self.builds(team).create(&PostParams::default(), &build).await.unwrap();
    }

    pub async fn patch_build(&self, team: &str, name: &str, patch: Value) {
        self.builds(team).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
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

    /// The BuildRuns of a namespace as plain values, by name.
    pub async fn runs(&self, team: &str) -> Vec<Value> {
        let runs = self.shipwright(team, "BuildRun", "buildruns");
        let runs = runs.list(&ListParams::default()).await.unwrap();
        runs.items.into_iter().map(|run| serde_json::to_value(run).unwrap()).collect()
    }

    /// How many BuildRuns there are in team-a and in team-b.
    pub async fn run_counts(&self) -> (usize, usize) {
        (self.runs("team-a").await.len(), self.runs("team-b").await.len())
    }

    /// The notes of the Events about a Build that have this reason, once there is one.
    pub async fn events(&self, team: &str, build: &str, reason: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace(team));
        self.until(&format!("an Event {reason} about {build}"), || async {
            let all = events.list(&ListParams::default()).await.unwrap();
            let notes: Vec<_> = all
                .items
                .into_iter()
                .filter(|event| event.involved_object.name.as_deref() == Some(build))
                .filter(|event| event.involved_object.kind.as_deref() == Some("Build"))
                .filter(|event| event.reason.as_deref() == Some(reason))
                .filter_map(|event| event.message)
                .collect();
            (!notes.is_empty()).then_some(notes)
        })
        .await
    }

    // --- deliveries ---

    pub fn sample(&self, kind: SampleKind) -> Sample {
        let repository = RepoId::parse(&self.repository()).unwrap();
        Sample { repository, default_branch: "main".to_owned(), sender: "ada".to_owned(), kind }
    }

    pub fn push(&self, reference: &str, commit: &str) -> Sample {
        self.sample(SampleKind::Push { full_ref: reference.to_owned(), commit: commit.to_owned() })
    }

    pub fn push_main(&self) -> Sample {
        self.push("refs/heads/main", SHA)
    }

    pub fn pull_request(&self, action: &str, head: &str, base: &str) -> Sample {
        self.sample(SampleKind::PullRequest {
            number: 7,
            action: action.to_owned(),
            base: base.to_owned(),
            head: head.to_owned(),
            commit: SHA.to_owned(),
            fork: None,
        })
    }

    /// Signs a sample with team-a's key and posts it.
    pub async fn send(&self, sample: &Sample) -> Answer {
        self.send_signed(sample, KEY).await
    }

    pub async fn send_signed(&self, sample: &Sample, key: &str) -> Answer {
        let request = GitHub.compose(sample);
        self.post(request.event, &request.body, Some(key)).await
    }

    /// Posts a body as it is, signed with `key`.
    pub async fn post(&self, event: &str, body: &[u8], key: Option<&str>) -> Answer {
        let headers =
            GitHub.sign(event, "72d3162e-cc78-11e3-81ab-4c9367dc0958", body, key.map(str::as_bytes));
        self.post_with(headers, body).await
    }

    pub async fn post_with(&self, headers: http::HeaderMap, body: &[u8]) -> Answer {
        self.post_to(&self.hook_url(), headers, body).await
    }

    /// Posts to any address, such as that of another replica.
    pub async fn post_to(&self, url: &str, headers: http::HeaderMap, body: &[u8]) -> Answer {
        let request = self.http.post(url).headers(headers).body(body.to_vec());
        let response = request.send().await.unwrap();
        Answer { status: response.status(), body: response.text().await.unwrap() }
    }

    /// Sends a sample that must be accepted; returns its record once it is settled.
    pub async fn deliver(&self, sample: &Sample) -> Record {
        let answer = self.send(sample).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        self.settled(&answer.delivery()).await
    }

    pub async fn settled(&self, id: &DeliveryId) -> Record {
        self.until(&format!("delivery {id} is settled"), || async {
            let record = self.program.journal.find(id).await.unwrap()?;
            matches!(record.state, State::Settled | State::Failed).then_some(record)
        })
        .await
    }

    /// Looks until there is something; fails the test if it takes too long.
    pub async fn until<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < deadline, "gave up waiting: {what}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Away {
    /// The journal is lost.
    pub fn without_a_journal(mut self) -> Self {
        self.options.journal = Address::Sqlite(self.folder.path().join("another.db"));
        self
    }

    /// The program begins again; returns when it is ready.
    pub async fn back(self) -> World {
        let Self { http, client, stage, options, folder } = self;
        let connection = trigger_cluster::connect(Some(&stage.kubeconfig)).await.unwrap();
        let program = Program::start(&connection, &options).await.unwrap();
        program.ready().await;
        World { program, http, client, stage, options, folder }
    }
}

impl Stage {
    /// The cluster that the environment names, or else `dev`.
    async fn on(id: String, dev: DevCluster, programs: Option<String>) -> Self {
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
    async fn prepare(&self, namespace: &str) {
        if self.dev.is_none() {
            return elsewhere::namespace(&self.store, namespace).await;
        }
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.store.apply(object).await.unwrap();
    }

    fn namespace(&self, team: &str) -> String {
        format!("{team}-{}", self.id)
    }
}

impl Answer {
    /// The id that the program gave the delivery.
    pub fn delivery(&self) -> DeliveryId {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["delivery"].as_str().unwrap_or_else(|| panic!("no delivery in {self:?}")).parse().unwrap()
    }
}

/// Process ids come again, and so do runs of the tests on one cluster.
pub fn fresh_id() -> String {
    let now = jiff::Timestamp::now().as_second() % 1_000_000;
    format!("{now}-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed))
}

/// A rule of type GitHub.
pub fn rule(name: &str, events: &[&str], branches: &[&str]) -> Value {
    json!({"name": name, "type": "GitHub", "github": {"events": events, "branches": branches}})
}

/// The two rules that most scenarios use.
pub fn usual_rules() -> Value {
    json!([rule("push main", &["Push"], &["main"]), rule("pr main", &["PullRequest"], &["main"])])
}

/// What was decided: `build/rule: fired`, or the reason for skipping; in the order of names.
pub fn decisions(record: &Record) -> Vec<String> {
    let mut found: Vec<_> = record
        .decisions
        .iter()
        .map(|decision| {
            let outcome = match &decision.outcome {
                OutcomeRecord::Fired { .. } => "fired",
                OutcomeRecord::AlsoMatched { .. } => "also-matched",
                OutcomeRecord::Skipped { reason, .. } => reason,
            };
            format!("{}/{}: {outcome}", decision.target.name, decision.rule)
        })
        .collect();
    found.sort();
    found
}

pub fn annotation<'a>(run: &'a Value, key: &str) -> &'a str {
    run["metadata"]["annotations"][format!("trigger.shipwright.io/{key}")].as_str().unwrap_or_default()
}
