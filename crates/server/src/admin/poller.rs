use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use trigger_core::DeliveryId;
use trigger_journal::{Journal, JournalError, Query, Record, State};

/// How far behind the newest delivery one may still appear: replicas' clocks differ, and so do the moments
/// of receipt and of keeping.
const LATE_BY: Duration = Duration::from_secs(15);
/// What was received so long ago is known from the start, so that its changes are noticed.
const KNOWN_FROM: Duration = Duration::from_mins(15);
/// How much is read in one look, in pages of so many.
const PAGE: usize = 500;
const PAGES: usize = 4;
/// How many deliveries are remembered. More than are read in one look, so that none is taken for new twice.
const REMEMBERED: usize = 4 * PAGE * PAGES;
/// How many deliveries that are not settled are followed.
const FOLLOWED: usize = 128;
/// How often these are looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Finds out what has changed in the history by looking at it again and again.
pub(super) struct Poller {
    journal: Arc<dyn Journal>,
    newest: Timestamp,
    seen: Seen,
    /// Deliveries that are not settled, with their moments of receipt.
    followed: HashMap<DeliveryId, Timestamp>,
    followed_at: Instant,
}

impl Poller {
    /// A poller that knows the history as it is now.
    pub(super) async fn begin(journal: Arc<dyn Journal>) -> Result<Self, JournalError> {
        let now = Timestamp::now();
        let mut poller = Self {
            journal,
            newest: now,
            seen: Seen::default(),
            followed: HashMap::new(),
            followed_at: Instant::now(),
        };
        let recent = poller.read(before(now, KNOWN_FROM)).await?;
        poller.newest = recent.last().map_or(now, |record| record.delivery.received_at.min(now));
        poller.news(recent);
        Ok(poller)
    }

    /// What has appeared or changed since the last look, oldest first.
    pub(super) async fn look(&mut self) -> Result<Vec<Record>, JournalError> {
        let mut found = self.read(before(self.newest, LATE_BY)).await?;
        if let Some(last) = found.last() {
            // A clock that is ahead must not make us look where nothing is yet.
            self.newest = self.newest.max(last.delivery.received_at).min(Timestamp::now());
        }
        if self.followed_at.elapsed() >= FOLLOW_EVERY {
            self.followed_at = Instant::now();
            let read: HashSet<_> = found.iter().map(|record| record.delivery.id.clone()).collect();
            let others: Vec<_> = self.followed.iter().filter(|(id, _)| !read.contains(*id)).collect();
            let others: Vec<_> = others.into_iter().map(|(id, at)| (id.clone(), *at)).collect();
            for (id, at) in others {
                match self.read_one(&id, at).await? {
                    Some(record) => found.push(record),
                    None => drop(self.followed.remove(&id)),
                }
            }
        }
        Ok(self.news(found))
    }

    /// What was received since, oldest first, without bodies.
    async fn read(&self, since: Timestamp) -> Result<Vec<Record>, JournalError> {
        let mut query = Query { since: Some(since), limit: PAGE, ..Query::default() };
        let mut records = Vec::new();
        for _ in 0..PAGES {
            let page = self.journal.history(query.clone()).await?;
            records.extend(page.records);
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        records.reverse();
        Ok(records)
    }

    /// One delivery, by a way that does not read its body.
    async fn read_one(&self, id: &DeliveryId, at: Timestamp) -> Result<Option<Record>, JournalError> {
        let until = at.checked_add(Duration::from_nanos(1)).ok();
        let page = self.journal.history(Query { since: Some(at), until, ..Query::default() }).await?;
        Ok(page.records.into_iter().find(|record| record.delivery.id == *id))
    }

    /// Those that are not as they were when last seen.
    fn news(&mut self, records: Vec<Record>) -> Vec<Record> {
        let mut news = Vec::new();
        for record in records {
            let id = &record.delivery.id;
            if matches!(record.state, State::Settled | State::Failed) {
                self.followed.remove(id);
            } else if self.followed.len() < FOLLOWED {
                self.followed.insert(id.clone(), record.delivery.received_at);
            }
            if self.seen.note(id, (record.state, record.attempts)) {
                news.push(record);
            }
        }
        news
    }
}

fn before(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// How the last deliveries stood when they were seen.
#[derive(Default)]
struct Seen {
    standing: HashMap<DeliveryId, (State, u32)>,
    order: VecDeque<DeliveryId>,
}

impl Seen {
    /// Notes how a delivery stands. True if that is new.
    fn note(&mut self, id: &DeliveryId, standing: (State, u32)) -> bool {
        if let Some(before) = self.standing.insert(id.clone(), standing) {
            return before != standing;
        }
        self.order.push_back(id.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.standing.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_as_before_is_no_news_and_memory_has_an_end() {
        let mut seen = Seen::default();
        let id = |number: usize| DeliveryId::derive(&[&number.to_be_bytes()]);
        assert!(seen.note(&id(0), (State::Pending, 0)));
        assert!(!seen.note(&id(0), (State::Pending, 0)));
        assert!(seen.note(&id(0), (State::Claimed, 1)));
        assert!(seen.note(&id(0), (State::Claimed, 2)), "another attempt");
        for number in 1..=REMEMBERED {
            seen.note(&id(number), (State::Settled, 1));
        }
        assert_eq!(seen.standing.len(), REMEMBERED);
        assert_eq!(seen.order.len(), REMEMBERED);
        assert!(seen.note(&id(0), (State::Claimed, 2)), "the oldest is forgotten");
    }
}
