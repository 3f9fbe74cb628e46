//! The stage: a cluster, the program on it, and what a test does with both.
//!
//! `cluster.rs` has the objects of the cluster, `accounts.rs` service accounts and rights, `deliveries.rs` what a
//! provider sends, `payloads.rs` changes to it, and `providers.rs` who sends it.

mod accounts;
mod cluster;
mod deliveries;
mod payloads;
mod providers;

use std::collections::HashMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kube::Client;
use shipwright_trigger::{Program, ProgramOptions};
use tempfile::TempDir;
use trigger_devcluster::{AccessRule, DevCluster, User};
use trigger_journal::Address;
use trigger_providers::Provider;
use trigger_simulation::{SimulationOptions, simulate_builds, simulate_pipelines};

pub use self::cluster::{Stage, annotation, rule, usual_rules};
pub use self::deliveries::{Answer, PROVIDER_ID, decisions};
pub use self::payloads::{field_with, remove_text, replace_texts};
pub(crate) use self::providers::for_every_provider;
pub use self::providers::{
    compose, credential_headers, hook_path, play_for_every_provider, played, played_by, repository_of,
    secret_entry, sign, without_event,
};
use crate::elsewhere::{self, Login};
use crate::roles;

/// Everything happens within this time, or the test fails.
const SOON: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The webhook key of team-a's Builds. Some providers send it as it is.
pub const KEY: &str = "it is a secret to everybody";
/// A key with which every provider signs the body.
pub const SIGNING_KEY: &str = "whsec_aXQgaXMgYSBzZWNyZXQgdG8gZXZlcnlib2R5IGVsc2U=";
pub const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

static WORLDS: AtomicU32 = AtomicU32::new(0);

pub struct World {
    /// Who sends the deliveries.
    pub provider: &'static dyn Provider,
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
    provider: &'static dyn Provider,
    http: reqwest::Client,
    client: Client,
    stage: Stage,
    options: ProgramOptions,
    folder: TempDir,
}

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
        world.hook_secret("team-a", KEY).await;
        world
    }

    /// A world in which team-a's Secret holds another key.
    pub async fn with_key(key: &str) -> Self {
        let world = Self::new().await;
        world.delete_secret("team-a", "hook").await;
        world.hook_secret("team-a", key).await;
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
        world.hook_secret("team-a", KEY).await;
        world
    }

    /// A world on `dev`, begun by [`roles::builder`], which need not serve Builds yet. Does not wait until the
    /// program is ready.
    pub async fn on(dev: DevCluster, change: impl FnOnce(&mut ProgramOptions)) -> Self {
        Self::on_all(fresh_id(), dev, None, change).await
    }

    /// A world on `dev` whose program presents a token; the test itself is the administrator.
    pub async fn on_with_token(
        dev: DevCluster,
        token: &str,
        change: impl FnOnce(&mut ProgramOptions),
    ) -> Self {
        let kubeconfig = dev.kubeconfig_for(token);
        Self::on_all(fresh_id(), dev, Some(kubeconfig), change).await
    }

    /// `programs` is the kubeconfig of the program on `dev`, if it is not that of the shipped roles.
    async fn on_all(
        id: String,
        dev: DevCluster,
        programs: Option<String>,
        change: impl FnOnce(&mut ProgramOptions),
    ) -> Self {
        let provider = played();
        let stage = Stage::on(id, dev, programs).await;
        let client = elsewhere::client(&stage.admin_kubeconfig).await;
        for team in ["team-a", "team-b"] {
            stage.prepare(&stage.namespace(team)).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut options = ProgramOptions::on_loopback(Address::Sqlite(folder.path().join("journal.db")));
        options.lease.lease_name = format!("trigger-{}", stage.id);
        // Few scenarios play the Build controller, and none waits for nothing.
        options.work.condition_delay = 0;
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
        Self { provider, program, http, client, stage, options, folder }
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

    /// What a user of [`World::with_users`] presents. An unknown user has an unknown token.
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

    /// A program on the same cluster with a journal of its own, as a second installation by mistake.
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
        let Self { provider, program, http, client, stage, options, folder } = self;
        program.stop().await;
        Away { provider, http, client, stage, options, folder }
    }

    /// The real name of a test's namespace.
    pub fn namespace(&self, team: &str) -> String {
        self.stage.namespace(team)
    }

    /// The address of this world's repository.
    pub fn repository(&self) -> String {
        repository_of(self.provider, &format!("acme/web-{}", self.stage.id))
    }

    /// The same repository, as people write it for SSH.
    pub fn scp_repository(&self) -> String {
        let repository = self.repository();
        let (host, path) = repository.trim_start_matches("https://").split_once('/').unwrap();
        format!("git@{host}:{path}.git")
    }

    /// The path of the provider's hooks.
    pub fn hook_path(&self) -> &str {
        let name = self.provider.name();
        let hook = self.options.hook_paths.iter().find(|hook| hook.provider.name() == name);
        hook.map_or("/not-served", |hook| &hook.path)
    }

    /// The address of the provider's hooks.
    pub fn hook_url(&self) -> String {
        format!("http://{}{}", self.program.hooks, self.hook_path())
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.program.admin)
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

    /// Runs `explain` as the administrator of the cluster.
    pub fn explain(&self, arguments: &[&str]) -> Output {
        let kubeconfig = self.folder.path().join("admin-kubeconfig");
        std::fs::write(&kubeconfig, &self.stage.admin_kubeconfig).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.arg("explain").args(arguments).env("KUBECONFIG", &kubeconfig).output().unwrap()
    }

    /// Runs `explain push` for the world's repository and the Builds of a team.
    pub fn explain_push(&self, team: &str, reference: &str) -> Output {
        let (provider, repository, namespace) =
            (self.provider.name(), self.repository(), self.namespace(team));
        let push =
            ["push", "--provider", provider, "--repo", &repository, "--ref", reference, "-n", &namespace];
        self.explain(&push)
    }
}

impl Away {
    /// The real name of a test's namespace.
    pub fn namespace(&self, team: &str) -> String {
        self.stage.namespace(team)
    }

    /// The journal is lost.
    pub fn without_a_journal(mut self) -> Self {
        self.options.journal = Address::Sqlite(self.folder.path().join("another.db"));
        self
    }

    /// The program waits so many seconds for the controller of a run.
    pub fn with_condition_delay(mut self, seconds: u64) -> Self {
        self.options.work.condition_delay = seconds;
        self
    }

    /// The program begins again; returns when it is ready.
    pub async fn back(self) -> World {
        let Self { provider, http, client, stage, options, folder } = self;
        let connection = trigger_cluster::connect(Some(&stage.kubeconfig)).await.unwrap();
        let program = Program::start(&connection, &options).await.unwrap();
        program.ready().await;
        World { provider, program, http, client, stage, options, folder }
    }
}

/// Process ids come again, and so do runs of the tests on one cluster.
pub fn fresh_id() -> String {
    let now = jiff::Timestamp::now().as_second() % 1_000_000;
    format!("{now}-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed))
}
