use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::{Delivery, DeliveryId, Verification, Verified};

use crate::{
    DecisionRecord, JournalError, LaunchRecord, Pruned, Record, Rejection, Retention, Settlement, State,
};

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
    /// Inserts if absent, atomically: of many calls with one id, one sees [`AppendOutcome::New`]. A delivery
    /// that had failed becomes pending again, due now: envelope, headers, body and proof are those that
    /// have just arrived, attempts go on counting, and what the last attempt came to is kept until the
    /// next one ends. Nothing else changes what is stored.
    fn append(&self, delivery: Verified<Delivery>) -> BoxFuture<'_, Result<AppendOutcome, JournalError>> {
        self.append_decided(delivery, None)
    }

    /// The same for a delivery that is decided already: if it is [`AppendOutcome::New`], it is settled from the
    /// beginning, by a first attempt that decided this and started nothing, and is no work for anybody. If it is
    /// known, the decisions are dropped: what had failed is worked on again as any other.
    fn append_decided(
        &self,
        delivery: Verified<Delivery>,
        decisions: Option<Vec<DecisionRecord>>,
    ) -> BoxFuture<'_, Result<AppendOutcome, JournalError>>;

    /// Puts an earlier delivery into the queue once more, as a delivery of its own that names the old one:
    /// received now, with the old one's body, headers and proof.
    ///
    /// Its id follows from the old delivery and from the request, so a request that is made twice makes
    /// one replay.
    fn replay(&self, order: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>>;

    /// Takes deliveries that are due and leases them, fairly between tenants.
    ///
    /// Of one tenant the oldest comes first: the one that has been due for longest, since it was appended,
    /// since the moment it was released until, or since its lease ran out. So one that is tried again and
    /// again does not keep new ones waiting. Between tenants that have something due, this journal goes
    /// round: however long the line of one, the next of another is taken as soon as it is their turn.
    /// If the future is dropped, what it claimed comes back when the lease runs out.
    fn claim(&self, demand: ClaimRequest) -> BoxFuture<'_, Result<Vec<ClaimedDelivery>, JournalError>>;

    /// Ends the work on a claimed delivery and keeps what was decided and launched, in place of what an
    /// earlier attempt left.
    fn settle(&self, ticket: ClaimToken, settlement: Settlement) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Gives a claimed delivery back for another attempt at `due`, with what the attempt came to: the fault
    /// that made another one necessary, what was decided, and what was launched all the same.
    fn release(
        &self,
        ticket: ClaimToken,
        due: Timestamp,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), JournalError>>;

    /// One delivery with everything known about it.
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>>;

    /// The history, newest first by the moment of receipt. Deliveries of which only the key is left are
    /// not part of it.
    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>>;

    /// How much is waiting, and for how long.
    fn stats(&self) -> BoxFuture<'_, Result<Stats, JournalError>>;

    /// How large it has become. Takes as long as adding up a number per delivery.
    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>>;

    /// Whether something can be kept now: writes a little, as durably as a delivery.
    fn check(&self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Notes requests that were refused. Only the newest [`crate::REJECTIONS`] are kept.
    fn refuse(&self, rejections: Vec<Rejection>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The requests that were refused, newest first.
    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>>;

    /// How far something that happens elsewhere has been followed: all of it up to this moment was seen, and
    /// what mattered was appended. `None` before the first [`Journal::raise_watermark`] of this name.
    fn watermark<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, JournalError>>;

    /// Notes how far it has been followed. A mark never falls: of several replicas the one that is ahead
    /// counts.
    fn raise_watermark<'a>(&'a self, name: &'a str, to: Timestamp)
    -> BoxFuture<'a, Result<(), JournalError>>;

    /// What was written under a name last, see [`Journal::compare_and_swap`].
    fn entry<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Entry>, JournalError>>;

    /// Writes a small text under a name, in place of the one at the revision `after`; 0 stands for none. False,
    /// and nothing has changed, if that is not the one there is: of several who replace the same one, in one
    /// process or many, one succeeds, and the others have to read what it wrote.
    fn compare_and_swap<'a>(
        &'a self,
        name: &'a str,
        after: u64,
        text: String,
    ) -> BoxFuture<'a, Result<bool, JournalError>>;

    /// Forgets some of what is older or more than `retention` allows: a batch so small that nobody who
    /// appends has to wait for it noticeably. To be called until nothing is left to forget.
    ///
    /// What is pending or claimed is never forgotten.
    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>>;

    /// Changes whenever something may have become claimable: after a delivery was appended as new, not decided
    /// yet, or opened again, after a replay, after one was released (also if it is due later), and when the
    /// journal ends. What other processes append to the same store is noticed too, if a little later. Leases
    /// that run out and due moments that come change nothing.
    fn arrivals(&self) -> watch::Receiver<u64>;

    /// Returns when a part of the journal has panicked that it cannot do without, if ever: a bug. What it has
    /// acknowledged is safe; it has to be opened anew.
    fn broken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Ends the journal: finishes what was asked before. Later calls are answered with
    /// [`JournalError::Unavailable`]. Closing again does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// How much a claimer wants.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// How many deliveries at most.
    pub max: usize,
    /// For how long they are leased.
    pub lease: Duration,
    /// How many of one tenant the claimer wants to work on at the same time.
    pub per_tenant: usize,
    /// How many of each tenant it works on already.
    pub held: HashMap<Arc<str>, usize>,
}

impl ClaimRequest {
    /// Up to `max` deliveries, whosever they are.
    pub fn any(max: usize, lease: Duration) -> Self {
        Self { max, lease, per_tenant: max, held: HashMap::new() }
    }

    /// How many more of `tenant` are wanted.
    pub(crate) fn room(&self, tenant: &str) -> usize {
        self.per_tenant.saturating_sub(self.held.get(tenant).copied().unwrap_or(0)).min(self.max)
    }
}

/// Somebody wants an earlier delivery worked on once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// The earlier delivery.
    pub of: DeliveryId,
    /// Tells this request from others; a request that is made again bears the same text.
    pub request: String,
    /// Who asks: the user's name at the API server.
    pub by: String,
    /// From where: the address of the client.
    pub from: String,
}

impl ReplayRequest {
    /// The id of the delivery that the order makes.
    pub fn id(&self) -> DeliveryId {
        DeliveryId::derive(&[b"replay", self.of.as_str().as_bytes(), self.request.as_bytes()])
    }
}

/// What became of a [`ReplayRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// It is in the queue now, under this id.
    New(DeliveryId),
    /// The same request was made before; this is what it made.
    Known(DeliveryId),
    /// The earlier delivery is not known, or not any more.
    Missing,
    /// The earlier delivery is not settled yet, so there is nothing to repeat.
    InProgress,
    /// The body of the earlier delivery is not kept any more.
    BodyGone,
}

/// What became of an appended delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOutcome {
    /// It was not known. It is pending now, or settled if it was decided already.
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
pub struct ClaimToken {
    /// The delivery.
    pub id: DeliveryId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
}

/// A delivery that is ours to work on until the lease ends.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// For [`Journal::settle`] and [`Journal::release`].
    pub ticket: ClaimToken,
    /// The delivery as it was appended.
    pub delivery: Delivery,
    /// What proved it.
    pub verification: Verification,
    /// Whose it is, see [`tenant`].
    pub tenant: Arc<str>,
    /// What earlier attempts have launched already.
    pub launches: Vec<LaunchRecord>,
    /// When the lease ends.
    pub lease_until: Timestamp,
}

/// Whose delivery it is: the namespace of the Secret that verified it, the first of several, or of the object
/// it was seen to happen to; empty for a delivery that nobody signed.
pub fn tenant(verification: &Verification) -> Arc<str> {
    let owner = verification
        .secrets
        .first()
        .or(verification.without_entry.first())
        .or(verification.observed.as_ref());
    owner.map_or_else(|| "".into(), |owner| Arc::clone(&owner.namespace))
}

/// A small text that all who share a journal agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How often it has been written, from 1.
    pub revision: u64,
    /// The text.
    pub text: String,
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
    /// Only deliveries received before this moment.
    pub until: Option<Timestamp>,
    /// How many at most; 0 means 50. No page holds more than 500.
    pub limit: usize,
    /// Where the previous page ended: its [`Page::next`].
    pub after: Option<String>,
}

/// The size of a page if none was asked for.
const USUAL: usize = 50;

/// The size that no page exceeds: a page is held in memory, decisions and all.
const LARGEST: usize = 500;

impl Query {
    /// How many deliveries the page holds at most.
    pub(crate) fn size(&self) -> usize {
        match self.limit {
            0 => USUAL,
            wanted => wanted.min(LARGEST),
        }
    }
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

/// How large a journal has become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All of it as stored, in bytes.
    pub bytes: u64,
    /// The bodies of settled deliveries as stored, in bytes: what [`Retention::max_payload_bytes`] limits.
    pub payload_bytes: u64,
    /// What is left where it is stored, in bytes. Databases do not tell.
    pub free_bytes: Option<u64>,
}
