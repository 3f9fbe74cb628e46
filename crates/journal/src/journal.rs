use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_event::{Delivery, DeliveryId, Proof, Verified};

use crate::{DecisionRecord, JournalError, Record, Settlement, State};

/// A durable store of deliveries that is also the queue of those not yet settled.
///
/// A delivery is `pending`, then `claimed` under a lease by one dispatcher, then `settled` or `failed`.
/// A lease that runs out makes it claimable again, so a crash loses nothing.
///
/// Every call is all or nothing, and what it did is durable when it returns `Ok`. After
/// [`JournalError::Unavailable`] it may have happened or not, and so it may if the future is dropped.
/// `tests/it/contract` of this crate holds every store to this page.
pub trait Journal: Send + Sync + 'static {
    /// Keeps a delivery. When this returns `Ok`, the delivery survives a crash of the machine.
    ///
    /// Inserts if absent, atomically: of many calls with one id, one sees [`Appended::New`]. A delivery
    /// that had failed becomes pending again, due now: envelope, headers, body and proof are those that
    /// have just arrived, attempts go on counting, and what the last attempt came to is kept until the
    /// next one ends. Nothing else changes what is stored.
    fn append(&self, delivery: Verified<Delivery>) -> BoxFuture<'_, Result<Appended, JournalError>>;

    /// Takes up to `max` deliveries that are due, oldest first, and leases them for `lease`.
    ///
    /// The oldest is the one that has been due for longest: since it was appended, since the moment it was
    /// released until, or since its lease ran out. So one that is tried again and again does not keep new
    /// ones waiting. If the future is dropped, what it claimed comes back when the lease runs out.
    fn claim(&self, max: usize, lease: Duration) -> BoxFuture<'_, Result<Vec<Claimed>, JournalError>>;

    /// Ends the work on a claimed delivery and keeps what was decided and launched, in place of what an
    /// earlier attempt left.
    fn settle(&self, ticket: Ticket, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Gives a claimed delivery back for another attempt at `due`, with the fault that made it necessary
    /// and what was decided so far.
    fn release(
        &self,
        ticket: Ticket,
        due: Timestamp,
        fault: String,
        decisions: Vec<DecisionRecord>,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// One delivery with everything known about it.
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>>;

    /// The history, newest first by the moment of receipt.
    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>>;

    /// How much is waiting, and for how long.
    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>>;

    /// Changes whenever something may have become claimable in this process: after a delivery was appended
    /// as new or opened again, after one was released (also if it is due later), and when the journal ends.
    /// Leases that run out and due moments that come change nothing.
    fn arrivals(&self) -> watch::Receiver<u64>;
}

/// What became of an appended delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was not known. It is pending now.
    New,
    /// The same delivery is pending or claimed already.
    InProgress,
    /// The same delivery was settled before. Nothing will run.
    Settled,
    /// The same delivery had failed. It is pending again.
    Reopened,
}

/// Proves that its holder may settle or release a delivery: its id and the attempt that claimed it.
///
/// A ticket goes stale when its lease runs out and somebody else claims the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The delivery.
    pub id: DeliveryId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
}

/// A delivery that is ours to work on until the lease ends.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// For [`Journal::settle`] and [`Journal::release`].
    pub ticket: Ticket,
    /// The delivery as it was appended.
    pub delivery: Delivery,
    /// What proved it.
    pub proof: Proof,
    /// When the lease ends.
    pub lease_until: Timestamp,
}

/// Which part of the history is wanted. Conditions that are absent let everything pass.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only deliveries about this repository, by the display form of its `RepoId`.
    pub repository: Option<String>,
    /// Only deliveries of this event, by the sender's name of it.
    pub event: Option<String>,
    /// Only deliveries in this state.
    pub state: Option<State>,
    /// Only deliveries received at or after this moment.
    pub since: Option<Timestamp>,
    /// How many at most; 0 means 50. No page holds more than 500.
    pub limit: usize,
    /// Where the previous page ended: its [`Page::next`].
    pub after: Option<String>,
}

/// A part of the history.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The deliveries, newest first.
    pub records: Vec<Record>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<String>,
}

/// How much is waiting, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Deliveries that wait to be claimed.
    pub pending: u64,
    /// Deliveries that somebody works on, or worked on until the lease ran out.
    pub claimed: u64,
    /// When the oldest delivery that is neither settled nor failed was received.
    pub oldest_unsettled: Option<Timestamp>,
}
