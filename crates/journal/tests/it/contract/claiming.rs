use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use trigger_core::{Delivery, DeliveryId};
use trigger_journal::{ClaimRequest, ClaimedDelivery, State};

use super::{LONG, append, claim_all, claim_one};
use crate::Store;
use crate::delivery::push;

fn ids(claimed: &[ClaimedDelivery]) -> Vec<DeliveryId> {
    claimed.iter().map(|claimed| claimed.token.id.clone()).collect()
}

pub(crate) async fn the_oldest_are_claimed_first(store: &mut impl Store) {
    let sent: Vec<_> = (0..20).map(|n| push(&n.to_string(), n)).collect();
    for delivery in &sent {
        append(store.journal(), delivery).await;
    }
    let claimed = claim_all(store.journal()).await;
    assert_eq!(ids(&claimed), sent.iter().map(|delivery| delivery.id.clone()).collect::<Vec<_>>());
    assert!(claimed.iter().all(|claimed| claimed.token.attempt == 1));
}

pub(crate) async fn a_claim_takes_no_more_than_requested(store: &mut impl Store) {
    for n in 0..5 {
        append(store.journal(), &push(&n.to_string(), n)).await;
    }
    let sizes = [0, 2, 2, 2, 2];
    let mut taken = Vec::new();
    for max in sizes {
        taken.push(store.journal().claim(ClaimRequest::any(max, LONG)).await.unwrap().len());
    }
    assert_eq!(taken, [0, 2, 2, 1, 0]);
}

pub(crate) async fn a_claim_holds_no_more_bodies_than_requested(store: &mut impl Store) {
    for n in 0..5 {
        // Stored, these bodies are a thousand times shorter.
        append(store.journal(), &Delivery { body: vec![b'x'; 1 << 20].into(), ..push(&n.to_string(), n) })
            .await;
    }
    let mut taken = Vec::new();
    for bytes in [0, 1, 2 << 20, 3 << 20] {
        let request = ClaimRequest { bytes, ..ClaimRequest::any(5, LONG) };
        taken.push(store.journal().claim(request).await.unwrap().len());
    }
    assert_eq!(taken, [0, 1, 2, 2]);
}

pub(crate) async fn a_claimed_delivery_is_not_claimed_again(store: &mut impl Store) {
    let sent = push("a", 0);
    append(store.journal(), &sent).await;
    let claimed = claim_one(store.journal()).await;
    assert!(claimed.claimed_until > Timestamp::now());
    assert!(claim_all(store.journal()).await.is_empty());
    let found = store.journal().find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.attempts, found.due), (State::Claimed, 1, None));
}

pub(crate) async fn many_claimers_share_the_queue_without_overlap(store: &mut impl Store) {
    for n in 0..100 {
        append(store.journal(), &push(&n.to_string(), n)).await;
    }
    let claims = join_all((0..20).map(|_| store.journal().claim(ClaimRequest::any(7, LONG)))).await;
    let claimed: Vec<_> = claims.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(claimed.len(), 100);
    assert_eq!(ids(&claimed).into_iter().collect::<HashSet<_>>().len(), 100);
}

pub(crate) async fn a_claim_that_times_out_can_be_claimed_again(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let first =
        store.journal().claim(ClaimRequest::any(1, Duration::from_millis(5))).await.unwrap().remove(0);
    let second = loop {
        // Every round trip to the store takes time of its own, so this ends.
        if let Some(claimed) = store.journal().claim(ClaimRequest::any(1, LONG)).await.unwrap().pop() {
            break claimed;
        }
    };
    assert!(Timestamp::now() >= first.claimed_until, "not before the claim timed out");
    assert_eq!((second.token.id, second.token.attempt), (first.token.id, 2));
}

pub(crate) async fn a_claim_survives_the_end_of_the_process(store: &mut impl Store) {
    append(store.journal(), &push("over", 0)).await;
    store.journal().claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap();
    store.reopen().await;
    let claimed = claim_one(store.journal()).await;
    assert_eq!((claimed.token.id, claimed.token.attempt), (push("over", 0).id, 2));
}
