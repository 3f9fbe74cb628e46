use trigger_core::{Delivery, ObjectKey};
use trigger_journal::{AppendOutcome, ClaimRequest, Decided, JournalError, Retention, Settlement, State};

use super::{LONG, settle_all};
use crate::Store;
use crate::delivery::{push, skipped, verified_by};

/// Room for about ten deliveries of [`large`].
const QUOTA: u64 = 1 << 20;

/// A delivery with a body of 100 KB that no compression makes shorter.
fn large(name: &str) -> Delivery {
    let mut state = name
        .bytes()
        .fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(31) | 1);
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    Delivery { body: noise.take(12_500).flatten().collect::<Vec<_>>().into(), ..push(name, 0) }
}

async fn append(store: &impl Store, tenant: &str, delivery: Delivery) -> Result<AppendOutcome, JournalError> {
    store.journal().append(verified_by(delivery, &ObjectKey::new(tenant, "hook"))).await
}

/// Appends deliveries of `tenant` until its share is used up. Returns how many were stored.
async fn fill(store: &impl Store, tenant: &str) -> usize {
    for stored in 0..100 {
        match append(store, tenant, large(&format!("{tenant} {stored}"))).await {
            Ok(_) => {}
            Err(JournalError::TenantFull { tenant: full, held, share }) => {
                assert_eq!((full.as_str(), share), (tenant, QUOTA));
                assert!(held > QUOTA / 2, "{held}");
                return stored;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never fills")
}

pub(crate) async fn a_tenant_alone_has_no_quota(store: &mut impl Store) {
    store.reopen_with_quota(QUOTA).await;
    for number in 0..20 {
        append(store, "team-a", large(&number.to_string())).await.unwrap();
    }
}

pub(crate) async fn a_tenant_that_fills_its_share_delays_no_other(store: &mut impl Store) {
    store.reopen_with_quota(QUOTA).await;
    append(store, "team-a", push("before", 0)).await.unwrap();
    let stored = fill(store, "team-b").await;
    assert!((5..12).contains(&stored), "{stored}");
    append(store, "team-a", large("after")).await.unwrap();
    let again = append(store, "team-b", large("team-b 0")).await.unwrap();
    assert_eq!(again, AppendOutcome::InProgress, "a repetition needs no room");

    let claimed = store.journal().claim(ClaimRequest::any(1000, LONG)).await.unwrap();
    assert_eq!(claimed.len(), stored + 2, "nothing acknowledged is lost");
    for claimed in claimed {
        store.journal().settle(claimed.token, Settlement::default()).await.unwrap();
    }
    append(store, "team-b", large("another")).await.unwrap();
    let oldest = store.journal().find(&push("team-b 0", 0).id).await.unwrap().unwrap();
    assert!(!oldest.body_kept, "its own oldest settled delivery made room");
    let other = store.journal().find(&push("before", 0).id).await.unwrap().unwrap();
    assert!(other.body_kept, "no other tenant's did");
}

pub(crate) async fn decisions_count(store: &mut impl Store) {
    store.reopen_with_quota(QUOTA).await;
    append(store, "team-a", push("before", 0)).await.unwrap();
    let mut decision = skipped("r");
    decision.checks[0].found = "x".repeat(100 << 10);
    for number in 0..50 {
        let delivery = verified_by(push(&format!("b {number}"), 0), &ObjectKey::new("team-b", "hook"));
        let decided = Some(Decided { decisions: vec![decision.clone()], ..Decided::default() });
        store.journal().append_decided(delivery, decided).await.unwrap();
    }
    let oldest = store.journal().find(&push("b 0", 0).id).await.unwrap().unwrap();
    assert_eq!((oldest.state, oldest.decisions.len()), (State::Settled, 0), "its key is left");
    let newest = store.journal().find(&push("b 49", 0).id).await.unwrap().unwrap();
    assert_eq!(newest.decisions, [decision]);
}

pub(crate) async fn a_quota_that_is_exceeded_already_is_restored_by_pruning(store: &mut impl Store) {
    for number in 0..30 {
        append(store, "team-b", large(&number.to_string())).await.unwrap();
    }
    append(store, "team-a", large("a")).await.unwrap();
    settle_all(store.journal(), &Settlement::default()).await;
    store.reopen_with_quota(QUOTA).await;
    while !store.journal().prune(Retention::default()).await.unwrap().is_empty() {}
    let usage = store.journal().usage().await.unwrap();
    assert!((QUOTA / 2..QUOTA + (200 << 10)).contains(&usage.payload_bytes), "{usage:?}");
    assert!(store.journal().find(&push("a", 0).id).await.unwrap().unwrap().body_kept);
    append(store, "team-b", large("another")).await.unwrap();
}
