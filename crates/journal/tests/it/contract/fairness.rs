use std::collections::HashMap;
use std::sync::Arc;

use trigger_core::ObjectKey;
use trigger_journal::{ClaimRequest, ClaimedDelivery, Journal};

use super::LONG;
use crate::Store;
use crate::delivery::{push, verified_by};

/// Appends `count` deliveries of the tenant, one after the other.
async fn enqueue(journal: &dyn Journal, tenant: &str, count: usize) {
    for n in 0..count {
        let delivery = push(&format!("{tenant}-{n}"), 0);
        journal.append(verified_by(delivery, &ObjectKey::new(tenant, "hook"))).await.unwrap();
    }
}

async fn take(journal: &dyn Journal, max: usize) -> Vec<String> {
    tenants(journal.claim(ClaimRequest::any(max, LONG)).await.unwrap())
}

fn tenants(claimed: Vec<ClaimedDelivery>) -> Vec<String> {
    let mut tenants: Vec<_> = claimed.into_iter().map(|claimed| claimed.tenant.to_string()).collect();
    tenants.sort();
    tenants
}

pub(crate) async fn a_long_queue_of_one_tenant_does_not_delay_another(store: &mut impl Store) {
    enqueue(store.journal(), "noisy", 50).await;
    enqueue(store.journal(), "quiet", 2).await;
    assert_eq!(take(store.journal(), 4).await, ["noisy", "noisy", "quiet", "quiet"]);
    assert_eq!(take(store.journal(), 100).await.len(), 48, "and nothing is left behind");
}

pub(crate) async fn tenants_take_turns_from_claim_to_claim(store: &mut impl Store) {
    for tenant in ["a", "b", "c"] {
        enqueue(store.journal(), tenant, 10).await;
    }
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.extend(take(store.journal(), 1).await);
    }
    assert_eq!(seen, ["a", "b", "c", "a", "b", "c"]);
}

pub(crate) async fn no_tenant_gets_more_claims_than_its_limit(store: &mut impl Store) {
    enqueue(store.journal(), "a", 9).await;
    enqueue(store.journal(), "b", 9).await;
    let held: HashMap<Arc<str>, usize> = HashMap::from([("a".into(), 3), ("other".into(), 9)]);
    let request = ClaimRequest { max: 20, bytes: u64::MAX, timeout: LONG, per_tenant: 4, held };
    let claimed = tenants(store.journal().claim(request).await.unwrap());
    assert_eq!(claimed, ["a", "b", "b", "b", "b"]);
}
