use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use trigger_core::ObjectKey;
use trigger_journal::{
    ClaimRequest, ClaimToken, JournalError, LaunchRecord, OutcomeRecord, Settlement, State,
};

use super::{LONG, append, claim_all, claim_one, failure, settle_all};
use crate::Store;
use crate::delivery::{launched, push, skipped};

fn is_stale(answer: &Result<(), JournalError>, ticket: &ClaimToken) -> bool {
    matches!(answer, Err(JournalError::StaleTicket { id }) if *id == ticket.id)
}

pub(crate) async fn a_settlement_is_kept_whole(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let run = ObjectKey::new("team-a", "web-abc");
    let mut fired = skipped("first");
    fired.outcome = OutcomeRecord::Fired { run: run.clone() };
    let mut also = skipped("second");
    also.outcome = OutcomeRecord::AlsoMatched { run };
    let refused = LaunchRecord { existed: true, fault: Some("quota".to_owned()), ..launched("web-2") };
    let settlement = Settlement {
        decisions: vec![fired, also, skipped("third")],
        launches: vec![launched("web-abc"), refused],
        fault: None,
    };
    settle_all(store.journal(), &settlement).await;
    store.reopen().await;
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.fault, found.due), (State::Settled, None, None));
    assert!(found.settled_at.is_some());
    assert_eq!((found.decisions, found.launches), (settlement.decisions, settlement.launches));
}

pub(crate) async fn a_settlement_with_a_fault_is_a_failure(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    settle_all(store.journal(), &failure("forbidden")).await;
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.fault.as_deref()), (State::Failed, Some("forbidden")));
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
        fault: Some("the API server is down".to_owned()),
    };
    store.journal().release(first.ticket, later, attempt.clone()).await.unwrap();
    assert!(claim_all(store.journal()).await.is_empty());
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.due, found.attempts), (State::Pending, Some(later), 1));
    let Settlement { decisions, launches, fault } = attempt;
    assert_eq!((found.fault, found.decisions, found.launches), (fault, decisions, launches));
    assert_eq!(found.settled_at, None);

    append(store.journal(), &push("b", 1)).await;
    let other = claim_one(store.journal()).await;
    assert_eq!(other.ticket.id, push("b", 1).id);
    let now = Timestamp::now();
    store
        .journal()
        .release(other.ticket, now, Settlement { launches: vec![launched("web-2")], ..failure("busy") })
        .await
        .unwrap();
    let again = claim_one(store.journal()).await;
    assert_eq!(again.ticket.attempt, 2, "due at once");
    assert_eq!(again.launches, [launched("web-2")], "the next attempt knows what was launched");
}

pub(crate) async fn a_retry_does_not_overtake_what_waited_longer(store: &mut impl Store) {
    append(store.journal(), &push("old", 0)).await;
    let old = claim_one(store.journal()).await.ticket;
    append(store.journal(), &push("new", 1)).await;
    let due = Timestamp::now();
    store.journal().release(old.clone(), due, failure("busy")).await.unwrap();
    let order: Vec<_> =
        claim_all(store.journal()).await.into_iter().map(|claimed| claimed.ticket.id).collect();
    assert_eq!(order, [push("new", 1).id, old.id]);
}

pub(crate) async fn a_stale_ticket_changes_nothing(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let unclaimed = ClaimToken { id: sent.id.clone(), attempt: 0 };
    let unknown = ClaimToken { id: push("unknown", 0).id, attempt: 1 };
    let lost = store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().remove(0).ticket;
    let held = claim_one(store.journal()).await.ticket;
    let future = ClaimToken { id: sent.id.clone(), attempt: 3 };
    for ticket in [&unclaimed, &unknown, &lost, &future] {
        let answer = store.journal().settle(ticket.clone(), failure("wrong")).await;
        assert!(is_stale(&answer, ticket), "{ticket:?}: {answer:?}");
        let now = Timestamp::now();
        let answer = store.journal().release(ticket.clone(), now, failure("wrong")).await;
        assert!(is_stale(&answer, ticket), "{ticket:?}: {answer:?}");
    }
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.fault), (State::Claimed, None));

    store.journal().settle(held.clone(), Settlement::default()).await.unwrap();
    let again = store.journal().settle(held.clone(), failure("wrong")).await;
    assert!(is_stale(&again, &held), "{again:?}");
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.fault), (State::Settled, None));
}

pub(crate) async fn an_expired_ticket_holds_until_somebody_else_claims(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let expired = store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap().remove(0).ticket;
    store.journal().settle(expired, Settlement::default()).await.unwrap();
}

pub(crate) async fn a_stale_ticket_does_not_fail_its_neighbours(store: &mut impl Store) {
    for n in 0..10 {
        append(store.journal(), &push(&n.to_string(), n)).await;
    }
    let tickets: Vec<_> =
        claim_all(store.journal()).await.into_iter().map(|claimed| claimed.ticket).collect();
    // At once, so that a store that groups its commits has them in one group. Every second one is stale.
    let answers = join_all(tickets.iter().enumerate().map(|(n, ticket)| {
        let attempt = ticket.attempt + u32::from(n % 2 == 1);
        store.journal().settle(ClaimToken { attempt, ..ticket.clone() }, Settlement::default())
    }))
    .await;
    for (n, (answer, ticket)) in answers.iter().zip(&tickets).enumerate() {
        let right = if n % 2 == 1 { is_stale(answer, ticket) } else { answer.is_ok() };
        assert!(right, "{n}: {answer:?}");
    }
}
