//! Strangers at both ports, and the hostile tenant as a sender: one manner after the other, two at a time.

mod bodies;
mod connections;
mod listeners;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::bodies::Bodies;
pub(super) use self::bodies::pushed;
use super::dice::Dice;
use super::{client, tenant, victim};

/// Formats of registry notifications that the program accepts here.
pub(super) const FORMATS: [&str; 3] = ["generic", "distribution", "harbor"];
/// How long clients of one manner come.
const PHASE: Duration = Duration::from_secs(8);
/// A client that is not answered gives up after this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Forms,
    Escapes,
    Levels,
    Fields,
    Forgeries,
    Pipelines,
    AdminPipelines,
    Dawdlers,
    Mutations,
    Signed,
    LargeSigned,
    Notifications,
    AdminCalls,
    OpenLevels,
    OpenFields,
    OpenEvents,
    ListenerForgeries,
    Hosts,
}

impl Manner {
    pub(super) const ALL: [Self; 18] = [
        Self::Forms,
        Self::Escapes,
        Self::Levels,
        Self::Fields,
        Self::Forgeries,
        Self::Pipelines,
        Self::AdminPipelines,
        Self::Dawdlers,
        Self::Mutations,
        Self::Signed,
        Self::LargeSigned,
        Self::Notifications,
        Self::AdminCalls,
        Self::OpenLevels,
        Self::OpenFields,
        Self::OpenEvents,
        Self::ListenerForgeries,
        Self::Hosts,
    ];

    /// Whether the requests are for listeners.
    pub(super) fn is_to_listeners(self) -> bool {
        matches!(
            self,
            Self::OpenLevels | Self::OpenFields | Self::OpenEvents | Self::ListenerForgeries | Self::Hosts
        )
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Forms => "forms",
            Self::Escapes => "escapes",
            Self::Levels => "levels",
            Self::Fields => "fields",
            Self::Forgeries => "forgeries",
            Self::Pipelines => "pipelines",
            Self::AdminPipelines => "admin-pipelines",
            Self::Dawdlers => "dawdlers",
            Self::Mutations => "mutations",
            Self::Signed => "signed",
            Self::LargeSigned => "large-signed",
            Self::Notifications => "notifications",
            Self::AdminCalls => "admin-calls",
            Self::OpenLevels => "open-levels",
            Self::OpenFields => "open-fields",
            Self::OpenEvents => "open-events",
            Self::ListenerForgeries => "listener-forgeries",
            Self::Hosts => "hosts",
        }
    }

    /// How many clients do it at once.
    fn clients(self) -> usize {
        match self {
            Self::Forms
            | Self::Escapes
            | Self::Levels
            | Self::Fields
            | Self::OpenLevels
            | Self::OpenFields => 5,
            Self::Pipelines | Self::AdminPipelines => 1100,
            Self::Dawdlers => 200,
            Self::LargeSigned => 2,
            Self::Forgeries
            | Self::Mutations
            | Self::Signed
            | Self::Notifications
            | Self::AdminCalls
            | Self::OpenEvents
            | Self::Hosts => 4,
            Self::ListenerForgeries => 20,
        }
    }

    /// How long a client waits before it does it again.
    fn pause(self) -> Duration {
        Duration::from_millis(match self {
            Self::Forgeries | Self::Mutations | Self::AdminCalls | Self::Hosts | Self::ListenerForgeries => {
                30
            }
            Self::Signed | Self::Notifications => 200,
            Self::LargeSigned => 1000,
            _ => 100,
        })
    }
}

/// Clients, and what came back.
#[derive(Clone)]
pub(super) struct Strangers {
    hooks: SocketAddr,
    admin: SocketAddr,
    registry_key: String,
    bodies: Arc<Bodies>,
    counts: Arc<Mutex<Counts>>,
}

/// By manner: requests by the status of the response. 0 is for none.
pub(super) type Counts = BTreeMap<&'static str, BTreeMap<u16, u64>>;

impl Strangers {
    pub(super) fn new(hooks: SocketAddr, admin: SocketAddr, registry_key: String) -> anyhow::Result<Self> {
        Ok(Self { hooks, admin, registry_key, bodies: Arc::new(Bodies::new()?), counts: Arc::default() })
    }

    /// Comes in these manners in turn until `end`. All of it happens on threads of their own, so that the work
    /// of the strangers is no latency of the victim.
    pub(super) async fn run_apart(
        self,
        seed: u64,
        manners: Vec<Manner>,
        end: CancellationToken,
    ) -> anyhow::Result<Counts> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(tokio::task::spawn_blocking(move || runtime.block_on(self.run(seed, manners, end))).await?)
    }

    async fn run(self, seed: u64, manners: Vec<Manner>, end: CancellationToken) -> Counts {
        let mut dice = Dice::new(seed);
        let mut phases = JoinSet::new();
        'all: loop {
            let mut order = manners.clone();
            for place in (1..order.len()).rev() {
                order.swap(place, dice.below(place + 1));
            }
            for manner in order {
                let (strangers, dice, over) = (self.clone(), dice.fork(), end.child_token());
                phases.spawn(async move {
                    let clients = strangers.come(manner, dice);
                    tokio::select! { () = over.cancelled() => {}, () = tokio::time::sleep(2 * PHASE) => {}, () = clients => {} }
                });
                tokio::select! { () = end.cancelled() => break 'all, () = tokio::time::sleep(PHASE) => {} }
            }
        }
        phases.join_all().await;
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn come(&self, manner: Manner, mut dice: Dice) {
        let mut clients = JoinSet::new();
        for client in 0..manner.clients() {
            let (strangers, mut dice) = (self.clone(), dice.fork());
            // Some hundred addresses; a stranger on the internet has one, or a few.
            let host = u8::try_from(client % 200).unwrap_or_default() + 1;
            let from = Ipv4Addr::new(127, 66, u8::from(dice.one_in(2)), host);
            clients.spawn(async move {
                loop {
                    let status =
                        tokio::time::timeout(PATIENCE, strangers.once(manner, from, &mut dice)).await;
                    let status = status.ok().and_then(Result::ok).unwrap_or_default();
                    strangers.note(manner, status);
                    tokio::time::sleep(manner.pause()).await;
                }
            });
        }
        clients.join_all().await;
    }

    /// One request, or one connection. The status of the response.
    async fn once(&self, manner: Manner, from: Ipv4Addr, dice: &mut Dice) -> anyhow::Result<u16> {
        let repository = if dice.one_in(2) { tenant::REPOSITORY.to_owned() } else { victim::repository(0) };
        let request = match manner {
            Manner::Forms => return self.send(from, &self.bodies.form).await,
            Manner::Escapes => return self.send(from, &self.bodies.escapes).await,
            Manner::Levels => return self.send(from, &self.bodies.levels).await,
            Manner::Fields => return self.send(from, &self.bodies.fields).await,
            Manner::OpenLevels => return self.send(from, &self.bodies.open_levels).await,
            Manner::OpenFields => return self.send(from, &self.bodies.open_fields).await,
            Manner::Pipelines => return connections::pipeline(from, self.hooks, "/hooks").await,
            Manner::AdminPipelines => return connections::pipeline(from, self.admin, "/metrics").await,
            Manner::Dawdlers => return connections::dawdle(from, self.hooks, dice).await,
            Manner::AdminCalls => {
                let response = client::exchange(from, self.admin, &connections::admin_call(dice)).await?;
                return Ok(status(&response));
            }
            Manner::Forgeries => victim::signed(dice.number(), b"a made-up key", "main")?,
            Manner::Mutations => bodies::mutated(dice)?,
            Manner::Signed => bodies::signed(&repository, dice.number() >> 8, 100, dice)?,
            Manner::LargeSigned => bodies::signed(&repository, dice.number() >> 8, 10_000_000, dice)?,
            Manner::Notifications => bodies::notification(dice, &self.registry_key),
            Manner::OpenEvents => listeners::open_event(dice),
            Manner::ListenerForgeries => listeners::forgery(dice)?,
            Manner::Hosts => listeners::by_host(dice),
        };
        self.send(from, &request).await
    }

    async fn send(&self, from: Ipv4Addr, request: &[u8]) -> anyhow::Result<u16> {
        Ok(status(&client::exchange(from, self.hooks, request).await?))
    }

    fn note(&self, manner: Manner, status: u16) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(manner.name()).or_default().entry(status).or_default() += 1;
    }
}

/// The status of a response, 0 if it has none.
pub(super) fn status(response: &str) -> u16 {
    response.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default()
}
