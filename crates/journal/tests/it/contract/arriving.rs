use jiff::Timestamp;
use trigger_journal::{ClaimRequest, JournalError, Query, Settlement};

use super::{LONG, append, claim_one, failure, replay, settle_all};
use crate::Store;
use crate::delivery::{push, verified};

pub(crate) async fn an_append_wakes_dispatchers(store: &mut impl Store) {
    let mut arrivals = store.journal().arrivals();
    append(store.journal(), &push("a", 0)).await;
    arrivals.changed().await.unwrap();
    settle_all(store.journal(), &failure("x")).await;
    arrivals.mark_unchanged();
    append(store.journal(), &push("a", 0)).await;
    arrivals.changed().await.unwrap();
}

pub(crate) async fn a_replay_wakes_dispatchers(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    settle_all(store.journal(), &Settlement::default()).await;
    let mut arrivals = store.journal().arrivals();
    arrivals.mark_unchanged();
    replay(store.journal(), &push("a", 0).id, "once").await;
    arrivals.changed().await.unwrap();
}

pub(crate) async fn a_repetition_wakes_no_dispatcher(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let mut arrivals = store.journal().arrivals();
    arrivals.mark_unchanged();
    append(store.journal(), &push("a", 0)).await;
    settle_all(store.journal(), &Settlement::default()).await;
    append(store.journal(), &push("a", 0)).await;
    assert!(!arrivals.has_changed().unwrap());
}

pub(crate) async fn a_release_wakes_dispatchers(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let token = claim_one(store.journal()).await.token;
    let mut arrivals = store.journal().arrivals();
    arrivals.mark_unchanged();
    store.journal().release(token, Timestamp::now(), failure("busy")).await.unwrap();
    arrivals.changed().await.unwrap();
}

pub(crate) async fn closing_wakes_dispatchers_and_rejects_calls(store: &mut impl Store) {
    let mut arrivals = store.journal().arrivals();
    let waiting = arrivals.changed();
    store.close().await;
    waiting.await.unwrap();
    store.close().await;
    let journal = store.journal();
    let unavailable = |error| matches!(error, Some(JournalError::Unavailable { .. }));
    assert!(unavailable(journal.append(verified(push("a", 0))).await.err()));
    assert!(unavailable(journal.claim(ClaimRequest::any(1, LONG)).await.err()));
    assert!(unavailable(journal.find(&push("a", 0).id).await.err()));
    assert!(unavailable(journal.history(Query::default()).await.err()));
    assert!(unavailable(journal.stats().await.err()));
}
