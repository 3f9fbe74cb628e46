use trigger_core::{Delivery, DeliveryId, ObjectKey};
use trigger_journal::{
    AppendOutcome, ClaimRequest, Decided, JournalError, ReplayOutcome, ReplayRequest, Retention, Settlement,
    State,
};

use super::{LONG, settle_all};
use crate::Store;
use crate::delivery::{push, skipped, verified_by};

/// Room for about ten deliveries of [`large`].
const QUOTA: u64 = 1 << 20;

/// A delivery with a body of 100 KB that no compression makes shorter.
pub(crate) fn large(name: &str) -> Delivery {
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

pub(crate) async fn keys_count(store: &mut impl Store) {
    let quota = 64 << 10;
    store.reopen_with_quota(quota).await;
    append(store, "team-a", push("before", 0)).await.unwrap();
    let mut decision = skipped("r");
    decision.checks[0].found = "x".repeat(1 << 10);
    for stored in 0..500 {
        let delivery = verified_by(push(&format!("b {stored}"), 0), &ObjectKey::new("team-b", "hook"));
        let decided = Some(Decided { decisions: vec![decision.clone()], ..Decided::default() });
        match store.journal().append_decided(delivery, decided).await {
            Ok(_) => {}
            Err(JournalError::TenantFull { tenant, .. }) => {
                assert_eq!(tenant, "team-b");
                assert!((50..120).contains(&stored), "its keys alone fill the share: {stored}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("keys do not count");
}

pub(crate) async fn a_replay_needs_room_and_its_original_makes_none(store: &mut impl Store) {
    store.reopen_with_quota(QUOTA).await;
    append(store, "team-a", push("before", 0)).await.unwrap();
    for name in ["original", "another"] {
        append(store, "team-b", large(name)).await.unwrap();
    }
    settle_all(store.journal(), &Settlement::default()).await;

    let original = push("original", 0).id;
    let mut replays = 0;
    let full = loop {
        let request = replay_of(&original, &replays.to_string());
        match store.journal().replay(request).await {
            Ok(ReplayOutcome::New(_)) => replays += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&full, JournalError::TenantFull { tenant, .. } if tenant == "team-b"), "{full}");
    assert!((7..11).contains(&replays), "{replays}");
    assert!(store.journal().find(&original).await.unwrap().unwrap().body_kept);
    let another = store.journal().find(&push("another", 0).id).await.unwrap().unwrap();
    assert!(!another.body_kept, "it made room");
    let again = store.journal().replay(replay_of(&original, "0")).await.unwrap();
    assert!(matches!(again, ReplayOutcome::Known(_)), "a repetition needs no room: {again:?}");
}

fn replay_of(of: &DeliveryId, request: &str) -> ReplayRequest {
    let (by, from) = ("ada".to_owned(), "10.0.0.7".to_owned());
    ReplayRequest { of: of.clone(), request: request.to_owned(), by, from, namespaces: None }
}

pub(crate) async fn shares_list_the_largest_tenants_first(store: &mut impl Store) {
    store.reopen_with_quota(QUOTA).await;
    append(store, "team-a", push("a", 0)).await.unwrap();
    for name in ["b", "c"] {
        append(store, "team-b", large(name)).await.unwrap();
    }
    let found = store.journal().shares(None).await.unwrap();
    let listed: Vec<_> = found.largest.iter().map(|share| (&*share.tenant, share.unsettled)).collect();
    assert_eq!(listed, [("team-b", 2), ("team-a", 1)]);
    assert_eq!((found.quota, found.tenants), (QUOTA, 2));
    assert!((200_000..210_000).contains(&found.largest[0].bytes), "{found:?}");
    assert_eq!(found.bytes, found.largest.iter().map(|share| share.bytes).sum::<u64>());

    settle_all(store.journal(), &Settlement::default()).await;
    let alone = store.journal().shares(Some("team-a".into())).await.unwrap();
    let listed: Vec<_> = alone.largest.iter().map(|share| (&*share.tenant, share.unsettled)).collect();
    assert_eq!((listed, alone.tenants), (vec![("team-a", 0)], 2));
}
