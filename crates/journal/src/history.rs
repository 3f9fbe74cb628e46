use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;
use trigger_core::DeliveryId;

use crate::{JournalError, Pruned, Record, Rejection, Retention, Shares, State};

/// The journal as people look at it: deliveries with their decisions, rejections, replays, size and retention.
pub trait History: Send + Sync + 'static {
    /// One delivery with everything known about it.
    fn find(&self, id: &DeliveryId) -> BoxFuture<'_, Result<Option<Record>, JournalError>>;

    /// A page of the history, newest first by the time of receipt. It may be shorter than asked for, see [`Page::next`],
    /// so that long decisions do not fill the memory. Deliveries of which only the key is left are not
    /// part of it.
    fn history(&self, query: Query) -> BoxFuture<'_, Result<Page, JournalError>>;

    /// The rejected requests, newest first.
    fn rejections(&self) -> BoxFuture<'_, Result<Vec<Rejection>, JournalError>>;

    /// Queues a copy of a delivery that is settled or failed. The copy names the original, is received now, and has the
    /// original's headers, body, verification and facts. So it is decided with the same facts, without asking again.
    /// The verification is restricted to the namespaces of the request, if it names any.
    ///
    /// The id of the copy follows from the original and the request: a request that is repeated makes one copy.
    ///
    /// The copy counts for its tenant as an appended delivery does: without room in the tenant's share this fails with
    /// [`JournalError::TenantFull`]. The original itself never makes room for it.
    fn replay(&self, request: ReplayRequest) -> BoxFuture<'_, Result<ReplayOutcome, JournalError>>;

    /// The size of the journal. Takes time in proportion to the number of deliveries.
    fn usage(&self) -> BoxFuture<'_, Result<Usage, JournalError>>;

    /// How much of the journal the largest tenants use, or `tenant` alone. A store may answer with sums that are up to a
    /// minute old.
    fn shares(&self, tenant: Option<Arc<str>>) -> BoxFuture<'_, Result<Shares, JournalError>>;

    /// Deletes a batch of what exceeds `retention`. A batch is small enough not to delay appends noticeably; call it
    /// until it returns an empty [`Pruned`].
    ///
    /// Pending and claimed deliveries are never pruned.
    fn prune(&self, retention: Retention) -> BoxFuture<'_, Result<Pruned, JournalError>>;
}

/// A request to process an earlier delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// The earlier delivery.
    pub of: DeliveryId,
    /// Identifies the request. A client that repeats a request repeats this text.
    pub request: String,
    /// The requesting user, by name at the API server.
    pub by: String,
    /// The address of the client.
    pub from: String,
    /// The namespaces whose rules may act on the replay; absent: all.
    pub namespaces: Option<BTreeSet<Arc<str>>>,
}

impl ReplayRequest {
    /// The id of the delivery that the request makes.
    pub fn id(&self) -> DeliveryId {
        let mut parts = vec![b"replay".as_slice(), self.of.as_str().as_bytes(), self.request.as_bytes()];
        // With the namespaces: a user with fewer rights must not use up the request of another.
        if let Some(namespaces) = &self.namespaces {
            parts.push(b"namespaces");
            parts.extend(namespaces.iter().map(|namespace| namespace.as_bytes()));
        }
        DeliveryId::derive(&parts)
    }
}

/// The result of a [`ReplayRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// The replay is pending, under this id.
    New(DeliveryId),
    /// The same request was made before, and made this delivery.
    Known(DeliveryId),
    /// The earlier delivery is not known, or only its key is left.
    Missing,
    /// The earlier delivery is not settled yet.
    InProgress,
    /// The body of the earlier delivery is no longer stored.
    BodyGone,
}

/// A filter of the history and a page of it. An absent condition lets every delivery pass.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only the delivery with this id: what [`History::find`] finds, without its body and its replays.
    pub id: Option<DeliveryId>,
    /// Only deliveries about this repository, by the display form of its `RepoId`.
    pub repository: Option<String>,
    /// Only deliveries of these events, by the sender's names of them. Empty: of all.
    pub events: Vec<String>,
    /// Only deliveries in this state.
    pub state: Option<State>,
    /// Only deliveries received at or after this time.
    pub since: Option<Timestamp>,
    /// Only deliveries received before this time.
    pub until: Option<Timestamp>,
    /// How many at most; 0 means 50. No page holds more than 500.
    pub limit: usize,
    /// Where the previous page ended: its [`Page::next`].
    pub after: Option<String>,
}

/// The size of a page if the query names none.
const DEFAULT_PAGE: usize = 50;

/// The largest page: a page is held in memory, decisions included.
const LARGEST_PAGE: usize = 500;

/// A page ends early once its records take so many bytes as stored: the last one exceeds it at most.
pub(crate) const PAGE_BYTES: usize = 4 << 20;

impl Query {
    /// How many deliveries the page holds at most.
    pub(crate) fn size(&self) -> usize {
        match self.limit {
            0 => DEFAULT_PAGE,
            limit => limit.min(LARGEST_PAGE),
        }
    }
}

/// A page of the history.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The deliveries, newest first.
    pub records: Vec<Record>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<String>,
}

/// The size of a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The whole store, in bytes.
    pub bytes: u64,
    /// The bodies of settled deliveries as stored, in bytes. [`Retention::max_payload_bytes`] limits them.
    pub payload_bytes: u64,
    /// The free space on the volume of the store, in bytes. Unknown for a database server.
    pub free_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// See `golden_names.rs` of `trigger-core`.
    const TABLE: &str = include_str!("../../core/tests/golden/names.tsv");

    #[test]
    fn the_id_of_a_replay_is_that_of_commit_356220d() {
        let mut count = 0;
        for line in TABLE.lines().filter(|line| line.starts_with("replay\t")) {
            let cells: Vec<_> = line.split('\t').collect();
            let [_, of, request, .., id] = cells.as_slice() else { panic!("{line}") };
            let (of, request) = (of.parse().unwrap(), (*request).to_owned());
            let (by, from) = (String::new(), String::new());
            let whole = ReplayRequest { of, request, by, from, namespaces: None };
            assert_eq!(whole.id().as_str(), *id, "{line}");
            let part = ReplayRequest { namespaces: Some(BTreeSet::new()), ..whole.clone() };
            assert_ne!(part.id(), whole.id(), "{line}");
            count += 1;
        }
        assert_eq!(count, 5);
    }
}
