use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Facts, Verification, Waiting};

use crate::timestamp::to_nanoseconds;
use crate::{JournalError, LaunchRecord, Settlement};

/// The journal as dispatchers use it: the queue of deliveries that are not settled.
///
/// A delivery is `pending`, then `claimed` by one dispatcher, then `settled` or `failed`. A claim whose timeout has
/// passed is claimable again, so a crash loses nothing.
pub trait Queue: Send + Sync + 'static {
    /// Claims deliveries that are due, fairly between tenants.
    ///
    /// Of one tenant the delivery that has been due longest comes first: since it was appended, since the moment it
    /// was released until, or since its claim timed out. So a delivery that is retried does not overtake new ones.
    /// Tenants with due deliveries take turns; the length of a queue does not count.
    /// If the future is dropped, its claims time out.
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>>;

    /// Stores the facts of a claimed delivery, in place of those that it was claimed with. They stay when the claim
    /// is settled, released or timed out.
    ///
    /// A dispatcher calls this before it launches anything that was decided with the facts. A later attempt then
    /// decides the same.
    fn record_facts(&self, token: ClaimToken, facts: Facts) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Stores the verification of a claimed delivery, in place of the one that it was claimed with: what it waited for
    /// could be read. It counts for the same tenant as before.
    fn record_verification(
        &self,
        token: ClaimToken,
        verification: Verification,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Ends the work on a claimed delivery. Stores its decisions and launches, in place of those of earlier attempts.
    fn settle(&self, token: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Returns a claimed delivery to the queue, due at `due`, or after [`LONGEST_WAIT`] if that is earlier. Stores the result of the attempt: the error that makes
    /// another one necessary, the decisions, and the runs that exist already.
    fn release(
        &self,
        token: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The length and the age of the queue.
    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>>;

    /// Changes whenever a delivery may have become claimable: after one was appended undecided, reopened, replayed or
    /// released (also if it is due later), and when the journal closes. Changes by other processes arrive later.
    /// A claim that times out and a due moment that passes change nothing.
    fn arrivals(&self) -> watch::Receiver<u64>;
}

/// The longest time for which a delivery waits to be due, and the longest claim. Pauses between attempts, throttling and
/// `--claim-timeout` are shorter.
///
/// A delivery that is due later than this from now was given its time by a clock that was ahead. It is due now.
pub const LONGEST_WAIT: Duration = Duration::from_hours(2);

/// How many deliveries a dispatcher claims, and for how long.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// How many deliveries at most.
    pub max: usize,
    /// How many bytes of bodies at most, before compression: the last delivery exceeds it at most.
    pub bytes: u64,
    /// How long the claims last; at most [`LONGEST_WAIT`].
    pub timeout: Duration,
    /// How many deliveries of one tenant the dispatcher works on at the same time.
    pub per_tenant: usize,
    /// How many of each tenant it works on already.
    pub held: HashMap<Arc<str>, usize>,
}

impl ClaimRequest {
    /// Up to `max` deliveries, without a limit per tenant or of bytes.
    pub fn any(max: usize, timeout: Duration) -> Self {
        Self { max, bytes: u64::MAX, timeout, per_tenant: max, held: HashMap::new() }
    }

    /// How long the claims last.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.min(LONGEST_WAIT)
    }

    /// How many deliveries of `tenant` the dispatcher has room for.
    pub(crate) fn room(&self, tenant: &str) -> usize {
        self.per_tenant.saturating_sub(self.held.get(tenant).copied().unwrap_or(0)).min(self.max)
    }
}

/// The right to settle or release a claimed delivery: its id and the attempt that claimed it.
///
/// A token is stale once the claim has timed out and another dispatcher has claimed the delivery, or the delivery is
/// settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimToken {
    /// The delivery.
    pub id: DeliveryId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
}

/// A delivery that this dispatcher works on until its claim times out.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// For [`Queue::record_facts`], [`Queue::settle`] and [`Queue::release`].
    pub token: ClaimToken,
    /// The delivery as it was appended.
    pub delivery: Delivery,
    /// The result of verifying its origin.
    pub verification: Verification,
    /// The facts that earlier attempts gathered, or the attempts of the delivery that this one replays.
    pub facts: Facts,
    /// The tenant that it counts for, see [`tenant`].
    pub tenant: Arc<str>,
    /// The runs of earlier attempts.
    pub launches: Vec<LaunchRecord>,
    /// When the claim times out.
    pub claimed_until: Timestamp,
}

/// The time from now until `due`, by this process's clock, in nanoseconds. Negative if it has passed.
pub(crate) fn delay_until(due: Timestamp) -> i64 {
    let longest = i64::try_from(LONGEST_WAIT.as_nanos()).unwrap_or(i64::MAX);
    to_nanoseconds(due).saturating_sub(to_nanoseconds(Timestamp::now())).min(longest)
}

/// The latest time, in nanoseconds, for which a clock that says `now` has a delivery wait.
pub(crate) fn latest_due(now: Timestamp) -> i64 {
    to_nanoseconds(now.checked_add(LONGEST_WAIT).unwrap_or(Timestamp::MAX))
}

/// The tenant of a delivery: the namespace of the first key that verified it, else of the first clone Secret without
/// an entry, else of the object that was observed, else of the listener that accepted it, else of the Secrets that it waits for. Empty for an unsigned delivery
/// that names no Secret.
pub fn tenant(verification: &Verification) -> Arc<str> {
    let first_key = verification.keys.first().map(|key| &key.secret);
    let without_key = verification.without_entry.first().or(verification.late_without_entry.first());
    let owner =
        first_key.or(without_key).or(verification.observed.as_ref()).or(verification.listener.as_ref());
    let waiting = verification.waiting.as_ref().and_then(Waiting::namespace);
    owner.map(|owner| &owner.namespace).or(waiting).map_or_else(|| "".into(), Arc::clone)
}

/// The length and the age of the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Deliveries that wait to be claimed.
    pub pending: u64,
    /// Deliveries that are claimed, timed out or not.
    pub claimed: u64,
    /// When the oldest delivery that is neither settled nor failed was received.
    pub oldest_unsettled: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use trigger_core::{KeyRef, ObjectKey, Unsigned, Waiting, WaitingSecret};

    use super::*;

    #[test]
    fn a_delivery_counts_for_the_namespace_of_its_first_key() {
        let object = |namespace: &str| ObjectKey::new(namespace, "x");
        let unsigned = Verification { unsigned: Unsigned::Operator, ..Verification::default() };
        let observed = Verification { observed: Some(object("c")), ..Verification::default() };
        let without_entry = Verification { without_entry: vec![object("b")], ..observed.clone() };
        let keys = ["a", "z"].map(|namespace| KeyRef::new(object(namespace), "token")).to_vec();
        let signed = Verification { keys, ..without_entry.clone() };
        let secrets = vec![WaitingSecret::new(object("d"), None)];
        let waiting = Some(Waiting { secrets, presented: None, continued_as: Vec::new() });
        let waiting = Verification { waiting, ..Verification::default() };
        for (verification, expected) in
            [(signed, "a"), (without_entry, "b"), (observed, "c"), (waiting, "d"), (unsigned, "")]
        {
            assert_eq!(&*tenant(&verification), expected, "{verification:?}");
        }
    }
}
