use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use trigger_core::is_dns_label;
use trigger_runtime::{Lead, Leadership, error_chain};

use super::RETRY;
use super::election::{ElectionState, Seen, Step};
use super::identity::Identity;
use super::lease::{LeaseError, LeaseObject};
use crate::client::Connection;

/// How soon the Lease is read again after another replica wrote it first.
const OVERTAKEN: Duration = Duration::from_millis(200);
/// The timeout of releasing the Lease. If it fails, the next leader waits until the Lease expires.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// The name and namespace of the Lease that elects the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasePlace {
    /// Its name.
    pub name: String,
    /// Its namespace. Default: the namespace of the connection, which in a pod is the pod's.
    pub namespace: Option<String>,
}

/// Why a Lease cannot be where a [`LeasePlace`] names it.
#[derive(Debug, thiserror::Error)]
pub enum LeasePlaceError {
    /// The connection's namespace, which is the default, is none.
    #[error(
        "no namespace can have the name {namespace:?}, which the kubeconfig or the pod gives as its own: set \
         --lease-namespace"
    )]
    Namespace {
        /// That name.
        namespace: String,
    },
}

/// Acquires and renews a Lease, and publishes whether this replica leads.
pub struct LeaseElector {
    lease: LeaseObject,
    identity: Identity,
    lead: watch::Sender<Lead>,
    /// The kind of the last logged error, until the Lease can be read and written again.
    reported: Option<&'static str>,
}

/// The outcome of a turn.
enum Outcome {
    /// The Lease as it is.
    Read(Option<Seen>),
    /// This replica holds it, by a request that was sent at this moment.
    Won(Seen, Instant),
    /// It could not be read or written.
    Failed(LeaseError),
    /// It was not renewed in time.
    Lapsed,
}

impl LeaseElector {
    /// An elector for the Lease at `place`. Nothing is sent yet, and this replica does not lead.
    pub fn new(connection: &Connection, place: &LeasePlace) -> Result<(Self, Leadership), LeasePlaceError> {
        let client = connection.client.clone();
        let namespace = place.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        // It becomes part of a path.
        if !is_dns_label(&namespace) {
            return Err(LeasePlaceError::Namespace { namespace });
        }
        let lease = LeaseObject { api: Api::namespaced(client, &namespace), name: place.name.clone() };
        let (lead, changes) = watch::channel(Lead::default());
        let elector = Self { lease, identity: Identity::of_this_process(), lead, reported: None };
        Ok((elector, Leadership::by(changes)))
    }

    /// Takes part in the election until `step_down`, then releases the Lease, so that another replica leads at once.
    /// Cancel `step_down` after the leader tasks have ended. A Lease that cannot be read or written is logged once and
    /// retried.
    pub async fn run(mut self, step_down: CancellationToken) {
        let mut term = ElectionState::new(Arc::clone(&self.identity.name));
        let mut pause = Duration::ZERO;
        loop {
            let outcome = tokio::select! {
                biased;
                () = step_down.cancelled() => break,
                () = end_of(&term) => Outcome::Lapsed,
                outcome = self.turn(&term, pause) => outcome,
            };
            pause = self.take(outcome, &mut term);
            self.publish(&term);
        }
        self.lead.send_modify(|lead| lead.ours = false);
        if timeout(RELEASE_TIMEOUT, self.release()).await.is_err() {
            debug!("the API server does not answer; the Lease expires");
        }
    }

    /// Waits for `pause`, then carries out the next step.
    async fn turn(&self, term: &ElectionState, pause: Duration) -> Outcome {
        sleep(pause).await;
        let begun = Instant::now();
        let done = match term.step(begun) {
            None | Some(Step::Wait) => self.lease.read().await.map(Outcome::Read),
            Some(step) => {
                let held = self.lease.hold(&self.identity.name, &step).await;
                held.map(|lease| Outcome::Won(lease, begun))
            }
        };
        done.unwrap_or_else(Outcome::Failed)
    }

    /// Applies the outcome of a turn; returns how long to wait before the next.
    fn take(&mut self, outcome: Outcome, term: &mut ElectionState) -> Duration {
        match outcome {
            Outcome::Read(lease) => {
                let now = Instant::now();
                term.note(lease, now);
                match term.step(now) {
                    Some(Step::Wait) => {
                        self.recovered();
                        // Jitter: candidates must not read at the same moment.
                        RETRY.mul_f64(1.0 - 0.3 * self.identity.spread)
                    }
                    _ => Duration::ZERO,
                }
            }
            Outcome::Won(lease, begun) => {
                self.recovered();
                term.won(lease, begun);
                RETRY
            }
            Outcome::Failed(LeaseError::Overtaken) => {
                term.look_again();
                OVERTAKEN
            }
            Outcome::Failed(LeaseError::Absent) => {
                term.note(None, Instant::now());
                OVERTAKEN
            }
            Outcome::Failed(error) => {
                self.log_failure(&error);
                RETRY
            }
            Outcome::Lapsed => {
                warn!(
                    lease = self.lease.name,
                    "the Lease was not renewed in time; another replica may take it"
                );
                term.lost();
                Duration::ZERO
            }
        }
    }

    /// Publishes which replica leads, and logs changes.
    fn publish(&self, term: &ElectionState) {
        let lead = Lead { ours: term.until().is_some(), leader: term.leader() };
        let before = self.lead.send_replace(lead.clone());
        let (lease, identity) = (self.lease.name.as_str(), &*self.identity.name);
        let leader = lead.leader.as_deref();
        match (before.ours, lead.ours) {
            (false, true) => info!(lease, identity, "this replica leads"),
            (true, false) => info!(lease, identity, leader, "this replica does not lead any more"),
            (false, false) if before.leader != lead.leader && leader.is_some() => {
                info!(lease, identity, leader, "another replica leads");
            }
            _ => {}
        }
    }

    async fn release(&self) {
        loop {
            // A request may have been in flight when `step_down` was cancelled.
            let lease = match self.lease.read().await {
                Ok(Some(lease)) if lease.holder.as_ref() == Some(&self.identity.name) => lease,
                Ok(_) => return,
                Err(error) => return debug!(error = error_chain(&error), "the Lease cannot be released"),
            };
            match self.lease.release(&lease).await {
                Ok(_) => return info!(lease = self.lease.name, "the Lease was given back"),
                Err(LeaseError::Overtaken) => {}
                Err(error) => return debug!(error = error_chain(&error), "the Lease cannot be released"),
            }
        }
    }

    /// Logs an error of the Lease, once for each kind.
    fn log_failure(&mut self, error: &LeaseError) {
        let (reason, advice) = advice(error);
        if self.reported.replace(reason) == Some(reason) {
            return;
        }
        let (lease, error) = (self.lease.name.as_str(), error_chain(error));
        let place = self.lease.api.resource_url();
        if let Some(advice) = advice {
            error!(lease, place, error, "{advice}");
        } else {
            warn!(lease, place, error, "cannot read or write the Lease; trying again");
        }
    }

    fn recovered(&mut self) {
        if self.reported.take().is_some() {
            info!(lease = self.lease.name, "the Lease can be read and written again");
        }
    }
}

/// The kind of an error, and the remedy if a person has to act.
fn advice(error: &LeaseError) -> (&'static str, Option<&'static str>) {
    let LeaseError::Api(error) = error else { return ("slow", None) };
    let kube::Error::Api(status) = error.as_ref() else { return ("unreachable", None) };
    match status.code {
        403 => (
            "forbidden",
            Some(
                "this replica may not read and write the Lease and cannot lead: bind its service account to \
                 the Role shipwright-trigger-leases in the namespace of the Lease; deliveries are taken in \
                 and worked off meanwhile",
            ),
        ),
        404 => (
            "no-place",
            Some(
                "there can be no Lease here and no replica leads: give --lease-namespace a namespace that exists; \
                 deliveries are taken in and worked off meanwhile",
            ),
        ),
        400 | 405 | 422 => (
            "refused",
            Some(
                "the API server does not take the Lease and this replica cannot lead: look at the object, and \
                 at --lease-name; deliveries are taken in and worked off meanwhile",
            ),
        ),
        _ => ("unwell", None),
    }
}

/// Returns when the leadership of this replica expires.
async fn end_of(term: &ElectionState) {
    match term.until() {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
