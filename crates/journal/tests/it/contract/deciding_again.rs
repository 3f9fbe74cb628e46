//! A settled delivery that has started nothing becomes pending again, if a caller wants that.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use trigger_core::{Delivery, KeyRef, ObjectKey};
use trigger_journal::{
    AppendOutcome, ClaimRequest, Decided, Journal, ReplayOutcome, Retention, Settlement, State,
};

use super::{LONG, append, claim_all, claim_one, failure, replay, settle_all};
use crate::Store;
use crate::delivery::{ENTRY, facts, launched, push, skipped, verified, verified_by};

async fn decide_again(journal: &dyn Journal, delivery: &Delivery) -> AppendOutcome {
    journal.append_to_decide_again(verified(delivery.clone())).await.unwrap()
}

fn started_nothing() -> Settlement {
    Settlement { decisions: vec![skipped("r")], ..Settlement::default() }
}

/// Appends a delivery as intake does that knows the decisions.
async fn append_decided(journal: &dyn Journal, delivery: &Delivery) {
    let decided = Some(Decided { decisions: vec![skipped("r")], facts: facts(&["abc1234"]) });
    let appended = journal.append_decided(verified(delivery.clone()), decided).await.unwrap();
    assert_eq!(appended, AppendOutcome::New);
}

pub(crate) async fn a_settled_delivery_that_started_nothing_is_reopened_as_often_as_it_is_wanted(
    store: &mut impl Store,
) {
    let journal = store.journal();
    let [first, again] = [push("a", 0), push("a", 60)];
    append_decided(journal, &first).await;
    let mut arrivals = journal.arrivals();
    arrivals.mark_unchanged();
    assert_eq!(decide_again(journal, &again).await, AppendOutcome::Reopened);
    arrivals.changed().await.unwrap();
    let found = journal.find(&first.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts, found.settled_at), (State::Pending, 1, None));
    assert_eq!((found.delivery.received_at, &found.delivery.body), (again.received_at, &first.body));
    assert_eq!(found.facts, facts(&["abc1234"]), "facts belong to the delivery");
    assert_eq!(found.decisions, [skipped("r")], "until the next attempt ends");

    for attempt in [2, 3] {
        assert_eq!(decide_again(journal, &again).await, AppendOutcome::InProgress);
        let claimed = claim_one(journal).await;
        assert_eq!((claimed.token.attempt, &claimed.delivery.body), (attempt, &first.body));
        journal.settle(claimed.token, started_nothing()).await.unwrap();
        assert_eq!(append(journal, &again).await, AppendOutcome::Settled, "a usual append changes nothing");
        assert_eq!(decide_again(journal, &again).await, AppendOutcome::Reopened);
    }
}

pub(crate) async fn of_many_calls_one_reopens(store: &mut impl Store) {
    let journal = store.journal();
    let sent = push("a", 0);
    append_decided(journal, &sent).await;
    let answers = join_all((0..30).map(|_| decide_again(journal, &sent))).await;
    let reopened = answers.iter().filter(|answer| **answer == AppendOutcome::Reopened).count();
    let others = answers.iter().filter(|answer| **answer == AppendOutcome::InProgress).count();
    assert_eq!((reopened, others), (1, 29), "{answers:?}");
    claim_one(journal).await;
}

pub(crate) async fn a_failed_delivery_and_an_unknown_one_are_queued(store: &mut impl Store) {
    let journal = store.journal();
    assert_eq!(decide_again(journal, &push("a", 0)).await, AppendOutcome::New);
    settle_all(journal, &failure("quota exceeded")).await;
    assert_eq!(decide_again(journal, &push("a", 0)).await, AppendOutcome::Reopened);
    settle_all(journal, &started_nothing()).await;
    assert_eq!(
        decide_again(journal, &push("a", 0)).await,
        AppendOutcome::Reopened,
        "it failed without a run"
    );
    assert_eq!(claim_one(journal).await.token.attempt, 3);
}

pub(crate) async fn a_delivery_that_started_a_run_is_never_reopened(store: &mut impl Store) {
    let journal = store.journal();
    let refused = trigger_journal::LaunchRecord { error: Some("forbidden".to_owned()), ..launched("web-2") };
    for (name, launch) in [("started", launched("web-1")), ("refused", refused)] {
        let sent = push(name, 0);
        append(journal, &sent).await;
        settle_all(journal, &Settlement { launches: vec![launch], ..started_nothing() }).await;
        assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Settled, "{name}");
    }
    // Not either when it starts something after it was decided again.
    let sent = push("later", 0);
    append_decided(journal, &sent).await;
    assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Reopened);
    settle_all(journal, &Settlement { launches: vec![launched("web-3")], ..Settlement::default() }).await;
    assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Settled);
    assert!(claim_all(journal).await.is_empty());
}

pub(crate) async fn a_delivery_with_an_attempt_that_was_not_recorded_is_not_reopened(store: &mut impl Store) {
    let journal = store.journal();
    let sent = push("a", 0);
    append(journal, &sent).await;
    // A dispatcher that may have created a run, and ended.
    assert_eq!(journal.claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().len(), 1);
    let claimed = claim_one(journal).await;
    assert_eq!(claimed.token.attempt, 2);
    journal.release(claimed.token, Timestamp::UNIX_EPOCH, started_nothing()).await.unwrap();
    settle_all(journal, &started_nothing()).await;
    assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Settled);
}

pub(crate) async fn a_delivery_that_was_released_without_a_run_is_reopened(store: &mut impl Store) {
    let journal = store.journal();
    let sent = push("a", 0);
    append(journal, &sent).await;
    for _ in 0..2 {
        let claimed = claim_one(journal).await;
        journal.release(claimed.token, Timestamp::UNIX_EPOCH, failure("API server away")).await.unwrap();
    }
    settle_all(journal, &started_nothing()).await;
    assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Reopened);
    assert_eq!(claim_one(journal).await.token.attempt, 4);
}

pub(crate) async fn a_replayed_delivery_is_not_reopened(store: &mut impl Store) {
    let journal = store.journal();
    let sent = push("a", 0);
    append_decided(journal, &sent).await;
    let ReplayOutcome::New(copy) = replay(journal, &sent.id, "once").await else { panic!("no replay") };
    settle_all(journal, &started_nothing()).await;
    assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Settled, "{copy} was to decide it");
}

pub(crate) async fn of_a_replay_and_a_reopening_at_once_one_happens(store: &mut impl Store) {
    let journal = store.journal();
    for number in 0..20 {
        let sent = push(&number.to_string(), 0);
        append_decided(journal, &sent).await;
        let (reopened, replayed) =
            tokio::join!(decide_again(journal, &sent), replay(journal, &sent.id, "once"));
        let is_reopened = reopened == AppendOutcome::Reopened;
        let is_replayed = matches!(replayed, ReplayOutcome::New(_));
        assert!(is_reopened != is_replayed, "{reopened:?}, {replayed:?}");
    }
    assert_eq!(claim_all(journal).await.len(), 20);
}

pub(crate) async fn a_delivery_without_its_body_is_reopened_and_a_key_is_not(store: &mut impl Store) {
    let journal = store.journal();
    let sent = push("a", 0);
    append_decided(journal, &sent).await;
    let bodies = Retention { payloads: Duration::ZERO, ..Retention::default() };
    assert_eq!(journal.prune(bodies).await.unwrap().payloads, 1);
    assert_eq!(decide_again(journal, &sent).await, AppendOutcome::Reopened);
    assert_eq!(claim_all(journal).await[0].delivery.body, sent.body, "it is stored again");

    let other = push("b", 0);
    append_decided(journal, &other).await;
    super::pruning::reduce_to_keys(journal).await;
    assert_eq!(decide_again(journal, &other).await, AppendOutcome::Settled, "its launches are unknown");
}

pub(crate) async fn a_delivery_decided_again_is_decided_for_all_its_keys(store: &mut impl Store) {
    let journal = store.journal();
    let [of_a, of_b] = ["team-a", "team-b"].map(|namespace| ObjectKey::new(namespace, "hook"));
    let first = push("a", 0);
    journal.append(verified_by(first.clone(), &of_a)).await.unwrap();
    settle_all(journal, &started_nothing()).await;
    let mut other = push("a", 60);
    other.headers = vec![("x-github-event".to_owned(), "release".to_owned())];
    let answer = journal.append_to_decide_again(verified_by(other, &of_b)).await.unwrap();
    assert_eq!(answer, AppendOutcome::Reopened);
    let claimed = claim_one(journal).await;
    let keys = [of_a, of_b].map(|secret| KeyRef::new(secret, ENTRY));
    assert_eq!(claimed.verification.keys, keys);
    assert_eq!(claimed.delivery.headers, first.headers, "only those of a sender with all keys count");
    drop(claimed);
    assert!(journal.claim(ClaimRequest::any(1, LONG)).await.unwrap().is_empty());
}
