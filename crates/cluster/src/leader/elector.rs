use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use trigger_runtime::{Lead, Leadership, error_chain};

use super::RETRY;
use super::election::{ElectionState, Seen, Step};
use super::identity::Identity;
use super::lease::{LeaseError, LeaseObject};
use crate::client::Connection;

/// How soon the Lease is read again after another replica wrote it first.
const OVERTAKEN: Duration = Duration::from_millis(200);
/// How long giving the Lease back may take. After that the next leader has to wait until it runs out.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(2);

/// Where the Lease is that decides who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasePlace {
    /// Its name.
    pub name: String,
    /// Its namespace; without one that of the connection, which in a cluster is that of the pod.
    pub namespace: Option<String>,
}

/// Seeks to hold a Lease, and tells whether it does.
pub struct LeaseElector {
    lease: LeaseObject,
    identity: Identity,
    tell: watch::Sender<Lead>,
    reported: Option<&'static str>,
}

/// What a turn has brought.
enum Outcome {
    /// The Lease as it is.
    Read(Option<Seen>),
    /// It is ours, by a request that was begun at this moment.
    Won(Seen, Instant),
    /// It could not be read or written.
    Failed(LeaseError),
    /// It could not be renewed in time.
    Lapsed,
}

impl LeaseElector {
    /// One for the Lease at `place`. Nothing is sent yet, and this replica does not lead.
    pub fn new(connection: &Connection, place: &LeasePlace) -> (Self, Leadership) {
        let client = connection.client.clone();
        let namespace = place.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let lease = LeaseObject { api: Api::namespaced(client, &namespace), name: place.name.clone() };
        let (tell, told) = watch::channel(Lead::default());
        let campaign = Self { lease, identity: Identity::of_this_process(), tell, reported: None };
        (campaign, Leadership::by(told))
    }

    /// Seeks to lead until `step_down`, which is to be said when all has been put down that only a leader does: then
    /// the Lease is given back, and another leads at once. A Lease that cannot be had is complained of, once, and
    /// waited for.
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
            self.tell(&term);
        }
        self.tell.send_modify(|lead| lead.ours = false);
        if timeout(GIVE_BACK_WITHIN, self.give_back()).await.is_err() {
            debug!("the API server does not answer; the Lease runs out by itself");
        }
    }

    /// Waits for `pause`, then does what is to be done.
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

    /// Notes what a turn has brought; returns how long to wait for the next.
    fn take(&mut self, outcome: Outcome, term: &mut ElectionState) -> Duration {
        match outcome {
            Outcome::Read(lease) => {
                let now = Instant::now();
                term.note(lease, now);
                match term.step(now) {
                    Some(Step::Wait) => {
                        self.recovered();
                        // Not all who wait come at the same moment.
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
            Outcome::Failed(fault) => {
                self.complain(&fault);
                RETRY
            }
            Outcome::Lapsed => {
                warn!(
                    lease = self.lease.name,
                    "the Lease could not be renewed in time: another may lead soon"
                );
                term.lost();
                Duration::ZERO
            }
        }
    }

    /// Tells who leads, if that has changed.
    fn tell(&self, term: &ElectionState) {
        let lead = Lead { ours: term.until().is_some(), leader: term.leader() };
        let before = self.tell.send_replace(lead.clone());
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

    async fn give_back(&self) {
        loop {
            // A request may have been under way when it was said to end.
            let lease = match self.lease.read().await {
                Ok(Some(lease)) if lease.holder.as_ref() == Some(&self.identity.name) => lease,
                Ok(_) => return,
                Err(fault) => return debug!(error = error_chain(&fault), "the Lease cannot be given back"),
            };
            match self.lease.give_back(&lease).await {
                Ok(_) => return info!(lease = self.lease.name, "the Lease was given back"),
                Err(LeaseError::Overtaken) => {}
                Err(fault) => return debug!(error = error_chain(&fault), "the Lease cannot be given back"),
            }
        }
    }

    /// Complains of a Lease that cannot be had, once for each reason.
    fn complain(&mut self, fault: &LeaseError) {
        let (reason, advice) = advice(fault);
        if self.reported.replace(reason) == Some(reason) {
            return;
        }
        let (lease, fault) = (self.lease.name.as_str(), error_chain(fault));
        let place = self.lease.api.resource_url();
        if let Some(advice) = advice {
            error!(lease, place, fault, "{advice}");
        } else {
            warn!(lease, place, fault, "it cannot be found out who leads; trying again");
        }
    }

    fn recovered(&mut self) {
        if self.reported.take().is_some() {
            info!(lease = self.lease.name, "the Lease can be read and written again");
        }
    }
}

/// A machine name for what is wrong, and what to do if a person has to act.
fn advice(fault: &LeaseError) -> (&'static str, Option<&'static str>) {
    let LeaseError::Api(error) = fault else { return ("slow", None) };
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

/// Returns when the time is up for which we lead.
async fn end_of(term: &ElectionState) {
    match term.until() {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
