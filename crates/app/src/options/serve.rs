use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use trigger_cluster::{AccessReviewer, Connection, LeaseElector, Scope};
use trigger_dispatch::Settings;
use trigger_images::ImageNotifier;
use trigger_journal::{Address, Journal};
use trigger_runtime::Leadership;
use trigger_server::{Authenticator, Ingest, IngestSettings, Limits};

use super::{
    AdminAuth, AdminOptions, DecideAgain, HookPath, ImageOptions, LeaseOptions, ListenerOptions, PublicUrl,
    RegistryHookOptions, RetentionOptions, WorkOptions, namespace_name,
};

/// The configuration of the program: the flags of `serve`, and the base on which `dev` builds its own.
#[derive(Debug, Clone, clap::Args)]
pub struct ProgramOptions {
    /// Address for webhooks.
    ///
    /// This port may face the internet: it serves nothing else.
    #[arg(long, help_heading = WEBHOOKS, env = "SHIPWRIGHT_TRIGGER_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Address for health, readiness, metrics and the admin API.
    ///
    /// Keep this port inside the cluster.
    #[arg(
        long,
        help_heading = "Admin API",
        env = "SHIPWRIGHT_TRIGGER_ADMIN_LISTEN",
        default_value = "0.0.0.0:9090",
        value_name = "ADDRESS"
    )]
    pub admin_listen: SocketAddr,
    /// Access to the admin API.
    #[command(flatten)]
    pub access: AdminOptions,
    /// Where deliveries are stored: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    ///
    /// `sqlite:PATH` is a file on a local volume (not NFS), for one replica. `postgres://…` is for several replicas. Set
    /// passwords in the environment: other users of the machine can read the arguments of a process.
    #[arg(
        long,
        help_heading = "Journal",
        env = "SHIPWRIGHT_TRIGGER_JOURNAL",
        hide_env_values = true,
        default_value = "sqlite:shipwright-trigger.db",
        value_name = "ADDRESS"
    )]
    pub journal: Address,
    /// Retention.
    #[command(flatten)]
    pub retention: RetentionOptions,
    /// Processing of deliveries.
    #[command(flatten)]
    pub work: WorkOptions,
    /// Image polling.
    #[command(flatten)]
    pub images: ImageOptions,
    /// Listeners of Tekton Triggers.
    #[command(flatten)]
    pub listeners: ListenerOptions,
    /// Leader election.
    #[command(flatten)]
    pub lease: LeaseOptions,
    /// Namespaces to watch. Default: all.
    ///
    /// Repeat the flag or separate values with commas.
    #[arg(
        long = "namespace",
        help_heading = "Kubernetes",
        short = 'n',
        env = "SHIPWRIGHT_TRIGGER_NAMESPACE",
        value_delimiter = ',',
        value_name = "NAME",
        value_parser = namespace_name
    )]
    pub namespaces: Vec<String>,
    /// URL at which senders reach the address for webhooks, such as `https://hooks.example.com`.
    ///
    /// It stands before the paths that the program gives to people and writes into the status of objects.
    #[arg(hide_short_help = true, long, help_heading = WEBHOOKS, env = "SHIPWRIGHT_TRIGGER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// URL path for a provider's webhooks.
    ///
    /// Repeat the flag or separate values with commas. Providers that are not listed have no path then.
    #[arg(
        long = "hook-path",
        help_heading = WEBHOOKS,
        env = "SHIPWRIGHT_TRIGGER_HOOK_PATH",
        value_delimiter = ',',
        default_values_t = HookPath::defaults(),
        value_name = "PROVIDER=PATH"
    )]
    pub hook_paths: Vec<HookPath>,
    /// Registry notifications.
    #[command(flatten)]
    pub registries: RegistryHookOptions,
    /// Accept unsigned deliveries for Builds that name no Secret.
    ///
    /// Anyone who reaches the webhook port can then start these Builds.
    #[arg(long, help_heading = WEBHOOKS, env = "SHIPWRIGHT_TRIGGER_ALLOW_UNSIGNED")]
    pub allow_unsigned: bool,
    /// Which settled deliveries are decided again, by the current rules, when their provider sends them again.
    ///
    /// With `nothing-started`, Redeliver at the provider is enough after a rule was mended. It is off by default because
    /// a sender with a captured request could then have an old event decided again.
    #[arg(hide_short_help = true, long, help_heading = WEBHOOKS, env = "SHIPWRIGHT_TRIGGER_DECIDE_AGAIN", default_value = "never", value_name = "WHICH")]
    pub decide_again: DecideAgain,
    /// Maximum size of a request body in MiB. The default is the largest payload that a provider sends.
    #[arg(hide_short_help = true, long, help_heading = WEBHOOKS, env = "SHIPWRIGHT_TRIGGER_MAX_BODY", default_value_t = MAX_BODY, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub max_body: u16,
    /// Maximum total size of the request bodies held in memory at one time, in MiB. Half of it is for the first
    /// 64 KiB of each body, so that large bodies leave room for ordinary ones. Large bodies that are worked on take up
    /// to three times `--max-body` on top. Requests beyond this limit are answered with 503.
    #[arg(hide_short_help = true, long, help_heading = WEBHOOKS, env = "SHIPWRIGHT_TRIGGER_MAX_BODIES", default_value_t = MAX_BODIES, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_bodies: u16,
    /// Maximum number of open connections on each port. For a further connection, the one that has waited for its
    /// client longest is closed.
    #[arg(hide_short_help = true, long, help_heading = CONNECTIONS, env = "SHIPWRIGHT_TRIGGER_MAX_CONNECTIONS", default_value_t = MAX_CONNECTIONS, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections: u16,
    /// Maximum number of open connections of one client address on each port; for IPv6, of one /64 network. Behind a
    /// proxy, all clients have its address. Default: half of `--max-connections`.
    #[arg(hide_short_help = true, long, help_heading = CONNECTIONS, env = "SHIPWRIGHT_TRIGGER_MAX_CONNECTIONS_PER_PEER", value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_connections_per_peer: Option<u16>,
    /// Seconds within which a client must send the request headers. A slow client would otherwise occupy a
    /// connection.
    #[arg(hide_short_help = true, long, help_heading = CONNECTIONS, env = "SHIPWRIGHT_TRIGGER_HEADER_TIMEOUT", default_value_t = HEADER_TIMEOUT, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub header_timeout: u64,
    /// Seconds within which a client must send the request body. A slow client would otherwise occupy memory.
    #[arg(hide_short_help = true, long, help_heading = CONNECTIONS, env = "SHIPWRIGHT_TRIGGER_BODY_TIMEOUT", default_value_t = BODY_TIMEOUT, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub body_timeout: u64,
    /// Seconds after which a connection is closed whose client takes in nothing of a response.
    #[arg(hide_short_help = true, long, help_heading = CONNECTIONS, env = "SHIPWRIGHT_TRIGGER_RESPONSE_TIMEOUT", default_value_t = RESPONSE_TIMEOUT, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub response_timeout: u64,
}

/// The help heading of the flags for the webhook port.
const WEBHOOKS: &str = "Webhooks";
/// The help heading of the flags for the connections of both ports.
const CONNECTIONS: &str = "Connections";
const MIB: usize = 1024 * 1024;
/// The largest payload that any provider sends, in MiB.
const MAX_BODY: u16 = 25;
/// In MiB. With three times [`MAX_BODY`] it is a good half of the memory limit in the manifests.
const MAX_BODIES: u16 = 64;
const MAX_CONNECTIONS: u16 = 1024;
/// Seconds.
const HEADER_TIMEOUT: u64 = 10;
/// Seconds: 25 MiB need a connection of 7 Mbit/s.
const BODY_TIMEOUT: u64 = 30;
/// Seconds. Between two pieces of a response, a slow network delays a client by less.
const RESPONSE_TIMEOUT: u64 = 30;

impl ProgramOptions {
    /// Loopback addresses with free ports, and the journal in `journal`: for `dev` and tests.
    pub fn on_loopback(journal: Address) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: any_port,
            admin_listen: any_port,
            access: AdminOptions::default(),
            journal,
            retention: RetentionOptions::default(),
            work: WorkOptions::default(),
            images: ImageOptions::default(),
            listeners: ListenerOptions::default(),
            lease: LeaseOptions::default(),
            namespaces: Vec::new(),
            public_url: None,
            hook_paths: HookPath::defaults(),
            registries: RegistryHookOptions::default(),
            allow_unsigned: false,
            decide_again: DecideAgain::default(),
            max_body: MAX_BODY,
            max_bodies: MAX_BODIES,
            max_connections: MAX_CONNECTIONS,
            max_connections_per_peer: None,
            header_timeout: HEADER_TIMEOUT,
            body_timeout: BODY_TIMEOUT,
            response_timeout: RESPONSE_TIMEOUT,
        }
    }

    /// Rejects combinations of flags that are unsafe or contradict each other.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.access.check(self.admin_listen)?;
        self.registries.check()?;
        HookPath::check(&self.hook_paths)
    }

    pub(crate) async fn open_journal(&self) -> anyhow::Result<Arc<dyn Journal>> {
        let journal = trigger_journal::open_with(&self.journal, self.retention.settings()).await;
        journal.with_context(|| format!("cannot open the journal {}", self.journal))
    }

    /// How this replica learns whether it leads. Several replicas need PostgreSQL, so a program with a SQLite
    /// journal always leads and needs no Lease.
    pub(crate) fn leadership(
        &self,
        connection: &Connection,
    ) -> anyhow::Result<(Leadership, Option<LeaseElector>)> {
        if matches!(self.journal, Address::Sqlite(_)) {
            return Ok((Leadership::always(), None));
        }
        // On a connection of its own, so that renewals do not queue behind other requests.
        let (elector, leadership) = LeaseElector::new(&connection.apart()?, &self.lease.place())?;
        Ok((leadership, Some(elector)))
    }

    /// The authentication of the admin API, which listens on `admin`.
    pub(crate) fn authenticator(&self, connection: &Connection, admin: SocketAddr) -> Authenticator {
        match self.access.admin_auth {
            AdminAuth::Kubernetes => Authenticator::Cluster(Arc::new(AccessReviewer::new(connection))),
            AdminAuth::None => Authenticator::Disabled { any_host: !admin.ip().is_loopback() },
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            image_run_rate: self.images.image_run_rate,
            allow_unsigned: self.allow_unsigned,
            ..self.work.settings()
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::of(&self.namespaces)
    }

    /// Adds the routes of providers and registries; `notifier` receives the push hints of registries.
    pub(crate) fn add_routes(
        &self,
        ingest: &Ingest,
        notifier: &Arc<dyn ImageNotifier>,
    ) -> anyhow::Result<()> {
        for HookPath { path, provider } in &self.hook_paths {
            let first = self.hook_paths.iter().find(|other| other.provider.name() == provider.name());
            let first_path = first.map_or(path, |first| &first.path);
            ingest.add_provider(path, first_path, *provider);
        }
        let hooks = self.registries.hooks();
        if !hooks.is_empty() {
            let id_tokens = self.registries.id_tokens(self.images.egress_settings()?)?;
            ingest.add_registries(hooks, notifier, &id_tokens);
        }
        Ok(())
    }

    pub(crate) fn ingest_settings(&self) -> IngestSettings {
        IngestSettings {
            largest_body: usize::from(self.max_body) * MIB,
            bodies_in_flight: usize::from(self.max_bodies.max(self.max_body)) * MIB,
            body: Duration::from_secs(self.body_timeout),
            allow_unsigned: self.allow_unsigned,
            decide_again: self.decide_again.into(),
            open_listener_budget: self.listeners.open_budget(),
            ..IngestSettings::default()
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let connections = usize::from(self.max_connections);
        Limits {
            connections,
            connections_per_peer: self.max_connections_per_peer.map_or(connections.div_ceil(2), usize::from),
            headers: Duration::from_secs(self.header_timeout),
            response: Duration::from_secs(self.response_timeout),
            ..Limits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_that_the_page_about_limits_names() {
        let options = ProgramOptions::on_loopback(Address::Sqlite("journal.db".into()));
        assert_eq!(format!("{:?}", options.ingest_settings()), format!("{:?}", IngestSettings::DEFAULT));
        assert_eq!(format!("{:?}", options.limits()), format!("{:?}", Limits::DEFAULT));
    }
}
