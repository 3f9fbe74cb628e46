use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use trigger_journal::{
    AppendOutcome, ClaimRequest, ClaimToken, JournalError, Query, Settlement, State, Stats,
};

use crate::contract::{LONG, append, failure};
use crate::delivery::{facts, moment, push};
use crate::postgres::Postgres;
use crate::{Sqlite, Store};

/// The commits that facts are about.
const COMMITS: [&str; 3] = ["aaaaaaa", "bbbbbbb", "ccccccc"];

/// A call, with small numbers in place of ids and tokens so that calls meet each other often.
#[derive(Debug, Clone)]
enum Call {
    Append { name: u8, second: i64 },
    Claim { max: usize, expired: bool },
    RecordFacts { token: usize, count: usize },
    Settle { token: usize, failed: bool },
    Release { token: usize, due: bool },
    Look { name: u8 },
    Reopen,
}

/// A delivery in the model.
#[derive(Debug, Clone)]
struct Modelled {
    name: u8,
    second: i64,
    state: State,
    attempts: u32,
    error: Option<&'static str>,
    /// The number of its facts.
    facts: usize,
    /// Orders the claimable deliveries; `None` if it is not claimable within the test.
    ready: Option<Ready>,
}

/// Since when a delivery has been claimable: a time long past, or the number of the call that made it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ready {
    LongAgo,
    Since(usize),
}

/// The simplest journal: a list in the order of insertion.
#[derive(Debug, Default)]
struct Model {
    entries: Vec<Modelled>,
    tokens: Vec<ClaimToken>,
}

impl Model {
    fn append(&mut self, name: u8, second: i64, clock: usize) -> AppendOutcome {
        let ready = Some(Ready::Since(clock));
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) else {
            let state = State::Pending;
            self.entries.push(Modelled { name, second, state, attempts: 0, error: None, facts: 0, ready });
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
        // Stable: of deliveries that became claimable at one time, the one inserted first is first.
        due.sort_by_key(|entry| entry.ready);
        due.truncate(max);
        let mut tokens = Vec::new();
        for entry in due {
            entry.state = State::Claimed;
            entry.attempts += 1;
            entry.ready = expired.then_some(Ready::Since(clock));
            tokens.push(ClaimToken { id: push_named(entry.name, 0).id, attempt: entry.attempts });
        }
        self.tokens.extend(tokens.iter().cloned());
        tokens
    }

    /// The claims of an exclusive journal end when it is opened again.
    fn release_all(&mut self, clock: usize) {
        for entry in self.entries.iter_mut().filter(|entry| entry.state == State::Claimed) {
            entry.state = State::Pending;
            entry.ready.get_or_insert(Ready::Since(clock));
        }
    }

    /// The delivery whose claim the token holds.
    fn held(&mut self, token: &ClaimToken) -> Option<&mut Modelled> {
        self.entries.iter_mut().find(|entry| {
            entry.state == State::Claimed
                && entry.attempts == token.attempt
                && push_named(entry.name, 0).id == token.id
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
        2 => (any::<usize>(), 0..4usize).prop_map(|(token, count)| Call::RecordFacts { token, count }),
        4 => (0..5usize, any::<bool>()).prop_map(|(max, expired)| Call::Claim { max, expired }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(token, failed)| Call::Settle { token, failed }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(token, due)| Call::Release { token, due }),
        2 => (0..12u8).prop_map(|name| Call::Look { name }),
        1 => Just(Call::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// After any calls in any order, the journal answers like the model, and holds the same deliveries in the end.
    #[test]
    fn a_journal_behaves_like_its_model(calls in prop::collection::vec(call(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&mut Sqlite::new(), calls));
    }
}

proptest! {
    // Fewer cases: each takes a database of its own.
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
                // A claim of no duration times out at once; a long one does not within the test.
                let timeout = if expired { Duration::ZERO } else { LONG };
                let claimed = store.journal().claim(ClaimRequest::any(max, timeout)).await.unwrap();
                let tokens: Vec<_> = claimed.into_iter().map(|claimed| claimed.token).collect();
                assert_eq!(tokens, model.claim(max, expired, clock));
            }
            Call::RecordFacts { token, count } => record_facts(store, &mut model, token, count).await,
            Call::Settle { token, failed } => settle(store, &mut model, token, failed).await,
            Call::Release { token, due } => release(store, &mut model, token, due).await,
            Call::Look { name } => look(store, &model, name).await,
            Call::Reopen => {
                store.reopen().await;
                if S::EXCLUSIVE {
                    model.release_all(clock);
                }
            }
        }
        assert_eq!(store.journal().stats().await.unwrap(), model.stats());
    }
    compare(store, &model).await;
}

async fn record_facts(store: &impl Store, model: &mut Model, token: usize, count: usize) {
    let Some(token) = model.tokens.get(token % model.tokens.len().max(1)).cloned() else { return };
    let answer = store.journal().record_facts(token.clone(), facts(&COMMITS[..count])).await;
    let held = model.held(&token);
    agree(&answer, held.is_some());
    if let Some(entry) = held {
        entry.facts = count;
    }
}

async fn settle(store: &impl Store, model: &mut Model, token: usize, failed: bool) {
    let Some(token) = model.tokens.get(token % model.tokens.len().max(1)).cloned() else { return };
    let settlement = if failed { failure("failed") } else { Settlement::default() };
    let answer = store.journal().settle(token.clone(), settlement).await;
    let held = model.held(&token);
    agree(&answer, held.is_some());
    if let Some(entry) = held {
        entry.state = if failed { State::Failed } else { State::Settled };
        entry.error = failed.then_some("failed");
        entry.ready = None;
    }
}

async fn release(store: &impl Store, model: &mut Model, token: usize, due: bool) {
    let Some(token) = model.tokens.get(token % model.tokens.len().max(1)).cloned() else { return };
    let at = if due { Timestamp::UNIX_EPOCH } else { Timestamp::MAX };
    let answer = store.journal().release(token.clone(), at, failure("released")).await;
    let held = model.held(&token);
    agree(&answer, held.is_some());
    if let Some(entry) = held {
        entry.state = State::Pending;
        entry.error = Some("released");
        entry.ready = due.then_some(Ready::LongAgo);
    }
}

fn agree(answer: &Result<(), JournalError>, held: bool) {
    let stale = matches!(answer, Err(JournalError::StaleToken { .. }));
    assert!(if held { answer.is_ok() } else { stale }, "{answer:?}");
}

async fn look(store: &impl Store, model: &Model, name: u8) {
    let found = store.journal().find(&push_named(name, 0).id).await.unwrap();
    let entry = model.entries.iter().find(|entry| entry.name == name);
    assert_eq!(found.is_some(), entry.is_some());
    if let (Some(found), Some(entry)) = (found, entry) {
        assert_eq!((found.state, found.attempts), (entry.state, entry.attempts));
        assert_eq!(found.error.as_deref(), entry.error);
        assert_eq!(found.facts, facts(&COMMITS[..entry.facts]));
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
