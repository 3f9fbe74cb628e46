use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use trigger_core::{KeyRef, ObjectKey, Ordinal, ResourceRef, Verification};
use trigger_journal::{
    ClaimRequest, ClaimToken, JournalError, LaunchRecord, OutcomeRecord, Settlement, State,
};

use super::{LONG, append, claim_all, claim_one, failure, settle_all};
use crate::Store;
use crate::delivery::{build_run, launched, push, skipped};

fn is_stale(answer: &Result<(), JournalError>, token: &ClaimToken) -> bool {
    matches!(answer, Err(JournalError::StaleToken { id }) if *id == token.id)
}

pub(crate) async fn a_settlement_is_kept_whole(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let other = ResourceRef::new("tekton.dev", "PipelineRun", ObjectKey::new("team-b", "ci-abc"));
    let runs = vec![build_run("web-abc"), other.clone()];
    let mut fired = skipped("first");
    fired.outcome = OutcomeRecord::Fired { runs: runs.clone() };
    let mut also = skipped("second");
    also.outcome = OutcomeRecord::AlsoMatched { runs };
    also.event = Ordinal::new(3);
    let refused = LaunchRecord {
        run: other,
        event: Ordinal::new(3),
        existed: true,
        error: Some("quota".to_owned()),
        ..launched("")
    };
    let settlement = Settlement {
        decisions: vec![fired, also, skipped("third")],
        launches: vec![launched("web-abc"), refused],
        error: None,
    };
    settle_all(store.journal(), &settlement).await;
    store.reopen().await;
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.error, found.due), (State::Settled, None, None));
    assert!(found.settled_at.is_some());
    assert_eq!((found.decisions, found.launches), (settlement.decisions, settlement.launches));
}

pub(crate) async fn a_settlement_with_an_error_is_a_failure(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    settle_all(store.journal(), &failure("forbidden")).await;
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.error.as_deref()), (State::Failed, Some("forbidden")));
    assert!(found.settled_at.is_some());
    assert!(claim_all(store.journal()).await.is_empty());
}

pub(crate) async fn a_released_delivery_waits_until_it_is_due(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let first = claim_one(store.journal()).await;
    let later = Timestamp::now() + LONG;
    let attempt = Settlement {
        decisions: vec![skipped("r")],
        launches: vec![launched("web-1")],
        error: Some("the API server is down".to_owned()),
    };
    store.journal().release(first.token, later, attempt.clone()).await.unwrap();
    assert!(claim_all(store.journal()).await.is_empty());
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts), (State::Pending, 1));
    let difference = found.due.unwrap().duration_since(later).abs();
    assert!(difference < SignedDuration::from_secs(60), "due by the clock of the queue: {difference}");
    let Settlement { decisions, launches, error } = attempt;
    assert_eq!((found.error, found.decisions, found.launches), (error, decisions, launches));
    assert_eq!(found.settled_at, None);

    append(store.journal(), &push("b", 1)).await;
    let other = claim_one(store.journal()).await;
    assert_eq!(other.token.id, push("b", 1).id);
    let now = Timestamp::now();
    store
        .journal()
        .release(other.token, now, Settlement { launches: vec![launched("web-2")], ..failure("busy") })
        .await
        .unwrap();
    let again = claim_one(store.journal()).await;
    assert_eq!(again.token.attempt, 2, "due at once");
    assert_eq!(again.launches, [launched("web-2")], "the next attempt knows what was launched");
}

pub(crate) async fn a_retry_does_not_overtake_what_waited_longer(store: &mut impl Store) {
    append(store.journal(), &push("old", 0)).await;
    let old = claim_one(store.journal()).await.token;
    append(store.journal(), &push("new", 1)).await;
    let due = Timestamp::now();
    store.journal().release(old.clone(), due, failure("busy")).await.unwrap();
    let order: Vec<_> =
        claim_all(store.journal()).await.into_iter().map(|claimed| claimed.token.id).collect();
    assert_eq!(order, [push("new", 1).id, old.id]);
}

pub(crate) async fn a_stale_token_changes_nothing(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let unclaimed = ClaimToken { id: sent.id.clone(), attempt: 0 };
    let unknown = ClaimToken { id: push("unknown", 0).id, attempt: 1 };
    let lost = store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().remove(0).token;
    let held = claim_one(store.journal()).await.token;
    let future = ClaimToken { id: sent.id.clone(), attempt: 3 };
    for token in [&unclaimed, &unknown, &lost, &future] {
        let answer = store.journal().settle(token.clone(), failure("wrong")).await;
        assert!(is_stale(&answer, token), "{token:?}: {answer:?}");
        let now = Timestamp::now();
        let answer = store.journal().release(token.clone(), now, failure("wrong")).await;
        assert!(is_stale(&answer, token), "{token:?}: {answer:?}");
    }
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.error), (State::Claimed, None));

    store.journal().settle(held.clone(), Settlement::default()).await.unwrap();
    let again = store.journal().settle(held.clone(), failure("wrong")).await;
    assert!(is_stale(&again, &held), "{again:?}");
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.error), (State::Settled, None));
}

pub(crate) async fn a_timed_out_token_is_valid_until_another_claim(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let expired = store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().remove(0).token;
    store.journal().settle(expired, Settlement::default()).await.unwrap();
}

pub(crate) async fn a_stale_token_does_not_fail_its_neighbours(store: &mut impl Store) {
    for n in 0..10 {
        append(store.journal(), &push(&n.to_string(), n)).await;
    }
    let tokens: Vec<_> = claim_all(store.journal()).await.into_iter().map(|claimed| claimed.token).collect();
    // At once, so that a store that groups its commits has them in one group. Every second one is stale.
    let answers = join_all(tokens.iter().enumerate().map(|(n, token)| {
        let attempt = token.attempt + u32::from(n % 2 == 1);
        store.journal().settle(ClaimToken { attempt, ..token.clone() }, Settlement::default())
    }))
    .await;
    for (n, (answer, token)) in answers.iter().zip(&tokens).enumerate() {
        let right = if n % 2 == 1 { is_stale(answer, token) } else { answer.is_ok() };
        assert!(right, "{n}: {answer:?}");
    }
}

pub(crate) async fn a_claimed_delivery_gets_another_verification(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let claimed = claim_one(store.journal()).await;
    let keys = vec![KeyRef::new(ObjectKey::new("team-z", "hook"), "token")];
    let completed = Verification { keys, ..Verification::default() };
    store.journal().record_verification(claimed.token.clone(), completed.clone()).await.unwrap();
    store.journal().release(claimed.token.clone(), Timestamp::now(), failure("busy")).await.unwrap();
    store.reopen().await;
    let again = claim_one(store.journal()).await;
    assert_eq!((&again.verification, &again.tenant), (&completed, &claimed.tenant));

    let answer = store.journal().record_verification(claimed.token.clone(), Verification::default()).await;
    assert!(is_stale(&answer, &claimed.token), "{answer:?}");
    store.journal().settle(again.token.clone(), Settlement::default()).await.unwrap();
    let answer = store.journal().record_verification(again.token.clone(), Verification::default()).await;
    assert!(is_stale(&answer, &again.token), "{answer:?}");
    let record = store.journal().find(&push("a", 0).id).await.unwrap().unwrap();
    assert_eq!(record.verification, completed);
}
