use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use trigger_core::DeliveryId;
use trigger_journal::{History, JournalError, Query, State};

use super::listed::Listed;

/// How much older than the newest one a delivery may be when it appears: the clocks of replicas differ, and a
/// delivery is stored some time after it is received.
const MAX_LAG: Duration = Duration::from_secs(15);
/// How far back the poller reads at the start, so that it notices changes of recent deliveries.
const LOOKBACK: Duration = Duration::from_mins(15);
/// Records per page, and pages per poll.
const PAGE: usize = 500;
const PAGES: usize = 4;
/// How many deliveries are remembered: more than one poll reads, so that none is reported as new twice.
const MAX_REMEMBERED: usize = 4 * PAGE * PAGES;
/// How many unsettled deliveries are followed one by one: each costs a query.
const MAX_FOLLOWED: usize = 128;
/// How often followed deliveries are read.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

/// Detects changes of the delivery history by polling the journal.
pub(super) struct Poller {
    journal: Arc<dyn History>,
    newest: Timestamp,
    known: KnownStates,
    /// Unsettled deliveries, with the times they were received.
    followed: HashMap<DeliveryId, Timestamp>,
    last_follow: Instant,
}

impl Poller {
    /// A poller that knows the current history and reports later changes.
    pub(super) async fn start(journal: Arc<dyn History>) -> Result<Self, JournalError> {
        let now = Timestamp::now();
        let mut poller = Self {
            journal,
            newest: now,
            known: KnownStates::default(),
            followed: HashMap::new(),
            last_follow: Instant::now(),
        };
        let recent = poller.read(before(now, LOOKBACK)).await?;
        poller.newest = recent.last().map_or(now, |listed| listed.received_at.min(now));
        poller.changed(recent);
        Ok(poller)
    }

    /// The deliveries that appeared or changed since the last poll, oldest first.
    pub(super) async fn poll(&mut self) -> Result<Vec<Listed>, JournalError> {
        let mut found = self.read(before(self.newest, MAX_LAG)).await?;
        if let Some(last) = found.last() {
            // A replica whose clock is ahead must not move the window into the future.
            self.newest = self.newest.max(last.received_at).min(Timestamp::now());
        }
        if self.last_follow.elapsed() >= FOLLOW_INTERVAL {
            self.last_follow = Instant::now();
            let read: HashSet<_> = found.iter().map(|listed| listed.id.clone()).collect();
            let others: Vec<_> = self.followed.iter().filter(|(id, _)| !read.contains(*id)).collect();
            let others: Vec<_> = others.into_iter().map(|(id, at)| (id.clone(), *at)).collect();
            for (id, at) in others {
                match self.read_one(&id, at).await? {
                    Some(listed) => found.push(listed),
                    None => drop(self.followed.remove(&id)),
                }
            }
        }
        Ok(self.changed(found))
    }

    /// The deliveries received since `since`, oldest first. One page of records is in memory at a time.
    async fn read(&self, since: Timestamp) -> Result<Vec<Listed>, JournalError> {
        let mut query = Query { since: Some(since), limit: PAGE, ..Query::default() };
        let mut records = Vec::new();
        for _ in 0..PAGES {
            let page = self.journal.history(query.clone()).await?;
            records.extend(page.records.into_iter().map(Listed::of));
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        records.reverse();
        Ok(records)
    }

    /// One delivery received at `at`.
    async fn read_one(&self, id: &DeliveryId, at: Timestamp) -> Result<Option<Listed>, JournalError> {
        let until = at.checked_add(Duration::from_nanos(1)).ok();
        let page = self.journal.history(Query { since: Some(at), until, ..Query::default() }).await?;
        Ok(page.records.into_iter().find(|record| record.delivery.id == *id).map(Listed::of))
    }

    /// The deliveries whose state differs from the one last read.
    fn changed(&mut self, found: Vec<Listed>) -> Vec<Listed> {
        let mut changed = Vec::new();
        for listed in found {
            let id = &listed.id;
            if matches!(listed.state, State::Settled | State::Failed) {
                self.followed.remove(id);
            } else if self.followed.len() < MAX_FOLLOWED {
                self.followed.insert(id.clone(), listed.received_at);
            }
            if self.known.update(id, (listed.state, listed.attempts)) {
                changed.push(listed);
            }
        }
        changed
    }
}

fn before(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The last read state and attempt count of each remembered delivery.
#[derive(Default)]
struct KnownStates {
    states: HashMap<DeliveryId, (State, u32)>,
    order: VecDeque<DeliveryId>,
}

impl KnownStates {
    /// Remembers the state of a delivery. Returns whether it is new or changed.
    fn update(&mut self, id: &DeliveryId, state: (State, u32)) -> bool {
        if let Some(before) = self.states.insert(id.clone(), state) {
            return before != state;
        }
        self.order.push_back(id.clone());
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.states.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_reported_and_memory_is_bounded() {
        let mut known = KnownStates::default();
        let id = |number: usize| DeliveryId::derive(&[&number.to_be_bytes()]);
        assert!(known.update(&id(0), (State::Pending, 0)));
        assert!(!known.update(&id(0), (State::Pending, 0)));
        assert!(known.update(&id(0), (State::Claimed, 1)));
        assert!(known.update(&id(0), (State::Claimed, 2)), "another attempt");
        for number in 1..=MAX_REMEMBERED {
            known.update(&id(number), (State::Settled, 1));
        }
        assert_eq!(known.states.len(), MAX_REMEMBERED);
        assert_eq!(known.order.len(), MAX_REMEMBERED);
        assert!(known.update(&id(0), (State::Claimed, 2)), "the oldest is forgotten");
    }
}
