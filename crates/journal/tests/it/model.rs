use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimToken, JournalError, Query, Settlement, State, Stats,
};

use crate::contract::{LONG, append, failure};
use crate::delivery::{moment, push};
use crate::postgres::Postgres;
use crate::{Sqlite, Store};

/// A call, with small numbers in place of ids and tickets so that calls meet each other often.
#[derive(Debug, Clone)]
enum Call {
    Append { name: u8, second: i64 },
    Claim { max: usize, expired: bool },
    Settle { ticket: usize, failed: bool },
    Release { ticket: usize, due: bool },
    Look { name: u8 },
    Reopen,
}

/// A delivery as the model knows it.
#[derive(Debug, Clone)]
struct NewDelivery {
    name: u8,
    second: i64,
    state: State,
    attempts: u32,
    fault: Option<&'static str>,
    /// Orders what is claimable; absent if it is not, now or ever within the test.
    ready: Option<Ready>,
}

/// Since when something has been claimable: a moment long past, or the number of the call that made it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ready {
    LongAgo,
    Since(usize),
}

/// What a journal is, in the simplest way: a list in the order of insertion.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<NewDelivery>,
    tickets: Vec<ClaimToken>,
}

impl Model {
    fn append(&mut self, name: u8, second: i64, clock: usize) -> AppendOutcome {
        let ready = Some(Ready::Since(clock));
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) else {
            let state = State::Pending;
            self.entries.push(NewDelivery { name, second, state, attempts: 0, fault: None, ready });
            return AppendOutcome::New;
        };
        match entry.state {
            State::Pending | State::Claimed => AppendOutcome::InProgress,
            State::Settled => AppendOutcome::Settled,
            State::Failed => {
                (entry.second, entry.state, entry.ready) = (second, State::Pending, ready);
                AppendOutcome::Reopened
            }
        }
    }

    fn claim(&mut self, max: usize, expired: bool, clock: usize) -> Vec<ClaimToken> {
        let mut due: Vec<_> = self.entries.iter_mut().filter(|entry| entry.ready.is_some()).collect();
        // Stable: of those that became claimable at one moment the one inserted first is first.
        due.sort_by_key(|entry| entry.ready);
        due.truncate(max);
        let mut tickets = Vec::new();
        for entry in due {
            entry.state = State::Claimed;
            entry.attempts += 1;
            entry.ready = expired.then_some(Ready::Since(clock));
            tickets.push(ClaimToken { id: push_named(entry.name, 0).id, attempt: entry.attempts });
        }
        self.tickets.extend(tickets.iter().cloned());
        tickets
    }

    /// A journal of one process that is opened again belongs to somebody else: nothing is claimed any more.
    fn take_back(&mut self, clock: usize) {
        for entry in self.entries.iter_mut().filter(|entry| entry.state == State::Claimed) {
            entry.state = State::Pending;
            entry.ready.get_or_insert(Ready::Since(clock));
        }
    }

    /// The entry whose claim the ticket proves.
    fn held(&mut self, ticket: &ClaimToken) -> Option<&mut NewDelivery> {
        self.entries.iter_mut().find(|entry| {
            entry.state == State::Claimed
                && entry.attempts == ticket.attempt
                && push_named(entry.name, 0).id == ticket.id
        })
    }

    fn stats(&self) -> Stats {
        let count = |state| self.entries.iter().filter(|entry| entry.state == state).count() as u64;
        let unsettled = self.entries.iter().filter(|e| matches!(e.state, State::Pending | State::Claimed));
        Stats {
            pending: count(State::Pending),
            claimed: count(State::Claimed),
            oldest_unsettled: unsettled.map(|entry| moment(entry.second)).min(),
        }
    }
}

fn push_named(name: u8, second: i64) -> trigger_core::Delivery {
    push(&format!("model {name}"), second)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => (0..12u8, 0..6i64).prop_map(|(name, second)| Call::Append { name, second }),
        4 => (0..5usize, any::<bool>()).prop_map(|(max, expired)| Call::Claim { max, expired }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(ticket, failed)| Call::Settle { ticket, failed }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(ticket, due)| Call::Release { ticket, due }),
        2 => (0..12u8).prop_map(|name| Call::Look { name }),
        1 => Just(Call::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is called in whatever order, the journal answers as the model does, and in the end holds
    /// what the model holds.
    #[test]
    fn a_journal_behaves_like_its_model(calls in prop::collection::vec(call(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&mut Sqlite::new(), calls));
    }
}

proptest! {
    // Fewer: each takes a database of its own.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_in_postgresql_behaves_like_its_model(calls in prop::collection::vec(call(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            if let Some(mut store) = Postgres::new().await {
                check(&mut store, calls).await;
            }
        });
    }
}

async fn check<S: Store>(store: &mut S, calls: Vec<Call>) {
    let mut model = Model::default();
    for (clock, call) in calls.into_iter().enumerate() {
        match call {
            Call::Append { name, second } => {
                let answer = append(store.journal(), &push_named(name, second)).await;
                assert_eq!(answer, model.append(name, second, clock));
            }
            Call::Claim { max, expired } => {
                // A lease of nothing has run out at once; a long one does not within the test.
                let lease = if expired { Duration::ZERO } else { LONG };
                let claimed = store.journal().claim(ClaimRequest::any(max, lease)).await.unwrap();
                let tickets: Vec<_> = claimed.into_iter().map(|claimed| claimed.ticket).collect();
                assert_eq!(tickets, model.claim(max, expired, clock));
            }
            Call::Settle { ticket, failed } => settle(store, &mut model, ticket, failed).await,
            Call::Release { ticket, due } => release(store, &mut model, ticket, due).await,
            Call::Look { name } => look(store, &model, name).await,
            Call::Reopen => {
                store.reopen().await;
                if S::ALONE {
                    model.take_back(clock);
                }
            }
        }
        assert_eq!(store.journal().stats().await.unwrap(), model.stats());
    }
    compare(store, &model).await;
}

async fn settle(store: &impl Store, model: &mut Model, ticket: usize, failed: bool) {
    let Some(ticket) = model.tickets.get(ticket % model.tickets.len().max(1)).cloned() else { return };
    let settlement = if failed { failure("failed") } else { Settlement::default() };
    let answer = store.journal().settle(ticket.clone(), settlement).await;
    let held = model.held(&ticket);
    agree(&answer, held.is_some());
    if let Some(entry) = held {
        entry.state = if failed { State::Failed } else { State::Settled };
        entry.fault = failed.then_some("failed");
        entry.ready = None;
    }
}

async fn release(store: &impl Store, model: &mut Model, ticket: usize, due: bool) {
    let Some(ticket) = model.tickets.get(ticket % model.tickets.len().max(1)).cloned() else { return };
    let at = if due { Timestamp::UNIX_EPOCH } else { Timestamp::MAX };
    let answer = store.journal().release(ticket.clone(), at, failure("released")).await;
    let held = model.held(&ticket);
    agree(&answer, held.is_some());
    if let Some(entry) = held {
        entry.state = State::Pending;
        entry.fault = Some("released");
        entry.ready = due.then_some(Ready::LongAgo);
    }
}

fn agree(answer: &Result<(), JournalError>, held: bool) {
    let stale = matches!(answer, Err(JournalError::StaleTicket { .. }));
    assert!(if held { answer.is_ok() } else { stale }, "{answer:?}");
}

async fn look(store: &impl Store, model: &Model, name: u8) {
    let found = store.journal().find(&push_named(name, 0).id).await.unwrap();
    let entry = model.entries.iter().find(|entry| entry.name == name);
    assert_eq!(found.is_some(), entry.is_some());
    if let (Some(found), Some(entry)) = (found, entry) {
        assert_eq!((found.state, found.attempts), (entry.state, entry.attempts));
        assert_eq!(found.fault.as_deref(), entry.fault);
        assert_eq!(found.delivery.received_at, moment(entry.second));
        assert_eq!(found.delivery.body, push_named(name, 0).body);
    }
}

async fn compare(store: &impl Store, model: &Model) {
    let records = store.journal().history(Query::default()).await.unwrap().records;
    let insertion: HashMap<_, _> =
        model.entries.iter().enumerate().map(|(n, entry)| (push_named(entry.name, 0).id, n)).collect();
    let order: Vec<_> = records.iter().map(|record| insertion[&record.delivery.id]).collect();
    let mut wanted: Vec<_> = (0..model.entries.len()).collect();
    wanted.sort_by_key(|&n| std::cmp::Reverse((model.entries[n].second, n)));
    assert_eq!(order, wanted);
}
