use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinSet;
use trigger_core::ObjectKey;
use trigger_journal::{
    AppendOutcome, ClaimRequest, Decided, History as _, Intake as _, Journal as _, PostgresJournal, Query,
    Queue as _, Retention, Settlement,
};

use super::{database, long_timeouts, open};
use crate::contract::quotas::large;
use crate::contract::{LONG, append, claim_all, claim_one};
use crate::delivery::{push, skipped, verified, verified_by};

#[tokio::test]
async fn replicas_that_append_for_one_tenant_exceed_its_quota_by_little() {
    let Some(url) = database() else { return };
    let quota = 2 << 20;
    let mut options = long_timeouts();
    options.tenant_quota = quota;
    let open = async || PostgresJournal::open(&url, options.clone()).await.unwrap();
    let journals = [open().await, open().await, open().await];
    append(&journals[0], &push("of another tenant", 0)).await;
    let mut stored = 0_u64;
    for number in 0..200 {
        let delivery = large(&number.to_string());
        let bytes = delivery.body.len() as u64;
        let delivery = verified_by(delivery, &ObjectKey::new("team-b", "hook"));
        if journals[number % 3].append(delivery).await.is_ok() {
            stored += bytes;
        }
    }
    assert!((quota / 2..quota + quota / 2).contains(&stored), "{stored} of {quota}");
}

/// Two journals over one database, like those of two replicas.
async fn two() -> Option<[Arc<PostgresJournal>; 2]> {
    let url = database()?;
    Some([Arc::new(open(&url).await), Arc::new(open(&url).await)])
}

#[tokio::test]
async fn of_fifty_calls_to_two_replicas_one_is_new() {
    let Some(journals) = two().await else { return };
    let sent = push("a", 0);
    let calls = (0..50).map(|n| append(&*journals[n % 2], &sent));
    let answers = join_all(calls).await;
    let new = answers.iter().filter(|answer| **answer == AppendOutcome::New).count();
    let others = answers.iter().filter(|answer| **answer == AppendOutcome::InProgress).count();
    assert_eq!((new, others), (1, 49));
    claim_one(&*journals[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_calls_to_two_replicas_one_decides_a_delivery_again() {
    let Some(journals) = two().await else { return };
    for number in 0..20 {
        let sent = push(&number.to_string(), 0);
        let decided = Some(Decided { decisions: vec![skipped("r")], ..Decided::default() });
        journals[0].append_decided(verified(sent.clone()), decided).await.unwrap();
        let calls = (0..8).map(|call| {
            let (journal, sent) = (Arc::clone(&journals[call % 2]), sent.clone());
            tokio::spawn(async move { journal.append_to_decide_again(verified(sent)).await.unwrap() })
        });
        let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        let reopened = answers.iter().filter(|answer| **answer == AppendOutcome::Reopened).count();
        let others = answers.iter().filter(|answer| **answer == AppendOutcome::InProgress).count();
        assert_eq!((reopened, others), (1, 7), "{answers:?}");
        claim_one(&*journals[0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_append_the_same_in_any_order_do_not_block_each_other() {
    let Some(journals) = two().await else { return };
    let mut tasks = JoinSet::new();
    for n in 0..200_i64 {
        for (replica, journal) in journals.iter().enumerate() {
            let journal = Arc::clone(journal);
            let n = if replica == 0 { n } else { 199 - n };
            tasks.spawn(async move { append(&*journal, &push(&n.to_string(), n)).await });
        }
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == AppendOutcome::New).count(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claimers_of_two_replicas_share_the_queue_without_overlap() {
    let Some(journals) = two().await else { return };
    let sent: Vec<_> = (0..300).map(|n| push(&n.to_string(), 0)).collect();
    join_all(sent.iter().map(|delivery| append(&*journals[0], delivery))).await;
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let journal = Arc::clone(&journals[n % 2]);
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = journal.claim(ClaimRequest::any(7, LONG)).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|claimed| claimed.token));
            }
        });
    }
    let tokens: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let ids: HashSet<_> = tokens.iter().map(|token| token.id.clone()).collect();
    assert_eq!((tokens.len(), ids.len()), (300, 300));
    // A token is all that another replica needs to settle.
    let settled =
        join_all(tokens.into_iter().map(|token| journals[1].settle(token, Settlement::default()))).await;
    assert!(settled.iter().all(Result::is_ok));
}

#[tokio::test]
async fn an_append_on_one_replica_wakes_the_other() {
    let Some([one, other]) = two().await else { return };
    let mut arrivals = other.arrivals();
    let mut own = one.arrivals();
    for n in 0..3 {
        append(&*one, &push(&n.to_string(), n)).await;
        own.changed().await.unwrap();
        arrivals.changed().await.unwrap();
        assert_eq!(claim_all(&*other).await.len(), 1);
    }
}

#[tokio::test]
async fn a_notification_of_a_closing_replica_arrives() {
    let Some([one, other]) = two().await else { return };
    let mut arrivals = other.arrivals();
    append(&*one, &push("a", 0)).await;
    arrivals.changed().await.unwrap();
    // Within the pause after the first notification, which ends only after the journal is closed.
    append(&*one, &push("b", 0)).await;
    one.close().await;
    arrivals.changed().await.unwrap();
}

#[tokio::test]
async fn the_claims_of_a_lost_replica_time_out() {
    let Some([lost, other]) = two().await else { return };
    append(&*lost, &push("claimed", 0)).await;
    assert_eq!(lost.claim(ClaimRequest::any(1, LONG)).await.unwrap().len(), 1);
    append(&*lost, &push("over", 1)).await;
    lost.claim(ClaimRequest::any(1, Duration::ZERO)).await.unwrap();
    drop(lost);
    let claimed = claim_one(&*other).await;
    assert_eq!((claimed.token.id, claimed.token.attempt), (push("over", 1).id, 2));
}

#[tokio::test]
async fn replicas_that_prune_side_by_side_prune_no_more_than_they_should() {
    let Some(journals) = two().await else { return };
    let sent: Vec<_> = (0..300).map(|n| push(&n.to_string(), 0)).collect();
    join_all(sent.iter().map(|delivery| append(&*journals[0], delivery))).await;
    for claimed in claim_all(&*journals[0]).await {
        journals[0].settle(claimed.token, Settlement::default()).await.unwrap();
    }
    let retention = Retention { max_deliveries: 130, ..Retention::default() };
    loop {
        let pruned = join_all((0..6).map(|n| journals[n % 2].prune(retention))).await;
        if pruned.into_iter().all(|pruned| pruned.unwrap().is_empty()) {
            break;
        }
    }
    let query = Query { limit: 500, ..Query::default() };
    assert_eq!(journals[1].history(query).await.unwrap().records.len(), 130);
}
