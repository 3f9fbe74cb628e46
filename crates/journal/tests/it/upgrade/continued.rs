use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use trigger_core::{
    Credential, Delivery, DeliveryId, Facts, ObjectKey, Ordinal, ResourceRef, Unsigned, Verified, Verifier,
};
use trigger_journal::{
    AppendOutcome, ClaimedDelivery, LaunchRecord, OutcomeRecord, ReplayOutcome, ReplayRequest, Retention,
    Settlement, State,
};

use super::expected::{self, Expected, sorted};
use crate::Store;
use crate::contract::{claim_all, failure};
use crate::delivery::facts;

/// Claims every due delivery. Each by the label of the fixture.
async fn claim(store: &impl Store) -> HashMap<&'static str, ClaimedDelivery> {
    let labels: HashMap<_, _> = expected::all().map(|expected| (expected.id(), expected.label())).collect();
    let claimed = claim_all(store.journal()).await;
    claimed.into_iter().map(|claimed| (labels[claimed.token.id.as_str()], claimed)).collect()
}

async fn replay(store: &impl Store, label: &str, request: &str) -> ReplayOutcome {
    let request = ReplayRequest {
        of: expected::labelled(label).delivery_id(),
        request: request.to_owned(),
        by: "ada".to_owned(),
        from: "10.0.0.7".to_owned(),
        namespaces: None,
    };
    store.journal().replay(request).await.unwrap()
}

pub(crate) async fn every_due_delivery_is_claimed_once(store: &mut impl Store) {
    let claimed = claim(store).await;
    let due = expected::all().filter(|e| e.is_queued());
    let wanted: HashSet<_> = due.map(Expected::label).collect();
    assert_eq!(claimed.keys().copied().collect::<HashSet<_>>(), wanted);
    assert!(claimed.contains_key("claimed") && claimed.contains_key("claimed-again"), "the claims ended");
    for (label, claimed) in claimed {
        let expected = expected::labelled(label);
        assert_eq!(claimed.token.attempt, expected.get::<u32>("attempts") + 1, "{label}");
        assert_eq!(sorted(claimed.launches), expected.launches(), "{label}");
        assert_eq!(claimed.delivery.body, expected.text("body").as_bytes(), "{label}");
        assert_eq!(claimed.delivery.replay, expected.replay(), "{label}");
        assert_eq!((&*claimed.tenant, claimed.facts), (expected.text("tenant"), Facts::default()), "{label}");
        assert_eq!(claimed.verification.unsigned, expected.verification().unsigned, "{label}");
        assert!(claimed.claimed_until > Timestamp::now(), "{label}");
    }
    assert!(claim(store).await.is_empty());
    let stats = store.journal().stats().await.unwrap();
    assert_eq!((stats.pending, stats.claimed), (0, 16));
}

pub(crate) async fn a_claimed_delivery_is_settled_with_runs_of_any_kind(store: &mut impl Store) {
    let mut claimed = claim(store).await;
    for label in ["pending", "pending-past", "pending-reopened", "claimed", "claimed-again"] {
        let ClaimedDelivery { token, launches, .. } = claimed.remove(label).unwrap();
        let run = ResourceRef::new("tekton.dev", "PipelineRun", ObjectKey::new("team-a", "ci-x"));
        let launch = LaunchRecord {
            run: run.clone(),
            event: Ordinal::new(1),
            uid: Some("1f3a".to_owned()),
            existed: false,
            error: None,
            condition: None,
        };
        let launches: Vec<_> = launches.into_iter().chain([launch]).collect();
        let mut decisions = expected::labelled("settled-fired").decisions();
        decisions[0].outcome = OutcomeRecord::Fired { runs: vec![run] };
        let settlement = Settlement { decisions, launches, error: None };
        store.journal().settle(token.clone(), settlement.clone()).await.unwrap();
        let record = store.journal().find(&token.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.attempts, record.error), (State::Settled, token.attempt, None));
        assert_eq!(
            (record.decisions, record.launches),
            (settlement.decisions, settlement.launches),
            "{label}"
        );
    }
}

pub(crate) async fn a_claimed_delivery_is_released_with_facts(store: &mut impl Store) {
    let mut first = claim(store).await;
    let labels = ["pending", "pending-past", "claimed-again"];
    for label in labels {
        let token = first.remove(label).unwrap().token;
        store.journal().record_facts(token.clone(), facts(&["aaaaaaa"])).await.unwrap();
        store.journal().release(token, Timestamp::now(), failure("busy")).await.unwrap();
    }
    let mut second = claim(store).await;
    assert_eq!(second.len(), labels.len(), "the others are still claimed");
    for label in labels {
        let claimed = second.remove(label).unwrap();
        let attempts = expected::labelled(label).get::<u32>("attempts");
        assert_eq!((claimed.token.attempt, claimed.facts), (attempts + 2, facts(&["aaaaaaa"])), "{label}");
        store.journal().settle(claimed.token, Settlement::default()).await.unwrap();
    }
}

pub(crate) async fn a_replay_copies_a_delivery(store: &mut impl Store) {
    claim(store).await;
    for label in
        ["settled-fired", "settled-two-secrets", "settled-pipeline-run", "settled-image", "failed-partial"]
    {
        let expected = expected::labelled(label);
        let ReplayOutcome::New(id) = replay(store, label, "after the upgrade").await else {
            panic!("{label}: not new")
        };
        let claimed = claim_all(store.journal()).await.remove(0);
        let (delivery, replay) = (claimed.delivery, claimed.token);
        assert_eq!((&replay.id, replay.attempt), (&id, 1), "{label}");
        assert_eq!(delivery.body, expected.text("body").as_bytes(), "{label}");
        assert_eq!(delivery.replay.map(|replay| replay.of), Some(expected.delivery_id()), "{label}");
        assert_eq!(claimed.verification.observed, expected.verification().observed, "{label}");
        assert_eq!(claimed.verification.keys.len(), expected.verification().keys.len(), "{label}");
        assert!(claimed.launches.is_empty() && claimed.facts.is_empty(), "{label}");
        store.journal().settle(replay, Settlement::default()).await.unwrap();
    }
}

pub(crate) async fn a_request_that_made_a_replay_is_known(store: &mut impl Store) {
    for (label, request, made) in [
        ("settled-fired", "request-1", "settled-replay"),
        ("settled-fired", "request-2", "pending-replay"),
        ("failed-partial", "request-3", "pending-replay-of-failed"),
    ] {
        let id = expected::labelled(made).delivery_id();
        assert_eq!(replay(store, label, request).await, ReplayOutcome::Known(id), "{label} {request}");
    }
}

pub(crate) async fn a_delivery_without_a_body_is_not_replayed(store: &mut impl Store) {
    for (label, expected) in [
        ("bodiless-settled", ReplayOutcome::BodyGone),
        ("bodiless-replay", ReplayOutcome::BodyGone),
        ("key-only-settled", ReplayOutcome::Missing),
        ("key-only-failed", ReplayOutcome::Missing),
        ("pending", ReplayOutcome::InProgress),
        ("claimed", ReplayOutcome::InProgress),
    ] {
        assert_eq!(replay(store, label, "again").await, expected, "{label}");
    }
}

/// The delivery as its sender would deliver it again, verified by the key of `team-a/hook`.
fn redelivered(label: &str) -> Verified<Delivery> {
    let expected = expected::labelled(label);
    let delivery = Delivery {
        id: expected.delivery_id(),
        source: expected.text("source").into(),
        path: expected.text("path").into(),
        provider_id: None,
        event: expected.text("event").to_owned(),
        repository: None,
        received_at: Timestamp::now(),
        headers: Vec::new(),
        body: "the body of the redelivery".into(),
        replay: None,
    };
    let mut verifier = Verifier::new(delivery, Credential::token(b"key").into());
    assert!(verifier.try_key(&ObjectKey::new("team-a", "hook"), "github-token", b"key"));
    verifier.finish(Unsigned::No).unwrap()
}

pub(crate) async fn a_repetition_is_known_and_a_failed_delivery_is_reopened(store: &mut impl Store) {
    claim(store).await;
    let mut reopened = HashMap::new();
    for expected in expected::all() {
        let outcome = store.journal().append(redelivered(expected.label())).await.unwrap();
        let wanted = match expected.state() {
            State::Settled => AppendOutcome::Settled,
            State::Failed => AppendOutcome::Reopened,
            State::Pending | State::Claimed => AppendOutcome::InProgress,
        };
        assert_eq!(outcome, wanted, "{}", expected.label());
        if outcome == AppendOutcome::Reopened {
            reopened.insert(expected.delivery_id(), expected);
        }
    }
    assert_eq!(reopened.len(), 3);
    let claimed = claim_all(store.journal()).await;
    let ids: HashSet<DeliveryId> = claimed.iter().map(|claimed| claimed.token.id.clone()).collect();
    assert_eq!(ids, reopened.keys().cloned().collect());
    for claimed in claimed {
        let expected = reopened[&claimed.token.id];
        assert_eq!(claimed.token.attempt, 2, "{}", expected.label());
        assert_eq!(&*claimed.delivery.body, b"the body of the redelivery", "{}", expected.label());
        assert_eq!(sorted(claimed.launches), expected.launches(), "{}", expected.label());
        assert_eq!(claimed.verification.route, expected.text("path").into(), "{}", expected.label());
    }
}

pub(crate) async fn retention_prunes_bodies_deliveries_and_keys(store: &mut impl Store) {
    let retention = |payloads, deliveries, keys| Retention {
        payloads,
        deliveries,
        keys,
        max_deliveries: u64::MAX,
        max_payload_bytes: u64::MAX,
    };
    let (never, now) = (Duration::from_hours(876_000), Duration::ZERO);
    assert!(store.journal().prune(retention(never, never, never)).await.unwrap().is_empty());
    let settled = expected::all().filter(|expected| !expected.is_queued());
    let settled = settled.collect::<Vec<_>>();
    let with_body = settled.iter().filter(|expected| expected.get::<bool>("bodyKept")).count() as u64;
    let pruned = store.journal().prune(retention(now, never, never)).await.unwrap();
    assert_eq!((pruned.payloads, pruned.deliveries, pruned.keys), (with_body, 0, 0));
    let pruned = store.journal().prune(retention(now, now, never)).await.unwrap();
    assert_eq!((pruned.payloads, pruned.deliveries, pruned.keys), (0, with_body + 2, 0));
    let pruned = store.journal().prune(retention(now, now, now)).await.unwrap();
    assert_eq!(pruned.keys, settled.len() as u64);
    assert_eq!(claim_all(store.journal()).await.len(), 16, "queued deliveries are never pruned");
}
