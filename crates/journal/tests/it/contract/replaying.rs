use trigger_core::{ObjectKey, Replay};
use trigger_journal::{ReplayOutcome, ReplayRequest, Settlement, State};

use super::{append, claim_one, failure, replay, settle_all};
use crate::Store;
use crate::delivery::{launched, push, skipped, verified};

pub(crate) async fn a_replay_is_a_delivery_of_its_own(store: &mut impl Store) {
    let old = push("a", 0);
    append(store.journal(), &old).await;
    let decided =
        Settlement { decisions: vec![skipped("r")], launches: vec![launched("web-1")], error: None };
    settle_all(store.journal(), &decided).await;
    let ReplayOutcome::New(id) = replay(store.journal(), &old.id, "once").await else { panic!("not new") };
    assert_ne!(id, old.id);

    let found = store.journal().find(&id).await.unwrap().unwrap();
    let asked = Replay { of: old.id.clone(), by: "ada".to_owned(), from: "10.0.0.7".to_owned() };
    assert_eq!(found.delivery.replay, Some(asked.clone()));
    assert_eq!((found.state, found.attempts), (State::Pending, 0));
    assert!(found.delivery.received_at > old.received_at);
    assert_eq!((found.decisions.len(), found.launches.len()), (0, 0), "nothing of the old one's outcome");
    let claimed = claim_one(store.journal()).await;
    assert_eq!((&claimed.token.id, claimed.delivery.replay), (&id, Some(asked)));
    assert_eq!((&claimed.delivery.body, &claimed.delivery.event), (&old.body, &old.event));
    assert_eq!(&claimed.verification, verified(old.clone()).verification());
    assert!(claimed.launches.is_empty());

    let old = store.journal().find(&old.id).await.unwrap().unwrap();
    assert_eq!((old.state, old.replays), (State::Settled, vec![id]));
}

pub(crate) async fn a_request_made_twice_makes_one_replay(store: &mut impl Store) {
    let old = push("a", 0);
    append(store.journal(), &old).await;
    settle_all(store.journal(), &failure("quota")).await;
    let ReplayOutcome::New(first) = replay(store.journal(), &old.id, "once").await else { panic!("not new") };
    assert_eq!(replay(store.journal(), &old.id, "once").await, ReplayOutcome::Known(first.clone()));
    settle_all(store.journal(), &Settlement::default()).await;
    assert_eq!(replay(store.journal(), &old.id, "once").await, ReplayOutcome::Known(first.clone()));
    let ReplayOutcome::New(second) = replay(store.journal(), &old.id, "twice").await else {
        panic!("not new")
    };
    assert_ne!(first, second);
}

pub(crate) async fn a_delivery_that_cannot_be_replayed_has_a_reason(store: &mut impl Store) {
    let sent = push("a", 0);
    assert_eq!(replay(store.journal(), &sent.id, "x").await, ReplayOutcome::Missing);
    append(store.journal(), &sent).await;
    assert_eq!(replay(store.journal(), &sent.id, "x").await, ReplayOutcome::InProgress);
    claim_one(store.journal()).await;
    assert_eq!(replay(store.journal(), &sent.id, "x").await, ReplayOutcome::InProgress);
}

pub(crate) async fn a_replay_is_restricted_to_the_namespaces_of_its_request(store: &mut impl Store) {
    let old = push("a", 0);
    append(store.journal(), &old).await;
    settle_all(store.journal(), &Settlement::default()).await;
    let request = |of: &trigger_core::DeliveryId, namespace: &str| ReplayRequest {
        of: of.clone(),
        request: "once".to_owned(),
        by: "ada".to_owned(),
        from: "10.0.0.7".to_owned(),
        namespaces: Some(std::iter::once(namespace.into()).collect()),
    };
    assert_eq!(
        store.journal().replay(request(&push("b", 0).id, "team-a")).await.unwrap(),
        ReplayOutcome::Missing
    );
    for (namespace, keys, tenant) in [("team-a", 1, "team-a"), ("team-b", 0, "")] {
        let outcome = store.journal().replay(request(&old.id, namespace)).await.unwrap();
        let ReplayOutcome::New(id) = outcome else { panic!("{namespace}: {outcome:?}") };
        let known = store.journal().replay(request(&old.id, namespace)).await.unwrap();
        assert_eq!(known, ReplayOutcome::Known(id.clone()), "{namespace}");
        let claimed = claim_one(store.journal()).await;
        assert_eq!((claimed.token.id.clone(), claimed.verification.keys.len()), (id.clone(), keys));
        assert_eq!(&*claimed.tenant, tenant);
        assert!(claimed.verification.admits(namespace) && !claimed.verification.admits("team-c"));
        assert!(!claimed.verification.is_by_secret(&ObjectKey::new("team-b", "hook")));
        store.journal().settle(claimed.token, Settlement::default()).await.unwrap();
        let ReplayOutcome::New(again) = replay(store.journal(), &id, "again").await else { panic!() };
        let found = store.journal().find(&again).await.unwrap().unwrap();
        assert_eq!(found.verification, claimed.verification, "a replay of a part stays a part");
        settle_all(store.journal(), &Settlement::default()).await;
    }
    let whole = replay(store.journal(), &old.id, "once").await;
    assert!(matches!(whole, ReplayOutcome::New(_)), "the request of another is not used up: {whole:?}");
}

pub(crate) async fn a_replay_can_be_replayed(store: &mut impl Store) {
    append(store.journal(), &push("a", 0)).await;
    settle_all(store.journal(), &Settlement::default()).await;
    let ReplayOutcome::New(first) = replay(store.journal(), &push("a", 0).id, "1").await else { panic!() };
    settle_all(store.journal(), &Settlement::default()).await;
    let ReplayOutcome::New(second) = replay(store.journal(), &first, "2").await else { panic!() };
    let found = store.journal().find(&second).await.unwrap().unwrap();
    assert_eq!(found.delivery.replay.map(|replay| replay.of), Some(first));
}
