use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;
use trigger_core::{DeliveryId, Facts, KeyRef, Verification};
use trigger_journal::{Entry, Query, Record, Rejection, State, Stats, tenant};

use super::expected::{self, Expected, sorted};
use crate::Store;

pub(crate) async fn every_delivery_reads_back<S: Store>(store: &mut S) {
    for expected in expected::all() {
        let label = expected.label();
        let record = store.journal().find(&expected.delivery_id()).await.unwrap();
        let record = record.unwrap_or_else(|| panic!("{label} is lost"));
        compare(expected, &record);
        let state = match expected.state() {
            State::Claimed if S::EXCLUSIVE => State::Pending,
            state => state,
        };
        assert_eq!(record.state, state, "{label}");
        let replays: HashSet<DeliveryId> = expected.get::<Vec<_>>("replays").into_iter().collect();
        assert_eq!(record.replays.iter().cloned().collect::<HashSet<_>>(), replays, "{label}");
        // The PostgreSQL journal was written at another time.
        if S::EXCLUSIVE {
            assert_eq!(Some(record.delivery.received_at), expected.time("receivedAt"), "{label}");
            assert_eq!(record.settled_at, expected.time("settledAt"), "{label}");
            if expected.state() == State::Pending {
                assert_eq!(record.due, expected.time("due"), "{label}");
            }
        }
        assert_eq!(record.settled_at.is_some(), expected.time("settledAt").is_some(), "{label}");
        assert_eq!(record.due.is_some(), record.state == State::Pending, "{label}");
    }
}

/// Everything but times, which differ between the fixtures, and the state.
fn compare(expected: Expected, record: &Record) {
    let (label, delivery) = (expected.label(), &record.delivery);
    assert_eq!(delivery.id.as_str(), expected.id(), "{label}");
    assert_eq!((&*delivery.source, &*delivery.path), (expected.text("source"), expected.text("path")));
    assert_eq!(delivery.provider_id, expected.get::<Option<String>>("providerId"), "{label}");
    assert_eq!(delivery.event, expected.text("event"), "{label}");
    let repository = delivery.repository.as_ref().map(ToString::to_string);
    assert_eq!(repository, expected.get::<Option<String>>("repository"), "{label}");
    assert_eq!(delivery.headers, expected.get::<Vec<(String, String)>>("headers"), "{label}");
    assert_eq!(delivery.body, expected.text("body").as_bytes(), "{label}");
    assert_eq!(delivery.replay, expected.replay(), "{label}");
    assert_eq!(record.body_kept, expected.get::<bool>("bodyKept"), "{label}");
    assert_eq!(with_sorted_keys(&record.verification), with_sorted_keys(&expected.verification()), "{label}");
    assert_eq!(&*tenant(&record.verification), expected.text("tenant"), "{label}");
    assert_eq!(record.facts, Facts::default(), "{label}");
    assert_eq!(record.attempts, expected.get::<u32>("attempts"), "{label}");
    assert_eq!(record.error, expected.get::<Option<String>>("fault"), "{label}");
    assert_eq!(record.decisions, expected.decisions(), "{label}");
    assert_eq!(sorted(record.launches.clone()), expected.launches(), "{label}");
}

/// The keys of a delivery are tried side by side, so their order differs between the stores.
fn with_sorted_keys(verification: &Verification) -> Verification {
    let mut verification = verification.clone();
    verification.keys.sort_by_key(|KeyRef { secret, .. }| secret.clone());
    verification
}

pub(crate) async fn the_history_has_every_delivery_with_more_than_its_key(store: &mut impl Store) {
    let (mut records, mut after) = (Vec::new(), None);
    loop {
        let query = Query { limit: 7, after, ..Query::default() };
        let page = store.journal().history(query).await.unwrap();
        records.extend(page.records);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(records.is_sorted_by(|one, next| one.delivery.received_at >= next.delivery.received_at));
    let found: Vec<_> = records.iter().map(|record| record.delivery.id.to_string()).collect();
    let (mut found, mut wanted) =
        (found, expected::all().filter(|e| !e.is_key_only()).map(|e| e.id().to_owned()).collect::<Vec<_>>());
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    let fired =
        records.iter().find(|record| record.delivery.id.as_str() == expected::labelled("settled-fired").id());
    assert_eq!(fired.unwrap().decisions, expected::labelled("settled-fired").decisions());
    for (state, count) in [(State::Failed, 2), (State::Settled, 19)] {
        let query = Query { state: Some(state), ..Query::default() };
        assert_eq!(store.journal().history(query).await.unwrap().records.len(), count, "{state:?}");
    }
}

pub(crate) async fn every_rejection_reads_back<S: Store>(store: &mut S) {
    let expected: Vec<Rejection> = serde_json::from_value(expected::part("refusals").clone()).unwrap();
    let found = store.journal().rejections().await.unwrap();
    assert_eq!(found.iter().map(|rejection| rejection.times).sum::<u64>(), 14);
    if S::EXCLUSIVE {
        assert_eq!(found, expected);
    }
    let answers = |rejections: &[Rejection]| -> HashSet<(u16, String, String, usize)> {
        let each = rejections.iter().map(|rejection| {
            (rejection.status, rejection.answer.clone(), rejection.reason.clone(), rejection.tried.len())
        });
        each.collect()
    };
    assert_eq!(answers(&found), answers(&expected));
}

pub(crate) async fn watermarks_and_entries_read_back_and_can_be_written<S: Store>(store: &mut S) {
    let journal = store.journal();
    let watermarks: BTreeMap<String, Timestamp> =
        serde_json::from_value(expected::part("watermarks").clone()).unwrap();
    assert_eq!(watermarks.len(), 4);
    for (name, at) in watermarks {
        assert_eq!(journal.watermark(&name).await.unwrap(), Some(at), "{name}");
        let later = Timestamp::from_second(at.as_second() + 60).unwrap();
        journal.raise_watermark(&name, at - jiff::SignedDuration::from_secs(60)).await.unwrap();
        assert_eq!(journal.watermark(&name).await.unwrap(), Some(at), "{name}");
        journal.raise_watermark(&name, later).await.unwrap();
        assert_eq!(journal.watermark(&name).await.unwrap(), Some(later), "{name}");
    }
    let entries = expected::part("memos").as_object().unwrap();
    assert_eq!(entries.len(), 3);
    for (name, expected) in entries {
        let Entry { revision, text } = journal.entry(name).await.unwrap().unwrap();
        assert_eq!(Some(revision), expected["revision"].as_u64(), "{name}");
        let text: Value = serde_json::from_str(&text).unwrap();
        // The ledger of team-b has the time of an observation.
        if S::EXCLUSIVE || name != "images/team-b" {
            assert_eq!(text, expected["text"], "{name}");
        }
        assert!(!journal.compare_and_swap(name, revision - 1, "{}".to_owned()).await.unwrap());
        assert!(journal.compare_and_swap(name, revision, "{}".to_owned()).await.unwrap());
    }
}

pub(crate) async fn the_queue_has_the_deliveries_that_were_not_settled<S: Store>(store: &mut S) {
    let claimed = if S::EXCLUSIVE { 0 } else { 2 };
    let stats = store.journal().stats().await.unwrap();
    assert!(matches!(stats, Stats { oldest_unsettled: Some(_), .. }), "{stats:?}");
    assert_eq!((stats.pending, stats.claimed), (16 - claimed, claimed));
    assert!(store.journal().usage().await.unwrap().payload_bytes > 0);
    store.journal().check().await.unwrap();
}
