use std::time::Duration;

use jiff::Timestamp;
use trigger_journal::{ClaimRequest, LONGEST_WAIT, State};

use super::{LONG, append, claim_all, claim_one, failure};
use crate::Store;
use crate::delivery::push;

/// Adds this many hours to the time at which the deliveries in the queue are due, as if a clock had been ahead.
async fn put_forward(store: &impl Store, hours: i64) {
    let statement = format!("UPDATE deliveries SET ready_at = ready_at + {}", hours * 3_600_000_000_000);
    store.execute(&statement).await;
}

pub(crate) async fn a_delivery_appended_by_a_clock_that_was_ahead_is_due_now(store: &mut impl Store) {
    let names = ["a", "b", "c"];
    for name in names {
        append(store.journal(), &push(name, 0)).await;
    }
    put_forward(store, 24 * 365).await;
    let claimed: Vec<_> =
        claim_all(store.journal()).await.into_iter().map(|claimed| claimed.token.id).collect();
    assert_eq!(claimed, names.map(|name| push(name, 0).id), "in the order in which they were appended");
}

pub(crate) async fn a_claim_made_by_a_clock_that_was_ahead_times_out(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    claim_one(store.journal()).await;
    put_forward(store, 24 * 365).await;
    assert!(claim_all(store.journal()).await.is_empty(), "its holder gets the time of one claim");
    put_forward(store, -1).await;
    assert_eq!(claim_one(store.journal()).await.token.attempt, 2);
}

pub(crate) async fn a_delivery_that_waits_for_good_reason_is_not_due(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let token = claim_one(store.journal()).await.token;
    let due = Timestamp::now().checked_add(LONG).unwrap();
    store.journal().release(token, due, failure("refused")).await.unwrap();
    assert!(claim_all(store.journal()).await.is_empty());
}

pub(crate) async fn no_delivery_waits_longer_than_the_longest_wait(store: &mut impl Store) {
    for name in ["claimed", "released"] {
        append(store.journal(), &push(name, 0)).await;
    }
    let never = Duration::from_hours(10_000);
    let mut claimed = store.journal().claim(ClaimRequest::any(2, never)).await.unwrap();
    let longest = Timestamp::now().checked_add(LONGEST_WAIT + Duration::from_mins(1)).unwrap();
    assert!(claimed.iter().all(|claimed| claimed.claimed_until < longest), "{claimed:?}");
    let token = claimed.remove(1).token;
    store.journal().release(token.clone(), Timestamp::MAX, failure("refused")).await.unwrap();
    let found = store.journal().find(&token.id).await.unwrap().unwrap();
    assert_eq!(found.state, State::Pending);
    assert!(found.due.is_some_and(|due| due < longest), "{:?}", found.due);
    assert!(claim_all(store.journal()).await.is_empty());
}
