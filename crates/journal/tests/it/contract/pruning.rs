use std::time::Duration;

use jiff::Timestamp;
use trigger_journal::{AppendOutcome, Journal, Pruned, Query, ReplayOutcome, Retention, Settlement, State};

use super::{append, claim_one, failure, replay, settle_all};
use crate::Store;
use crate::delivery::{facts, launched, push, skipped, verified};

/// Retains everything.
const ALL: Retention = Retention {
    payloads: Duration::from_hours(9000),
    deliveries: Duration::from_hours(9000),
    keys: Duration::from_hours(9000),
    max_deliveries: u64::MAX,
    max_payload_bytes: u64::MAX,
};

/// Prunes until nothing exceeds the retention.
async fn prune(store: &impl Store, retention: Retention) -> Pruned {
    let mut total = Pruned::default();
    for _ in 0..1000 {
        let pruned = store.journal().prune(retention).await.unwrap();
        if pruned.is_empty() {
            return total;
        }
        total.payloads += pruned.payloads;
        total.deliveries += pruned.deliveries;
        total.keys += pruned.keys;
    }
    panic!("it never ends");
}

/// Reduces every settled delivery to its key.
pub(crate) async fn reduce_to_keys(journal: &dyn Journal) {
    let pruned = journal.prune(Retention { deliveries: Duration::ZERO, ..ALL }).await.unwrap();
    assert!(pruned.deliveries > 0, "{pruned:?}");
}

fn pruned(payloads: u64, deliveries: u64, keys: u64) -> Pruned {
    Pruned { payloads, deliveries, keys }
}

/// Appends and settles deliveries of these names, one after the other.
async fn settled(store: &impl Store, names: &[&str]) {
    let decided =
        Settlement { decisions: vec![skipped("r")], launches: vec![launched("web-1")], error: None };
    for name in names {
        append(store.journal(), &push(name, 0)).await;
        settle_all(store.journal(), &decided).await;
    }
}

async fn history(store: &impl Store) -> usize {
    store.journal().history(Query::default()).await.unwrap().records.len()
}

pub(crate) async fn young_deliveries_are_retained(store: &mut impl Store) {
    settled(store, &["a", "b"]).await;
    assert_eq!(prune(store, Retention::default()).await, Pruned::default());
    assert_eq!(prune(store, ALL).await, Pruned::default());
    assert!(store.journal().find(&push("a", 0).id).await.unwrap().unwrap().body_kept);
}

pub(crate) async fn bodies_go_first_then_decisions_then_keys(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    let token = claim_one(store.journal()).await.token;
    store.journal().record_facts(token.clone(), facts(&["aaaaaaa"])).await.unwrap();
    let decided =
        Settlement { decisions: vec![skipped("r")], launches: vec![launched("web-1")], error: None };
    store.journal().settle(token, decided).await.unwrap();
    let id = push("a", 0).id;
    assert_eq!(prune(store, Retention { payloads: Duration::ZERO, ..ALL }).await, pruned(1, 0, 0));
    let found = store.journal().find(&id).await.unwrap().unwrap();
    assert!(!found.body_kept && found.delivery.body.is_empty());
    assert_eq!((found.decisions.len(), found.launches.len(), found.facts), (1, 1, facts(&["aaaaaaa"])));
    assert_eq!(replay(store.journal(), &id, "x").await, ReplayOutcome::BodyGone);
    assert_eq!(append(store.journal(), &push("a", 0)).await, AppendOutcome::Settled);

    assert_eq!(prune(store, Retention { deliveries: Duration::ZERO, ..ALL }).await, pruned(0, 1, 0));
    assert_eq!(history(store).await, 0);
    let found = store.journal().find(&id).await.unwrap().unwrap();
    assert_eq!((found.state, found.decisions.len(), found.facts), (State::Settled, 0, facts(&[])));
    assert_eq!(
        found.verification,
        *verified(push("a", 0)).verification(),
        "it distinguishes a further key from the same one"
    );
    assert_eq!(replay(store.journal(), &id, "x").await, ReplayOutcome::Missing);
    assert_eq!(
        append(store.journal(), &push("a", 0)).await,
        AppendOutcome::Settled,
        "its key is still known"
    );

    assert_eq!(prune(store, Retention { keys: Duration::ZERO, ..ALL }).await, pruned(0, 0, 1));
    assert!(store.journal().find(&id).await.unwrap().is_none());
    assert_eq!(append(store.journal(), &push("a", 0)).await, AppendOutcome::New);
    assert_eq!(claim_one(store.journal()).await.delivery.body, push("a", 0).body);
}

pub(crate) async fn limits_prune_the_oldest(store: &mut impl Store) {
    settled(store, &["a", "b", "c", "d"]).await;
    assert_eq!(prune(store, Retention { max_payload_bytes: 0, ..ALL }).await, pruned(4, 0, 0));
    settled(store, &["e"]).await;
    assert_eq!(prune(store, Retention { max_deliveries: 2, ..ALL }).await, pruned(0, 3, 0));
    let left = store.journal().history(Query::default()).await.unwrap();
    let mut ids: Vec<_> = left.records.into_iter().map(|record| record.delivery.id).collect();
    ids.sort();
    let mut wanted = vec![push("d", 0).id, push("e", 0).id];
    wanted.sort();
    assert_eq!(ids, wanted);
    assert!(store.journal().find(&push("e", 0).id).await.unwrap().unwrap().body_kept);
}

pub(crate) async fn unsettled_deliveries_are_never_pruned(store: &mut impl Store) {
    append(store.journal(), &push("claimed", 0)).await;
    let claimed = claim_one(store.journal()).await;
    append(store.journal(), &push("pending", 0)).await;
    let nothing = Retention {
        payloads: Duration::ZERO,
        deliveries: Duration::ZERO,
        keys: Duration::ZERO,
        max_deliveries: 0,
        max_payload_bytes: 0,
    };
    assert_eq!(prune(store, nothing).await, Pruned::default());
    assert_eq!(claim_one(store.journal()).await.delivery.body, push("pending", 0).body);
    store.journal().settle(claimed.token, Settlement::default()).await.unwrap();
    prune(store, nothing).await;
    assert_eq!(history(store).await, 1, "only the delivery that was pending and claimed is left");
}

pub(crate) async fn a_failed_delivery_that_was_pruned_can_be_reopened(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    settle_all(store.journal(), &failure("quota")).await;
    assert_eq!(prune(store, Retention { deliveries: Duration::ZERO, ..ALL }).await.deliveries, 1);
    assert_eq!(append(store.journal(), &push("a", 5)).await, AppendOutcome::Reopened);
    assert_eq!(history(store).await, 1);
    assert_eq!(claim_one(store.journal()).await.delivery.body, push("a", 0).body);
}

pub(crate) async fn many_deliveries_are_pruned_in_small_batches(store: &mut impl Store) {
    for n in 0..250 {
        append(store.journal(), &push(&n.to_string(), n)).await;
    }
    settle_all(store.journal(), &Settlement::default()).await;
    let first = store.journal().prune(Retention { payloads: Duration::ZERO, ..ALL }).await.unwrap();
    assert!((1..250).contains(&first.payloads), "{first:?}");
    let rest = prune(store, Retention { payloads: Duration::ZERO, ..ALL }).await;
    assert_eq!(first.payloads + rest.payloads, 250);
}

pub(crate) async fn a_delivery_settled_by_a_clock_that_was_ahead_is_pruned_by_its_real_age(
    store: &mut impl Store,
) {
    settled(store, &["a"]).await;
    store.execute("UPDATE deliveries SET settled_at = settled_at + 31536000000000000").await;
    assert_eq!(prune(store, ALL).await, Pruned::default());
    let settled_at = store.journal().find(&push("a", 0).id).await.unwrap().unwrap().settled_at;
    assert!(settled_at.is_some_and(|at| at <= Timestamp::now()), "{settled_at:?}");
    assert_eq!(prune(store, Retention { payloads: Duration::ZERO, ..ALL }).await, pruned(1, 0, 0));
}
