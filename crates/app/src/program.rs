use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_cluster::{
    AccessReviewer, BuildWatch, CoalescingSecretReader, Connection, EventRecorder, ImageFollowers,
    KubeLauncher, KubeRuns, LeaseElector, PipelineRunFollowers, Scope, watch_builds,
};
use trigger_dispatch::{Dispatcher, ImageParts, Images, Launcher, Settings};
use trigger_journal::{Address, Journal, Measured};
use trigger_providers::{Provider, by_name};
use trigger_rules::Inventory;
use trigger_runtime::{CriticalTasks, Leadership, Secrets};
use trigger_server::{
    Admin, AdminParts, Authenticator, HookSettings, Hooks, Limits, Readiness, RecentFailure, Route, serve,
};

use crate::dispatcher_runtime::Workers;
use crate::leader_tasks::Duties;
use crate::listeners::Ports;
use crate::logging::log_filter;
use crate::metrics;
use crate::options::{
    AdminAuth, AdminOptions, ImageOptions, LeaseOptions, RegistryHookOptions, RetentionOptions, WorkOptions,
};

/// How the program is set up: flags of `serve`, and what `dev` builds on.
#[derive(Debug, Clone, clap::Args)]
pub struct ProgramOptions {
    /// Where webhooks come in. This port may face the internet; nothing else is served on it.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where health, readiness, metrics and the admin API are served. Keep this port inside the cluster.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_ADMIN_LISTEN",
        default_value = "0.0.0.0:9090",
        value_name = "ADDRESS"
    )]
    pub admin_listen: SocketAddr,
    /// Who may use the admin API.
    #[command(flatten)]
    pub access: AdminOptions,
    /// The journal, which holds every delivery: `sqlite:PATH`, a file on a local volume (not NFS), for one
    /// replica; or `postgres://USER@HOST/DATABASE` for several. Passwords are better given by the
    /// environment, since other users of a machine see arguments.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_JOURNAL",
        hide_env_values = true,
        default_value = "sqlite:shipwright-trigger.db",
        value_name = "ADDRESS"
    )]
    pub journal: Address,
    /// How long what is kept.
    #[command(flatten)]
    pub retention: RetentionOptions,
    /// How deliveries are worked on.
    #[command(flatten)]
    pub work: WorkOptions,
    /// How images are followed.
    #[command(flatten)]
    pub images: ImageOptions,
    /// Which replica leads.
    #[command(flatten)]
    pub lease: LeaseOptions,
    /// Watch the Builds of these namespaces only. Repeat it or separate by commas. Default: all namespaces.
    #[arg(
        long = "namespace",
        short = 'n',
        env = "SHIPWRIGHT_TRIGGER_NAMESPACE",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub namespaces: Vec<String>,
    /// By which path a provider's webhooks come in.
    #[arg(
        long = "hook-path",
        env = "SHIPWRIGHT_TRIGGER_HOOK_PATH",
        value_delimiter = ',',
        default_value = "github=/hooks/github",
        value_name = "PROVIDER=PATH"
    )]
    pub hook_paths: Vec<HookPath>,
    /// Which registries may tell that an image was pushed.
    #[command(flatten)]
    pub registries: RegistryHookOptions,
    /// Let Builds that name no Secret accept deliveries that nobody signed. Anybody who can reach the port
    /// can then start them.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_ALLOW_UNSIGNED")]
    pub allow_unsigned: bool,
    /// The largest body taken in, in MiB. GitHub sends up to 25.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_MAX_BODY", default_value_t = 25, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_body: u16,
    /// All bodies that are being taken in at the same time, in MiB. Beyond that senders get 503.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_MAX_BODIES", default_value_t = 128, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_bodies: u16,
    /// Connections at the same time on each port. More wait.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_MAX_CONNECTIONS", default_value_t = 1024, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    /// How long a client may take to send the headers of a request, in seconds.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_HEADER_TIMEOUT", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub header_timeout: u64,
    /// How long a client may take to send a body, in seconds.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_BODY_TIMEOUT", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub body_timeout: u64,
}

/// Which provider's webhooks come in by which path, written `github=/hooks/github`.
#[derive(Clone)]
pub struct HookPath {
    /// The provider.
    pub provider: &'static dyn Provider,
    /// The path.
    pub path: String,
}

/// The program, running.
pub struct Program {
    /// Where webhooks come in.
    pub hooks: SocketAddr,
    /// Where health, readiness, metrics and the admin API are served.
    pub admin: SocketAddr,
    /// What is kept.
    pub journal: Arc<dyn Journal>,
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// What is known of images.
    pub images: Images,
    /// Whether this replica leads.
    pub leadership: Leadership,
    builds: BuildWatch,
    draining: Arc<AtomicBool>,
    stop: Shutdown,
}

/// The order of ending: first what a leader does, so that another can lead, then the listeners, then the
/// dispatcher, last what they all need.
struct Shutdown {
    duties: CancellationToken,
    serving: CriticalTasks,
    listeners: CancellationToken,
    listening: CriticalTasks,
    dispatcher: CancellationToken,
    dispatching: CriticalTasks,
    workers: Workers,
    rest: CancellationToken,
    background: CriticalTasks,
}

/// For so long the dispatcher goes on while requests are still being answered.
const LAST_REQUESTS: Duration = Duration::from_secs(2);
/// How long the end waits for requests to be answered, deliveries to be settled or given back, and what a leader
/// does to be put down. Each of them has a shorter bound of its own.
const LAST_WORK: Duration = Duration::from_secs(13);
/// How long the end waits for Events about Builds to be written.
const LAST_EVENTS: Duration = Duration::from_secs(2);
/// How long the end waits for the journal. A disk that hangs must not keep a process alive.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Below this notifications of registries come in.
const REGISTRY_PATHS: &str = "/hooks/registry/";

impl Program {
    /// Opens the journal and starts everything. Returns when both ports listen; deliveries are taken in as
    /// soon as every Build has been seen.
    pub async fn start(connection: &Connection, options: &ProgramOptions) -> anyhow::Result<Self> {
        options.check()?;
        let journal = options.open_journal().await?;
        let ports = Ports::bind(options.listen, options.admin_listen).await?;
        Self::begin(ports, connection, options, journal, own_launcher(connection))
    }

    /// The same on ports that are listened on already.
    #[cfg(feature = "dev")]
    pub(crate) async fn start_on(
        ports: Ports,
        connection: &Connection,
        options: &ProgramOptions,
    ) -> anyhow::Result<Self> {
        options.check()?;
        let journal = options.open_journal().await?;
        Self::begin(ports, connection, options, journal, own_launcher(connection))
    }

    /// Starts everything over a journal that is open, with the launcher that `launcher` makes, which belongs to
    /// the threads that work deliveries off.
    pub async fn start_with(
        connection: &Connection,
        options: &ProgramOptions,
        journal: Arc<dyn Journal>,
        launcher: impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>>,
    ) -> anyhow::Result<Self> {
        options.check()?;
        let ports = Ports::bind(options.listen, options.admin_listen).await?;
        Self::begin(ports, connection, options, journal, launcher)
    }

    fn begin(
        Ports { hooks: hook_listener, admin: admin_listener }: Ports,
        connection: &Connection,
        options: &ProgramOptions,
        journal: Arc<dyn Journal>,
        launcher: impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>>,
    ) -> anyhow::Result<Self> {
        let (hooks, admin) = (hook_listener.local_addr()?, admin_listener.local_addr()?);
        let inventory = Arc::new(Inventory::new());
        let mut registry = metrics::registry();
        connection.metrics.register(&mut registry);
        let journal = measured(journal, &mut registry);

        let stop = Shutdown::new(Workers::start().context("no threads can be started")?);
        let reporter = EventRecorder::start(connection, &stop.background);
        let (leadership, campaign) = options.leadership(connection)?;
        let builds = watch_builds(
            connection,
            &options.scope(),
            &inventory,
            &reporter,
            &leadership,
            &stop.background,
            &stop.rest,
        );

        let metrics = trigger_dispatch::Metrics::default();
        metrics.register(&mut registry);
        let dispatcher = Dispatcher::new(
            Arc::clone(&journal),
            Arc::clone(&inventory),
            stop.workers.within(|| launcher(reporter.clone()))?,
            options.settings(),
            metrics.clone(),
        );
        let pipeline_runs = PipelineRunFollowers {
            scope: options.scope(),
            inventory: Arc::clone(&inventory),
            journal: Arc::clone(&journal),
            synced: builds.synced(),
            metrics: metrics.clone(),
        };
        let secrets: Arc<dyn Secrets> = Arc::new(CoalescingSecretReader::new(connection));
        let images = Images::start(
            ImageParts {
                inventory: Arc::clone(&inventory),
                journal: Arc::clone(&journal),
                secrets: Arc::clone(&secrets),
                registries: options.images.registries()?,
                complaints: Arc::new(reporter),
                metrics: metrics.clone(),
                settings: options.images.settings(),
                leadership: leadership.clone(),
            },
            builds.synced(),
            &stop.background,
            &stop.rest,
        );
        let followers = ImageFollowers {
            scope: options.scope(),
            images: images.clone(),
            journal: Arc::clone(&journal),
            synced: builds.synced(),
        };
        followers.follow_objects(connection, &leadership, &stop.background, &stop.rest);
        let duties = Duties {
            connection: connection.clone(),
            scope: options.scope(),
            pipeline_runs,
            images: followers,
            journal: Arc::clone(&journal),
            retention: options.retention.retention(),
            metrics: metrics.clone(),
        };
        stop.serving.spawn("leading", duties.perform(leadership.clone(), campaign, stop.duties.clone()));
        stop.dispatch(dispatcher.run(builds.synced(), stop.dispatcher.clone()));

        let server_metrics = server_metrics(&mut registry);
        let trouble = RecentFailure::default();
        let (taking_in, rejections) = Hooks::new(
            options.hook_settings(),
            Arc::clone(&inventory),
            secrets,
            Arc::clone(&journal),
            trouble.clone(),
            server_metrics,
            metrics,
        );
        let registries = options.registries.hooks(Arc::new(images.clone()))?;
        let hook_routes = taking_in.router(&options.routes(), registries);
        // Ends by itself after the hooks, when the last rejections are written.
        stop.background.spawn("rejections", rejections.run());
        let draining = Arc::new(AtomicBool::new(false));
        let readiness = readiness(builds.clone(), trouble, Arc::clone(&draining));
        let admin_routes = Admin::new(AdminParts {
            ready: readiness,
            journal: Arc::clone(&journal),
            registry,
            inventory: Arc::clone(&inventory),
            images: images.clone(),
            runs: Arc::new(KubeRuns::new(connection)),
            doorkeeper: options.doorkeeper(connection, admin),
            log_filter: log_filter(),
            shutdown: stop.listeners.clone(),
        })
        .router();
        for (listener, routes) in [(hook_listener, hook_routes), (admin_listener, admin_routes)] {
            let (draining, closed) = (stop.duties.clone(), stop.listeners.clone());
            stop.listening.spawn("listener", serve(listener, routes, options.limits(), draining, closed));
        }
        Ok(Self { hooks, admin, journal, inventory, images, leadership, builds, draining, stop })
    }

    /// Returns when every Build has been seen once: from then on deliveries are taken in.
    pub async fn ready(&self) {
        // The sender lives as long as the watch, which lives as long as the program.
        let _ = self.builds.synced().wait_for(|synced| *synced).await;
    }

    /// Returns when a part has panicked that it cannot do without, if ever. It is to be ended then, and started anew.
    pub async fn broken(&self) {
        tokio::select! {
            () = self.stop.listening.failed() => {}
            () = self.stop.dispatching.failed() => {}
            () = self.stop.serving.failed() => {}
            () = self.stop.background.failed() => {}
            () = self.journal.broken() => {}
        }
    }

    /// Says on `/readyz` that no more deliveries should be sent here, and lets another replica lead. Deliveries are
    /// still taken in and worked off.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.stop.duties.cancel();
    }

    /// Ends: answers what is under way, settles what is claimed, closes the journal. However much hangs that it
    /// depends on, this takes 20 seconds at most.
    pub async fn stop(self) {
        self.drain();
        self.stop.listeners.cancel();
        let last_work = async { tokio::join!(self.stop.work_ends(), self.stop.duties_end()) };
        if tokio::time::timeout(LAST_WORK, last_work).await.is_err() {
            warn!("not everything came to its end in time; what was not settled is taken up again");
        }
        self.stop.rest.cancel();
        // Events that are still to be written get a moment.
        let _ = tokio::time::timeout(LAST_EVENTS, self.stop.background.end()).await;
        let _ = tokio::time::timeout(LAST_WRITES, self.journal.close()).await;
    }
}

impl Shutdown {
    fn new(workers: Workers) -> Self {
        Self {
            workers,
            duties: CancellationToken::new(),
            serving: CriticalTasks::default(),
            listeners: CancellationToken::new(),
            listening: CriticalTasks::default(),
            dispatcher: CancellationToken::new(),
            dispatching: CriticalTasks::default(),
            rest: CancellationToken::new(),
            background: CriticalTasks::default(),
        }
    }

    /// Returns when requests are answered and deliveries settled, or given back.
    async fn work_ends(&self) {
        // What is taken in last is worked off as well, if that does not take long.
        let _ = tokio::time::timeout(LAST_REQUESTS, self.listening.end()).await;
        self.dispatcher.cancel();
        tokio::join!(self.listening.end(), self.dispatching.end());
    }

    /// Returns when what a leader does is put down, and another may lead.
    async fn duties_end(&self) {
        self.serving.end().await;
    }

    fn dispatch(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(workers) = self.workers.handle() {
            self.dispatching.spawn_on("dispatcher", work, workers);
        }
    }
}

/// A program that is dropped without having been stopped (in a test that fails) ends too.
impl Drop for Shutdown {
    fn drop(&mut self) {
        self.duties.cancel();
        self.listeners.cancel();
        self.dispatcher.cancel();
        self.rest.cancel();
    }
}

/// Creates runs over a connection of its own.
fn own_launcher(connection: &Connection) -> impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>> {
    |reporter| {
        let own = connection.apart()?;
        Ok(Arc::new(KubeLauncher::new(&own, reporter)))
    }
}

/// The journal, with what it does counted.
fn measured(journal: Arc<dyn Journal>, registry: &mut Registry) -> Arc<dyn Journal> {
    let counts = trigger_journal::Metrics::default();
    counts.register(registry);
    Arc::new(Measured::new(journal, counts))
}

/// What the server counts.
fn server_metrics(registry: &mut Registry) -> trigger_server::Metrics {
    let counts = trigger_server::Metrics::default();
    counts.register(registry);
    counts
}

fn readiness(builds: BuildWatch, trouble: RecentFailure, draining: Arc<AtomicBool>) -> Readiness {
    Arc::new(move || {
        if draining.load(Ordering::Relaxed) {
            return Err("ending".to_owned());
        }
        if !*builds.synced().borrow() {
            return Err(format!("waiting for {}", builds.waiting_for()));
        }
        if let Some(trouble) = trouble.recent() {
            return Err(trouble);
        }
        Ok(())
    })
}

impl ProgramOptions {
    /// Everything on loopback, on ports that are free, with the journal in `journal`: for `dev` and tests.
    pub fn on_loopback(journal: Address) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let github = HookPath { provider: &trigger_providers::GitHub, path: "/hooks/github".to_owned() };
        Self {
            listen: any_port,
            admin_listen: any_port,
            access: AdminOptions::default(),
            journal,
            retention: RetentionOptions::default(),
            work: WorkOptions::default(),
            images: ImageOptions::default(),
            lease: LeaseOptions::default(),
            namespaces: Vec::new(),
            hook_paths: vec![github],
            registries: RegistryHookOptions::default(),
            allow_unsigned: false,
            max_body: 25,
            max_bodies: 128,
            max_connections: 1024,
            header_timeout: 10,
            body_timeout: 30,
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.access.check(self.admin_listen)?;
        self.registries.check()?;
        for (place, hook) in self.hook_paths.iter().enumerate() {
            if self.hook_paths.iter().skip(place + 1).any(|other| other.path == hook.path) {
                bail!("two providers cannot share the path {}: give --hook-path another", hook.path);
            }
            if hook.path.starts_with(REGISTRY_PATHS) {
                bail!("the path {} is for notifications of registries: give --hook-path another", hook.path);
            }
        }
        Ok(())
    }

    async fn open_journal(&self) -> anyhow::Result<Arc<dyn Journal>> {
        let journal = trigger_journal::open(&self.journal).await;
        journal.with_context(|| format!("the journal {} cannot be opened", self.journal))
    }

    /// Who leads. Only over PostgreSQL there can be more than one replica, and with one there is no need of a
    /// Lease.
    fn leadership(&self, connection: &Connection) -> anyhow::Result<(Leadership, Option<LeaseElector>)> {
        if matches!(self.journal, Address::Sqlite(_)) {
            return Ok((Leadership::always(), None));
        }
        // Over a connection of its own, where it does not wait behind the work.
        let (campaign, leadership) = LeaseElector::new(&connection.apart()?, &self.lease.place());
        Ok((leadership, Some(campaign)))
    }

    fn doorkeeper(&self, connection: &Connection, admin: SocketAddr) -> Authenticator {
        match self.access.admin_auth {
            AdminAuth::Kubernetes => Authenticator::Cluster(Arc::new(AccessReviewer::new(connection))),
            AdminAuth::None => Authenticator::Nobody { under_any_name: !admin.ip().is_loopback() },
        }
    }

    fn settings(&self) -> Settings {
        Settings { image_run_rate: self.images.image_run_rate, ..self.work.settings() }
    }

    fn scope(&self) -> Scope {
        Scope::of(&self.namespaces)
    }

    fn routes(&self) -> Vec<Route<'_>> {
        self.hook_paths.iter().map(|hook| Route { path: &hook.path, provider: hook.provider }).collect()
    }

    fn hook_settings(&self) -> HookSettings {
        HookSettings {
            largest_body: usize::from(self.max_body) * 1024 * 1024,
            bodies_in_flight: usize::from(self.max_bodies.max(self.max_body)) * 1024 * 1024,
            body: Duration::from_secs(self.body_timeout),
            allow_unsigned: self.allow_unsigned,
            ..HookSettings::default()
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            connections: usize::from(self.max_connections),
            headers: Duration::from_secs(self.header_timeout),
            ..Limits::default()
        }
    }
}

impl std::str::FromStr for HookPath {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, path) =
            text.split_once('=').context("write PROVIDER=PATH, such as github=/hooks/github")?;
        let Some(provider) = by_name(name) else {
            let known: Vec<_> = trigger_providers::ALL.iter().map(|provider| provider.name()).collect();
            bail!("`{name}` is no provider; known are: {}", known.join(", "));
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !path.starts_with('/') || !path.chars().all(plain) {
            bail!("`{path}` is no path: begin with `/` and use letters, digits and -_.~ only");
        }
        Ok(Self { provider, path: path.to_owned() })
    }
}

impl std::fmt::Debug for HookPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.provider.name(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use trigger_cluster::connect;
    use trigger_devcluster::DevCluster;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_part_that_panics_is_noticed_and_the_rest_comes_to_its_end() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dev = DevCluster::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let connection = connect(Some(&dev.kubeconfig())).await.unwrap();
        let options = ProgramOptions::on_loopback(Address::Sqlite(folder.path().join("journal.db")));
        let program = Program::start(&connection, &options).await.unwrap();
        program.ready().await;
        assert!(program.broken().now_or_never().is_none());
        program.stop.dispatch(async { panic!("on purpose") });
        program.broken().await;
        program.stop().await;
        dev.shutdown().await.unwrap();
    }
}
